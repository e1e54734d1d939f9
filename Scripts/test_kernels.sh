#!/usr/bin/env bash
# Checks the CPU kernels for every instruction set that this processor has, under sanitizers: of
# addresses and undefined behaviour, and of data races.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

build() {
    local sources=(Sources/CPUKernels/*.cpp Sources/CPUKernels/InstructionSets/*.cpp) jobs=()
    mkdir "$folder/$1"
    for source in "${sources[@]}" Tests/CPUKernelsCheck/main.cpp; do
        clang++ -std=c++17 -O1 -g -fno-omit-frame-pointer "-fsanitize=$2" \
            -fno-sanitize-recover=all -c "$source" -o "$folder/$1/$(basename "$source").o" &
        jobs+=($!)
        # Two at a time.
        ((${#jobs[@]} % 2)) || wait "${jobs[@]: -2}"
    done
    wait "${jobs[@]}"
    clang++ -fuse-ld=lld "-fsanitize=$2" "$folder/$1"/*.o -o "$folder/$1/check" -pthread "${@:3}"
}

build address address,undefined
# The toolchain's thread sanitizer also watches Dispatch, which it must then find.
swift="$(dirname "$(readlink -f "$(command -v clang++)")")/../lib/swift/linux"
build thread thread "-L$swift" "-Wl,-rpath,$swift" -ldispatch -lBlocksRuntime
for set in avx512bf16 avx512 avx2 plain; do
    # One that the processor lacks stands for the best that it has.
    EPAS_CPU_ISA=$set "$folder/address/check"
done
EPAS_CPU_ISA= "$folder/thread/check"
