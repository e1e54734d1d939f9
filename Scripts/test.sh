#!/usr/bin/env bash
# Builds everything and runs all tests, those of the command line included.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift build --build-tests
swift test --disable-xctest --skip-build "$@"
