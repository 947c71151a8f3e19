#!/usr/bin/env bash
# Kills the server again and again while people in real browsers meet and record, and says what
# became of them and of their recordings. Nothing leaves this machine: free ports of the loopback
# interface, a temporary folder; Ctrl-C ends all of it. Fails when a promise does not hold.
#
#   deploy/try-to-break-it.sh           ten kills, at random moments
#   deploy/try-to-break-it.sh 50        as many as you like; a kill takes about 10 s
#   SEED=7 deploy/try-to-break-it.sh    the moments that this seed chose before
#
# COLLOQUY_BINARY names another program to kill than the release build of this tree.
set -euo pipefail

cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

kills=${1:-10}
if ! [[ $kills =~ ^[1-9][0-9]{0,3}$ ]]; then
    echo "say how often to kill: deploy/try-to-break-it.sh 50" >&2
    exit 2
fi

deploy/setup.sh test
deploy/web.sh packages
if [[ -z ${COLLOQUY_BINARY:-} ]]; then
    deploy/web.sh build
    cargo build --release --locked -p colloquy
    export COLLOQUY_BINARY=$CARGO_TARGET_DIR/release/colloquy
fi

# All that the run writes is here: data of the server, profile of the browser, downloads.
TMPDIR=$(mktemp -d)
export TMPDIR
run=

# However this ends, nothing of it stays: what still runs is asked to end, and then ended.
clean_up() {
    trap '' INT TERM
    if [[ -n $run ]] && kill -TERM -- "-$run" 2>/dev/null; then
        for _ in {1..50}; do
            kill -0 -- "-$run" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$run" 2>/dev/null || true
        wait "$run" 2>/dev/null || true
    fi
    # A browser that has lost its driver ends by itself, and may still write a last file.
    for _ in {1..20}; do
        rm -rf "$TMPDIR" 2>/dev/null && break
        sleep 0.1
    done
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd web
# A process group of its own: it can be ended as a whole.
set -m
COLLOQUY_KILLS=$kills COLLOQUY_SEED=${SEED:-$((RANDOM * 32768 + RANDOM))} COLLOQUY_STRICT=1 \
    npx --no-install vitest run --config e2e/vitest.config.ts --reporter=default \
    --disable-console-intercept --bail=0 crash.test.ts </dev/null &
run=$!
wait "$run"
