#!/usr/bin/env bash
# Provides what lies outside SwiftPM: the Debian packages SentencePiece, Oniguruma and zstd, and
# the PJRT plugin for the CPU in .deps/xla-cpu-pjrt. Installs only what is missing; needs no network
# once everything is there. Afterwards plain `swift build` and `swift test` work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/common.sh
source Scripts/common.sh

readonly wheel="xla-cpu-pjrt"
readonly version="0.0.1"
readonly needed_swift="6.2"
# Room for the wheel and the unpacked plugin.
readonly needed_megabytes=400

case "$(uname -s) $(uname -m)" in
"Linux x86_64")
    platform="manylinux_2_27_x86_64"
    sha256="55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc"
    ;;
"Linux aarch64" | "Linux arm64")
    platform="manylinux_2_27_aarch64"
    sha256="8f613be6e891858f40d64f9799319502fff42689661944fc18a6ffd8210b30c9"
    ;;
*)
    fail "The PJRT plugin $wheel $version exists for Linux on x86-64 and arm64, not for" \
        "$(uname -s) on $(uname -m). Use such a machine, or a container on it."
    ;;
esac
readonly platform sha256

check_swift() {
    command -v swift >/dev/null || fail "There is no \`swift\` on PATH. Install a Swift" \
        "$needed_swift or newer toolchain from https://www.swift.org/install/linux/."
    local text found oldest
    text="$(swift --version 2>/dev/null)" || fail "\`swift --version\` fails. Reinstall the" \
        "toolchain from https://www.swift.org/install/linux/."
    found="$(sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' <<<"$text" | head -n 1)"
    oldest="$(printf '%s\n' "$needed_swift" "${found:-0}" | sort --version-sort | head -n 1)"
    if [[ "$oldest" != "$needed_swift" ]]; then
        fail "Swift ${found:-of unknown version} at $(command -v swift) is too old. Install" \
            "$needed_swift or newer from https://www.swift.org/install/linux/."
    fi
}

has_header() {
    local folder
    for folder in /usr/include /usr/local/include; do
        [[ -e "$folder/$1" ]] && return
    done
    return 1
}

install_missing_packages() {
    local missing=()
    has_header sentencepiece_processor.h || missing+=(libsentencepiece-dev)
    has_header zstd.h || missing+=(libzstd-dev)
    has_header oniguruma.h || missing+=(libonig-dev)
    has_header c++ || missing+=(g++)
    command -v git >/dev/null || missing+=(git)
    command -v python3 >/dev/null || missing+=(python3)
    if [[ ${#missing[@]} -gt 0 ]]; then
        install_packages "${missing[@]}"
    fi
}

# A plugin is in place when the stamp names this wheel and the library has its unpacked size.
plugin_is_installed() {
    local folder=".deps/$wheel" size
    [[ -f "$folder/stamp" && -f "$folder/include/pjrt_c_api.h" ]] || return 1
    size="$(stat -Lc %s "$folder/xla_cpu_pjrt.so" 2>/dev/null)" || return 1
    [[ "$(cat "$folder/stamp")" == "$wheel $version $sha256 $size" ]]
}

install_plugin() {
    local unpacked="$1" log="$1/download.log" file
    say "Fetching $wheel $version (about 60 MB)"
    ensure_pip
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$unpacked" \
        --only-binary=:all: --platform "$platform" --implementation py --abi none \
        "$wheel==$version" >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        fail "pip could not fetch $wheel $version; its message is above. Check the network and" \
            "pip's configuration, then run \`make setup\` again."
    }
    file="$(find "$unpacked" -name '*.whl')"
    if ! sha256sum --check --status <<<"$sha256  $file"; then
        fail "$(basename "$file") has SHA-256 $(sha256sum "$file" | cut -d ' ' -f 1)," \
            "expected $sha256. The package index or a proxy delivered another file:" \
            "nothing was installed. Clear pip's cache (python3 -m pip cache purge) and run" \
            "\`make setup\` again."
    fi
    python3 Scripts/unpack_plugin.py "$file" "$unpacked/plugin" ||
        fail "The plugin could not be unpacked into .deps; the message is above."
    echo "$wheel $version $sha256 $(stat -c %s "$unpacked/plugin/xla_cpu_pjrt.so")" \
        >"$unpacked/plugin/stamp"
    # Two renames, so that nobody ever sees half a plugin.
    if [[ -e ".deps/$wheel" ]]; then
        mv -T ".deps/$wheel" "$unpacked/replaced"
    fi
    mv -T "$unpacked/plugin" ".deps/$wheel"
}

check_swift
install_missing_packages
make_deps_folder
if ! plugin_is_installed; then
    lock_deps_folder
    if ! plugin_is_installed; then
        check_room "$needed_megabytes"
        unpacked="$(make_workspace)"
        trap 'rm -rf "$unpacked"' EXIT
        install_plugin "$unpacked"
    fi
fi
if [[ ! -f .build/workspace-state.json ]]; then
    swift package resolve || fail "SwiftPM could not fetch the packages of Package.swift; its" \
        "message is above. Check the network, then run \`make setup\` again."
fi
say "Set-up is complete."
