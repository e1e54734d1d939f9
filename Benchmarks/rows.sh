#!/usr/bin/env bash
# Times the kernels of a training layer between its products; see rows.cpp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Benchmarks/common.sh
source Benchmarks/common.sh

build rows
"$program" "$@"
