#!/usr/bin/env bash
# Builds everything and runs all tests: of set-up, of the Swift code, command line included, of the
# CPU kernels under sanitizers, and of runs that are stopped and continued.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=.build/test.log

# Thousands of lines say that tests start and pass; what failed is said again at the end.
swift_tests() {
    if swift test --disable-xctest --skip-build "$@" 2>&1 | tee "$log" | sed '/^◇/d'; then return; fi
    printf '\nFailures (all that was said is in %s):\n' "$log"
    awk '/^(✔|◇)/ { shown = 0 } /^✘|error: |crashed:/ { shown = 1 } shown { print substr($0, 1, 2000) }' "$log"
    return 1
}

Scripts/test_setup.sh
swift build --build-tests
# Options choose tests of the Swift code; without any, all tests run.
if (($# > 0)); then
    swift_tests "$@"
    exit
fi
# Servers and programs answer within seconds, which they cannot while all cores compute.
timed='^(EPASServerTests|epasTests)\.'
swift_tests --filter "$timed"
swift_tests --skip "$timed"
Scripts/test_kernels.sh
Scripts/test_resume.py --epas "$(swift build --show-bin-path)/epas"
