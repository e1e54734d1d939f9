#!/usr/bin/env bash
# Times the kernels of a training layer between its products; see rows.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
clang++ -std=c++17 -O2 Sources/CPUKernels/*.cpp Sources/CPUKernels/InstructionSets/*.cpp \
    Benchmarks/rows.cpp -o "$folder/rows" -pthread
"$folder/rows" "$@"
