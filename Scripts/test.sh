#!/usr/bin/env bash
# Builds everything and runs all tests: of set-up, of the Swift code, command line included, of the
# CPU kernels under sanitizers, and of runs that are stopped and continued.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/test_setup.sh
swift build --build-tests
# Thousands of tests start and pass; what failed is said again at the end.
log=.build/test.log
if ! swift test --disable-xctest --skip-build "$@" 2>&1 | tee "$log" | sed '/^◇/d'; then
    printf '\nFailures (all that was said is in %s):\n' "$log"
    awk '/^(✔|◇)/ { shown = 0 } /^✘/ { shown = 1 } shown { print substr($0, 1, 2000) }' "$log"
    exit 1
fi
# Options choose tests of the Swift code; without any, all tests run.
if (($# == 0)); then
    Scripts/test_kernels.sh
    Scripts/test_resume.py --epas "$(swift build --show-bin-path)/epas"
fi
