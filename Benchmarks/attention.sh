#!/usr/bin/env bash
# Times the kernels of training's attention; see attention.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
clang++ -std=c++17 -O2 Sources/CPUKernels/*.cpp Sources/CPUKernels/InstructionSets/*.cpp \
    Benchmarks/attention.cpp -o "$folder/attention" -pthread
"$folder/attention" "$@"
