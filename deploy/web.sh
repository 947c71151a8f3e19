#!/usr/bin/env bash
# Builds the web application, when its sources or packages changed since it was built.
#
#   deploy/web.sh packages    install the packages of package-lock.json
#   deploy/web.sh build       that, and make web/dist
set -euo pipefail

cd "$(dirname "$0")/../web"

# Each stamp holds the hash of what its step was made from: a checkout changes times, not contents.
packages_stamp=node_modules/.colloquy-packages
build_stamp=node_modules/.colloquy-build

hash_of_packages() {
    cat package.json package-lock.json | sha256sum
}

hash_of_sources() {
    find . \( -name node_modules -o -name dist -o -name e2e -o -name 'test-results' \) -prune -o \
        -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

install_packages() {
    local wanted
    wanted=$(hash_of_packages)
    [[ -f $packages_stamp && $(<"$packages_stamp") == "$wanted" ]] && return
    npm ci --no-audit --no-fund --loglevel=error
    printf '%s\n' "$wanted" >"$packages_stamp"
}

build() {
    local wanted
    wanted=$(hash_of_sources)
    [[ -f dist/index.html && -f $build_stamp && $(<"$build_stamp") == "$wanted" ]] && return
    npm run --silent build
    printf '%s\n' "$wanted" >"$build_stamp"
}

case ${1:?"say what: packages or build"} in
    packages) install_packages ;;
    build)
        install_packages
        build
        ;;
    *)
        echo "web: packages or build, not $1" >&2
        exit 1
        ;;
esac
