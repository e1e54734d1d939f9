#!/usr/bin/env bash
# Times the CPU kernels; see kernels.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Benchmarks/common.sh
source Benchmarks/common.sh

build kernels
"$program" "$@"
