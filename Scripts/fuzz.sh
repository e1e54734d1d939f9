#!/usr/bin/env bash
# Fuzzes the readers of files that strangers write, with libFuzzer, on an optimised build.
#
#   Scripts/fuzz.sh [--seconds N] [TARGET...]
#
# TARGET is safetensors, tokenizer-json, tokenizer-model, tokenizer-pieces,
# tokenizer-parts, config, run-file or template; all of them, one
# after another and N seconds each (60), if none is named. Inputs that were worth keeping stay in
# .build/fuzz/corpora/TARGET and are begun with the next time; an input that ended the program is
# saved in .build/fuzz/findings/TARGET. Exit code 1 says that there was one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

all=(safetensors config run-file tokenizer-json tokenizer-model tokenizer-pieces tokenizer-parts
    template)
seconds=60
targets=()
while (($# > 0)); do
    case "$1" in
        --seconds)
            [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || fail "--seconds needs a whole number of at least 1."
            seconds="$2"
            shift
            ;;
        -*) fail "There is no option $1. Use --seconds N and names of targets." ;;
        *)
            [[ " ${all[*]} " == *" $1 "* ]] || fail "There is no target $1. Use ${all[*]}."
            targets+=("$1")
            ;;
    esac
    shift
done
((${#targets[@]} > 0)) || targets=("${all[@]}")

# The instrumentation is asked of the compilers themselves: asked of `swift build`, the linker
# would take libFuzzer's main function with it.
runtime="$(clang -print-file-name=lib/linux/libclang_rt.fuzzer_no_main-x86_64.a)"
[[ -f "$runtime" ]] || runtime="$(clang -print-resource-dir)/lib/linux/$(basename "$runtime")"
[[ -f "$runtime" ]] || fail "clang has no libFuzzer. Use the clang of a Swift toolchain."
build=(
    swift build -c release --scratch-path .build/fuzz --product epas-fuzz
    -Xswiftc -Xfrontend -Xswiftc -sanitize=fuzzer -Xcc -fsanitize=fuzzer-no-link
    -Xlinker "$runtime" -Xlinker -lstdc++ -Xlinker -lm
)
say "Building"
EPAS_FUZZ=1 "${build[@]}"
program="$(EPAS_FUZZ=1 "${build[@]}" --show-bin-path)/epas-fuzz"

folder="$PWD/.build/fuzz"
rm -rf "$folder/seeds"
mkdir -p "$folder/seeds"
# Some targets write each input to a file; on a disk they would wait for it.
memory=/dev/shm
[[ -w "$memory" ]] || memory="$folder"
TMPDIR="$(mktemp -d -p "$memory")"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$program" seeds Tests "$folder/seeds"

# Swift's own report of a trap would keep libFuzzer from saving the input.
export SWIFT_BACKTRACE=enable=no

# Reports for one target: what one run, or the sum of several, has done.
status=0
fuzz() {
    local target="$1" end=$((SECONDS + seconds)) log="$folder/$1.log" inputs=0 peak=0 left saved
    # Seconds for one input. A regular expression is given up after half a second for each of some
    # twenty texts.
    local hang=1
    [[ "$target" != tokenizer-parts ]] || hang=10
    mkdir -p "$folder/corpora/$target" "$folder/findings/$target"
    : >"$log"
    while ((left = end - SECONDS, left > 0)); do
        if nice -n 19 "$program" "$target" -max_total_time="$left" -timeout="$hang" \
            -rss_limit_mb=1024 \
            -max_len=65536 -len_control=50 -print_final_stats=1 -use_value_profile=1 -reload=0 \
            -dict="Fuzz/Dictionaries/$target.dict" \
            -artifact_prefix="$folder/findings/$target/" \
            "$folder/corpora/$target" "$folder/seeds/$target" >"$log.part" 2>&1
        then
            saved=""
        else
            saved="$(sed -n 's/.*Test unit written to //p' "$log.part" | tail -n 1)"
        fi
        cat "$log.part" >>"$log"
        inputs=$((inputs + $(last_statistic number_of_executed_units "$log.part")))
        peak=$(($(last_statistic peak_rss_mb "$log.part") > peak ?
            $(last_statistic peak_rss_mb "$log.part") : peak))
        [[ -n "$saved" ]] || continue
        # The clock is the wall's: on a busy machine an innocent input may seem to hang.
        if [[ "$saved" == *timeout-* ]] &&
            "$program" "$target" -runs=3 -timeout="$hang" "$saved" >/dev/null 2>&1
        then
            rm "$saved"
            continue
        fi
        status=1
        echo "$target: this input ends or hangs the reader: $saved" >&2
        grep -aE 'Fatal error|ERROR: ' "$log.part" | tail -n 2 >&2
        break
    done
    rm -f "$log.part"
    say "$target: $inputs inputs, peak memory $peak MB, $((seconds - left)) s"
}

# The number of a final statistic; a run that ended early counts its inputs in its last line.
last_statistic() {
    local number
    number="$(sed -n "s/^stat::$1: *//p" "$2" | tail -n 1)"
    if [[ -z "$number" && "$1" == number_of_executed_units ]]; then
        number="$(grep -aoE '^#[0-9]+' "$2" | tail -n 1 | tr -d '#')"
    fi
    echo "${number:-0}"
}

for target in "${targets[@]}"; do
    fuzz "$target"
done
exit $status
