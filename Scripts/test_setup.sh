#!/usr/bin/env bash
# Tests Scripts/setup.sh in a copy of its own, with stand-ins for the commands it calls: what it
# says and leaves behind when something is missing, and that it asks for nothing once it is done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sandbox="$(mktemp -d)"
trap 'rm -rf "$sandbox"' EXIT
passed=0
failed=0

# Starts a case: a fresh copy of the package, and stand-ins that behave.
begin() {
    name="$1"
    rm -rf "${sandbox:?}"/*
    mkdir -p "$sandbox/package/.build" "$sandbox/bin"
    cp -r Scripts "$sandbox/package/"
    touch "$sandbox/package/.build/workspace-state.json"
    stand_in uname '[[ $1 == -m ]] && echo x86_64 || echo Linux'
    stand_in swift 'echo "Swift version 6.2 (swift-6.2-RELEASE)"'
    stand_in df 'printf "Avail\n9000\n"'
    # The package lists of this machine must not matter.
    stand_in apt-get 'exit 0'
    stand_in python3 'if [[ $3 == download ]]; then echo "no route to index" >&2; exit 1; fi'
}

stand_in() {
    printf '#!/usr/bin/env bash\n%s\n' "$2" >"$sandbox/bin/$1"
    chmod +x "$sandbox/bin/$1"
}

# Runs set-up and checks its exit status and that its output holds a text.
expect() {
    local wanted="$1" text="$2" status=0 output
    output="$(PATH="$sandbox/bin:$PATH" "$sandbox/package/Scripts/setup.sh" 2>&1)" || status=$?
    if [[ $status == "$wanted" && "$output" == *"$text"* ]]; then
        check "$name" true
    else
        check "$name: status $status, expected $wanted with \"$text\", output: $output" false
    fi
}

check() {
    if "${@:2}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1" >&2
    fi
}

leaves_no_plugin() {
    [[ ! -e "$sandbox/package/.deps/xla-cpu-pjrt" ]] &&
        [[ -z "$(find "$sandbox/package/.deps/" -name 'tmp.*')" ]]
}

# Makes the copy look set up, with a plugin of five bytes.
install_stand_in_plugin() {
    local folder="$sandbox/package/.deps/xla-cpu-pjrt" sha256
    sha256="$(sed -nE 's/^ +sha256="(.*)"/\1/p' Scripts/setup.sh | head -n 1)"
    mkdir -p "$folder/include"
    touch "$folder/include/pjrt_c_api.h"
    printf 12345 >"$folder/xla_cpu_pjrt.so"
    echo "xla-cpu-pjrt 0.0.1 $sha256 5" >"$folder/stamp"
}

begin "unsupported processor"
stand_in uname '[[ $1 == -m ]] && echo riscv64 || echo Linux'
expect 1 "for Linux on x86-64 and arm64, not for Linux on riscv64"

begin "old toolchain"
stand_in swift 'echo "Swift version 5.10.1 (swift-5.10.1-RELEASE)"'
expect 1 "Swift 5.10 at $sandbox/bin/swift is too old. Install 6.2 or newer"

begin "newer toolchain of two digits"
stand_in swift 'echo "Apple Swift version 6.10 (swiftlang)"'
install_stand_in_plugin
expect 0 "Set-up is complete."

begin "broken toolchain"
stand_in swift 'exit 1'
expect 1 "\`swift --version\` fails."

begin "no network"
expect 1 "pip could not fetch xla-cpu-pjrt 0.0.1"
check "no network leaves nothing" leaves_no_plugin

begin "another file than the pinned one"
stand_in python3 \
    'if [[ $3 == download ]]; then while [[ $1 != --dest ]]; do shift; done; echo x >"$2/a.whl"; fi'
expect 1 "a.whl has SHA-256 73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac"
check "another file leaves nothing" leaves_no_plugin

begin "no room"
stand_in df 'printf "Avail\n12\n"'
expect 1 "The disk of .deps has 12 MB free and 400 MB are needed."

begin "done, without network"
install_stand_in_plugin
expect 0 "Set-up is complete."

begin "done, .deps a link"
install_stand_in_plugin
mv "$sandbox/package/.deps" "$sandbox/elsewhere"
ln -s ../elsewhere "$sandbox/package/.deps"
expect 0 "Set-up is complete."

begin "truncated plugin is fetched again"
install_stand_in_plugin
printf 123 >"$sandbox/package/.deps/xla-cpu-pjrt/xla_cpu_pjrt.so"
expect 1 "Fetching xla-cpu-pjrt 0.0.1"

begin "packages that do not resolve"
install_stand_in_plugin
rm "$sandbox/package/.build/workspace-state.json"
stand_in swift '[[ $1 == package ]] && exit 1; echo "Swift version 6.2"'
expect 1 "SwiftPM could not fetch the packages of Package.swift"

echo "set-up: $passed passed, $failed failed"
[[ $failed == 0 ]]
