#!/usr/bin/env bash
# Installs the PJRT plugin for NVIDIA GPUs and the CUDA libraries it loads into .deps/cuda, where
# `runtime.plugin: cuda` finds them. The driver must be there already; CUDA itself need not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

install_python_folder cuda Scripts/cuda-requirements.txt
say "The CUDA plugin is in .deps/cuda. Choose it with runtime.plugin: cuda in a run file."
