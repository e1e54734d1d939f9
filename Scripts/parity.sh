#!/usr/bin/env bash
# Runs a Python script of this folder (parity.py if none is named) with PyTorch and transformers
# from .deps/python, and installs them there first when they are missing.
#
#   Scripts/parity.sh [--cases N] [--seed N] [--run FOLDER]
#   Scripts/parity.sh parity_huggingface.py [--cases N] [--seed N]
#   Scripts/parity.sh parity_evaluation.py [--items N] [--seed N]
#   Scripts/parity.sh parity_server.py [--items N] [--seed N]
#   Scripts/parity.sh parity_templates.py [--cases N] [--seed N]
#   Scripts/parity.sh make_fixtures.py
#   Scripts/parity.sh parity_tokenizers.py [--strings N] [--seed N] [--speed]
#
# Scripts about tokenizers need no PyTorch: theirs is the small folder .deps/python-tokenizers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

script="parity.py"
if [[ "${1:-}" == *.py ]]; then
    script="$1"
    shift
fi
folder="python"
requirements="Scripts/parity-requirements.txt"
if [[ "$script" == *tokenizer* ]]; then
    folder="python-tokenizers"
    requirements="Scripts/tokenizers-requirements.txt"
fi
install_python_folder "$folder" "$requirements"
if [[ "$script" == parity_huggingface.py ]]; then
    install_python_folder python-4.46 Scripts/parity-4.46-requirements.txt
fi
if [[ "$script" == *compare_training.py ]]; then
    install_python_folder python-jax Benchmarks/jax-requirements.txt
fi
path="$PWD/.deps/$folder"
if [[ "$script" == parity_evaluation.py || "$script" == parity_server.py ]]; then
    install_python_folder python-lm-eval Scripts/lm-eval-requirements.txt --no-deps
    path="$path:$PWD/.deps/python-lm-eval"
fi
if [[ "$script" == parity_server.py ]]; then
    install_python_folder python-server Scripts/server-requirements.txt --no-deps
    path="$path:$PWD/.deps/python-server"
fi
PYTHONPATH="$path" PYTHONDONTWRITEBYTECODE=1 exec python3 "Scripts/$script" "$@"
