#!/usr/bin/env bash
# Times the CPU kernels; see kernels.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
clang++ -std=c++17 -O2 Sources/CPUKernels/*.cpp Sources/CPUKernels/InstructionSets/*.cpp \
    Benchmarks/kernels.cpp -o "$folder/kernels" -pthread
"$folder/kernels" "$@"
