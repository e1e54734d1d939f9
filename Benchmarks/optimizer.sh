#!/usr/bin/env bash
# Times the optimizer's kernels; see optimizer.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Benchmarks/common.sh
source Benchmarks/common.sh

build optimizer
"$program" "$@"
