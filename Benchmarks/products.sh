#!/usr/bin/env bash
# Times the products of training; see products.cpp. EPAS_ONEDNN=1 compares with oneDNN, whose Debian
# package is libdnnl-dev.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Benchmarks/common.sh
source Benchmarks/common.sh

options=()
if [[ -n "${EPAS_ONEDNN:-}" ]]; then
    options=(-DEPAS_ONEDNN -ldnnl "-l:libgomp.so.1")
    # Its threads must not look for work while ours compute.
    export OMP_WAIT_POLICY=passive
fi
build products "${options[@]}"
"$program" "$@"
