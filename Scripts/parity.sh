#!/usr/bin/env bash
# Runs a Python script of this folder (parity.py if none is named) with PyTorch and transformers
# from .deps/python, and installs them there first when they are missing.
#
#   Scripts/parity.sh [--cases N] [--seed N] [--run FOLDER]
#   Scripts/parity.sh make_fixtures.py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

readonly requirements="Scripts/parity-requirements.txt"

wanted_stamp() {
    python3 -c 'import sys; print("python", *sys.version_info[:2])'
    cat "$requirements"
}

is_installed() {
    [[ -f .deps/python/stamp ]] && diff -q .deps/python/stamp <(wanted_stamp) >/dev/null
}

install_python_packages() {
    local folder="$1/python" log="$1/install.log"
    say "Installing PyTorch and transformers into .deps/python"
    ensure_pip
    python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder" \
        --requirement "$requirements" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "pip could not install what $requirements names; its last lines are above." \
            "Check the network, the free disk space (up to 8 GB) and pip's configuration, then" \
            "run \`make parity\` again."
    }
    PYTHONPATH="$folder" python3 -c "import torch, transformers" || fail "The installed PyTorch" \
        "cannot be imported; the message is above. It needs Python 3.10 or newer."
    wanted_stamp >"$folder/stamp"
    if [[ -e .deps/python ]]; then
        mv -T .deps/python "$1/replaced"
    fi
    mv -T "$folder" .deps/python
}

command -v python3 >/dev/null || install_packages python3
make_deps_folder
if ! is_installed; then
    lock_deps_folder
    if ! is_installed; then
        check_room 3000
        workspace="$(make_workspace)"
        trap 'rm -rf "$workspace"' EXIT
        install_python_packages "$workspace"
        rm -rf "$workspace"
    fi
fi

script="parity.py"
if [[ "${1:-}" == *.py ]]; then
    script="$1"
    shift
fi
PYTHONPATH="$PWD/.deps/python" PYTHONDONTWRITEBYTECODE=1 exec python3 "Scripts/$script" "$@"
