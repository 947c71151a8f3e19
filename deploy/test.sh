#!/usr/bin/env bash
# Every check of the project, cheapest first. A check that fails does not stop the others; the
# table at the end says which failed and how long each took.
#
#   deploy/test.sh              all of them
#   deploy/test.sh lint e2e     only these, in the order below
set -uo pipefail

cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

check_setup() { deploy/setup.sh test; }
check_format() { cargo fmt --all --check; }
check_web_build() { deploy/web.sh build; }
check_lint() { cargo clippy --locked --workspace --all-targets -- -D warnings; }

check_tests() {
    if unshare --map-root-user --mount true 2>/dev/null; then
        echo "disk tests: small disks in memory, and a limit on the length of files"
    else
        echo "disk tests: a limit on the length of files only; small disks need user namespaces"
    fi
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --workspace --no-fail-fast --no-tests pass &&
            cargo test --locked --workspace --doc --quiet
    else
        cargo test --locked --workspace --no-fail-fast --quiet
    fi
}

check_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet; }
check_web_lint() { npm --prefix web run --silent lint; }
check_web_types() { npm --prefix web run --silent types; }
check_generated() { npm --prefix web run --silent check-generated; }
check_web_tests() { npm --prefix web run --silent test; }

check_e2e() {
    # The same selection as the tests before, so that nothing is compiled a second time.
    cargo build --locked --workspace --bins --tests &&
        (cd web && COLLOQUY_BINARY="$CARGO_TARGET_DIR/debug/colloquy" \
            npx --no-install vitest run --config e2e/vitest.config.ts)
}

all=(setup format web_build web_lint web_types web_tests generated lint docs tests e2e)
wanted=("${@:-${all[@]}}")
table=()
failed=0

for name in "${all[@]}"; do
    [[ " ${wanted[*]} " == *" $name "* ]] || continue
    printf '\n==> %s\n' "$name"
    began=$SECONDS
    if "check_$name"; then outcome=passed; else outcome=FAILED failed=1; fi
    table+=("$(printf '%-10s %-7s %5d s' "$name" "$outcome" $((SECONDS - began)))")
    # Nothing can be built without what the first step installs.
    [[ $name == setup && $outcome == FAILED ]] && break
done

printf '\n'
printf '%s\n' "${table[@]}"
printf 'total      %-7s %5d s\n' "$([[ $failed -eq 0 ]] && echo passed || echo FAILED)" "$SECONDS"
exit "$failed"
