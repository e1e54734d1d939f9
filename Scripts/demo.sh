#!/usr/bin/env bash
# The demo: prepares the Python standard library's sources as text, trains the model of
# Recipes/demo.yaml twice from the same seed on the same batches, without sharing and with a
# growing sharing region, compares both at several region lengths, and lets the second generate.
#
#   Scripts/demo.sh [--set key=value ...]     settings for both training runs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

readonly epas=".build/release/epas"
readonly data="runs/demo-data"
readonly baseline="runs/demo-baseline"
readonly shared="runs/demo-epas"
readonly prompt='    def __init__(self, name):'

# The text depends on the Python at hand, so prepared data is kept only for the same one.
prepare_data() {
    local library origin
    library="$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')"
    origin="$library $(python3 -c 'import platform; print(platform.python_version())')"
    if [[ -f "$data/manifest.json" && "$(cat "$data.origin" 2>/dev/null)" == "$origin" ]]; then
        say "Using the text prepared before in $data"
        return
    fi
    say "Preparing the sources of $library"
    rm -rf "$data" "$data.origin"
    "$epas" data prepare --input "$library" --include '*.py' \
        --exclude site-packages --exclude dist-packages --exclude test --exclude tests \
        --exclude idle_test --exclude __pycache__ --exclude lib2to3 --exclude turtledemo \
        --output "$data" --vocabulary-size 4096 --validation-fraction 0.05
    echo "$origin" >"$data.origin"
}

# Prints the first two lines that the model writes after the prompt.
show_generated() {
    local text
    text="$("$epas" generate "$shared" --prompt "$prompt" \
        --max-tokens 64 --temperature 0.5 --seed 1 --share "qk:$1")"
    printf 'region length %s:\n%s\n' "$1" "$(head -n 3 <<<"$text")"
}

[[ -x "$epas" ]] || fail "$epas does not exist. Run \`make demo\`, which builds it."
mkdir -p runs
prepare_data

rm -rf "$baseline" "$shared"
say "Training without sharing"
"$epas" train Recipes/demo.yaml --output "$baseline" --set sharing=null "$@"
say "Training with a growing sharing region"
"$epas" train Recipes/demo.yaml --output "$shared" "$@"

say "Comparing region lengths"
"$epas" report "$baseline" "$shared" --data "$data" \
    --sequence 256 --batches 16 --share qk:0,1,2,3,4 --output runs/demo

say "Generated after: $prompt"
show_generated 0
show_generated 4
say "Done in $SECONDS s. The runs are in $baseline and $shared, the comparison in runs/demo."
