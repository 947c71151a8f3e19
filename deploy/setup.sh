#!/usr/bin/env bash
# Installs the system packages that are missing, and nothing that is there.
#
#   deploy/setup.sh build    what `make build` and `make run` need
#   deploy/setup.sh test     that, and what `make test` needs beside it
set -euo pipefail

cd "$(dirname "$0")/.."

purpose=${1:?"say for what: build or test"}

# clang and libclang read FFmpeg's headers for the bindings; cmake builds aws-lc.
packages=(
    clang libclang-dev pkg-config cmake make gcc g++ ffmpeg fonts-dejavu-core
    libavcodec-dev libavformat-dev libavutil-dev libavfilter-dev libavdevice-dev
    libswscale-dev libswresample-dev
)
if [[ $purpose == test ]]; then
    # python3-venv holds a WebRTC client that others wrote.
    packages+=(chromium firefox-esr python3-venv)
fi

stop() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

require() {
    command -v "$1" >/dev/null || stop "$1 is missing: install $2, then run this again"
}

is_installed() {
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

install_missing() {
    local missing=() name
    for name in "${packages[@]}"; do
        is_installed "$name" || missing+=("$name")
    done
    [[ ${#missing[@]} -eq 0 ]] && return

    local as_root=()
    if [[ $(id -u) -ne 0 ]]; then
        command -v sudo >/dev/null || stop "run as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    echo "setup: installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

require_node() {
    require node "Node.js 20 or newer (https://nodejs.org)"
    require npm "npm, which comes with Node.js"
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    [[ $major -ge 20 ]] || stop "Node.js 20 or newer is needed, this is $(node --version)"
}

# aiortc, in a Python of its own below cargo's target folder.
make_stranger() {
    local requirements=deploy/colloquy/tests/stranger/requirements.txt
    local place=${CARGO_TARGET_DIR:-$PWD/target}/stranger wanted
    wanted=$(sha256sum <"$requirements")
    [[ -f $place/made-of && $(<"$place/made-of") == "$wanted" ]] && return
    echo "setup: installing $(grep ^aiortc "$requirements") into $place"
    rm -rf "$place"
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
        --requirement "$requirements"
    printf '%s\n' "$wanted" >"$place/made-of"
}

require_lints() {
    command -v rustup >/dev/null || return 0
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
}

if command -v dpkg-query >/dev/null; then
    install_missing
else
    echo "setup: no Debian packages here; these are needed: ${packages[*]}" >&2
fi
require cargo "the Rust toolchain (https://rustup.rs)"
require_node
if [[ $purpose == test ]]; then
    require_lints
    require python3 "Python 3.11 or newer"
    make_stranger
fi
exit 0
