#!/usr/bin/env bash
# The shape of the paper's Table 6 on a small model and real text: a base model, the base model
# trained on without sharing, and trained on with a growing region, measured at every region
# length up to half of the layers, for three seeds. About an hour on 4 cores; finished parts are
# kept in runs/continual, so a second call goes on where the first one stopped.
#
#   Scripts/continual.sh [--set key=value ...]     settings for every training run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

readonly epas=".build/release/epas"
readonly folder="runs/continual"
readonly seeds="1 2 3"

# Prints the only checkpoint of a run.
checkpoint_of() {
    ls -d "$1"/checkpoints/step-*
}

# train NAME RECIPE [options]: one run, resumed where an earlier call stopped.
train() {
    local run="$folder/$1" recipe="$2"
    shift 2
    local resume=()
    [[ ! -e "$run/run.yaml" ]] || resume=(--resume)
    "$epas" train "$recipe" --output "$run" "$@" "${resume[@]}"
}

# measure NAME CHECKPOINT: the loss and accuracy at every region length, as JSON lines.
measure() {
    [[ -s "$folder/$1.jsonl" ]] || {
        "$epas" evaluate "$2" --data "$folder/data" --sequence 256 --batch 8 --batches 64 \
            --share qk:0,1,2,3,4,5,6 --json >"$folder/$1.jsonl.part"
        mv "$folder/$1.jsonl.part" "$folder/$1.jsonl"
    }
}

[[ -x "$epas" ]] || fail "$epas does not exist. Run \`make build\`."
mkdir -p "$folder"
if [[ ! -e "$folder/data/manifest.json" ]]; then
    library="$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')"
    say "Preparing the sources of $library"
    "$epas" data prepare --input "$library" --include '*.py' --exclude site-packages \
        --exclude dist-packages --exclude __pycache__ --output "$folder/data" \
        --vocabulary-size 8192 --validation-fraction 0.05
fi

say "The base model"
[[ -e "$folder/base" ]] || {
    train base-run Recipes/small-base.yaml "$@"
    ln -s "${PWD}/$(checkpoint_of "$folder/base-run")" "$folder/base"
}
measure base "$folder/base"

for seed in $seeds; do
    for arm in without with; do
        say "Trained on $arm sharing, seed $seed"
        settings=(--set "training.seed=$seed")
        [[ "$arm" == with ]] || settings+=(--set sharing=null)
        [[ -s "$folder/$arm-$seed.jsonl" ]] \
            || train "$arm-$seed" Recipes/small-continual.yaml "${settings[@]}" "$@"
        measure "$arm-$seed" "$(checkpoint_of "$folder/$arm-$seed")"
    done
done

python3 Scripts/continual_table.py "$folder"
