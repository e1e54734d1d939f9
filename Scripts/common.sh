# Shared by the scripts of this folder; the caller has gone to the package's root.

say() {
    echo "==> $*"
}

fail() {
    echo "Error: $*" >&2
    exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [[ "$(id -u)" == 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_packages() {
    local by_hand="sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    command -v apt-get >/dev/null || fail "These Debian packages are missing: $*. This system" \
        "has no apt-get: install what your distribution calls them, then run \`make setup\` again."
    [[ "$(id -u)" == 0 ]] || command -v sudo >/dev/null || fail "These Debian packages are" \
        "missing: $*. Installing them needs root and there is no sudo: have root run" \
        "\`${by_hand//sudo /}\`, then run \`make setup\` again."
    say "Installing the Debian packages $*"
    local log
    log="$(mktemp)"
    # A failing update is not the end: the lists at hand may do.
    {
        as_root apt-get -o DPkg::Lock::Timeout=120 --quiet update || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 --quiet \
            install -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null || {
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install $*; its last lines are above. Check the network, then" \
            "run \`$by_hand\` and \`make setup\` again."
    }
    rm -f "$log"
}

# Makes sure that `python3 -m pip` works.
ensure_pip() {
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    python3 -m pip --version >/dev/null 2>&1 || fail "$(command -v python3) has no pip. Install" \
        "pip for it (python3 -m ensurepip --user), then run the command again."
}

# .deps may be a symbolic link, also to a folder that does not exist yet.
make_deps_folder() {
    mkdir -p "$(readlink -m .deps)" || fail "The folder $(readlink -m .deps) cannot be made." \
        "Make it by hand, or remove .deps."
    [[ -w .deps ]] || fail "The folder .deps is not writable. Change its owner or permissions."
}

# One script at a time changes .deps; the lock ends with the script.
lock_deps_folder() {
    exec 9>.deps/.lock
    flock --nonblock 9 || {
        say "Waiting for another set-up to finish"
        flock --timeout 900 9 || fail "Another set-up has held .deps/.lock for 15 minutes." \
            "End it, then run the command again."
    }
}

check_room() {
    local free
    free="$(df --output=avail --block-size=1M .deps/ | tail -n 1)"
    ((free >= $1)) || fail "The disk of .deps has $((free)) MB free and $1 MB are needed." \
        "Free some, or make .deps a symbolic link to a folder on a larger disk."
}

# Prints a new folder in .deps to build something in before it is renamed into place. Call it
# under the lock: what an earlier, killed script left is removed.
make_workspace() {
    rm -rf .deps/tmp.*
    mktemp -d -p .deps || fail "No folder could be made in .deps. Check its disk and permissions."
}

# Installs what a requirements file names into .deps/FOLDER, unless it is there already; what
# follows are options for pip. The folder belongs to one version of Python, since wheels with
# compiled code do.
install_python_folder() {
    local folder="$1" requirements="$2" workspace
    command -v python3 >/dev/null || install_packages python3
    make_deps_folder
    python_folder_is_installed "$@" && return
    lock_deps_folder
    python_folder_is_installed "$@" && return
    check_room 3000
    ensure_pip
    workspace="$(make_workspace)"
    say "Installing what $requirements names into .deps/$folder"
    if ! python3 -m pip install --quiet --disable-pip-version-check --no-compile \
        --target "$workspace/new" --requirement "$requirements" "${@:3}" >"$workspace/log" 2>&1
    then
        tail -n 10 "$workspace/log" >&2
        rm -rf "$workspace"
        fail "pip could not install what $requirements names; its last lines are above. Check" \
            "the network, the free disk space (up to 8 GB), pip's configuration, and that Python" \
            "is 3.10 or newer, then run the command again."
    fi
    python_folder_stamp "$@" >"$workspace/new/stamp"
    if [[ -e ".deps/$folder" ]]; then
        mv -T ".deps/$folder" "$workspace/replaced"
    fi
    mv -T "$workspace/new" ".deps/$folder"
    rm -rf "$workspace"
}

python_folder_stamp() {
    python3 -c 'import sys; print("python", *sys.version_info[:2])'
    cat "$2"
}

python_folder_is_installed() {
    [[ -f ".deps/$1/stamp" ]] && python_folder_stamp "$@" | cmp --quiet - ".deps/$1/stamp"
}
