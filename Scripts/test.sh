#!/usr/bin/env bash
# Builds everything and runs all tests: of set-up, of the Swift code, command line included, of the
# CPU kernels under sanitizers, and of runs that are stopped and continued.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/test_setup.sh
swift build --build-tests
swift test --disable-xctest --skip-build "$@"
# Options choose tests of the Swift code; without any, all tests run.
if (($# == 0)); then
    Scripts/test_kernels.sh
    Scripts/test_resume.py --epas "$(swift build --show-bin-path)/epas"
fi
