#!/usr/bin/env bash
# Times the optimizer's kernels; see optimizer.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
clang++ -std=c++17 -O2 Sources/CPUKernels/*.cpp Sources/CPUKernels/InstructionSets/*.cpp \
    Benchmarks/optimizer.cpp -o "$folder/optimizer" -pthread
"$folder/optimizer" "$@"
