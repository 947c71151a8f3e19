#!/usr/bin/env bash
# Kills the server again and again while people in real browsers meet and record, and says what
# became of them and of their recordings. Nothing leaves this machine: free ports of the loopback
# interface, a temporary folder. Fails when a promise does not hold.
#
#   deploy/try-to-break-it.sh           ten kills, at random moments
#   deploy/try-to-break-it.sh 50        as many as you like; a kill takes about 15 s
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

cd web
COLLOQUY_KILLS=$kills COLLOQUY_SEED=${SEED:-$((RANDOM * 32768 + RANDOM))} COLLOQUY_STRICT=1 \
    exec npx --no-install vitest run --config e2e/vitest.config.ts --reporter=default \
    --disable-console-intercept --bail=0 crash.test.ts
