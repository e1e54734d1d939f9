#!/usr/bin/env bash
# Times the kernels of training's attention; see attention.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Benchmarks/common.sh
source Benchmarks/common.sh

build attention
"$program" "$@"
