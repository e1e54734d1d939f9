#!/usr/bin/env bash
# Builds everything and runs all tests: of set-up, then of the Swift code, command line included.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

Scripts/test_setup.sh
swift build --build-tests
swift test --disable-xctest --skip-build "$@"
