# Shared by the scripts of this folder that time C++ programs; the caller has gone to the package's
# root.

# Builds a program of this folder with the kernels; `$program` is where it is.
build() {
    local folder
    folder="$(mktemp -d)"
    # shellcheck disable=SC2064
    trap "rm -rf '$folder'" EXIT
    program="$folder/$1"
    clang++ -std=c++17 -O2 Sources/CPUKernels/*.cpp Sources/CPUKernels/InstructionSets/*.cpp \
        "Benchmarks/$1.cpp" -o "$program" -pthread "${@:2}"
}
