#!/usr/bin/env bash
# Fuzz targets: looks for an input that makes one panic, hang or take memory. Every committed
# input is also replayed by the tests, so a crash that is kept stays mended.
#
#   deploy/fuzz.sh                       list the targets
#   deploy/fuzz.sh run established 60    look for 60 seconds; `all` runs each in turn
#   deploy/fuzz.sh keep established      commit-worthy: what was found that covers more
#   deploy/fuzz.sh cover established     which lines all that was found reaches, of the files that
#                                        the target names as reading its input
#
# A crash is written beside the target, under fuzz/artifacts; the output says how to run it again.
# Copy it into fuzz/corpus/<target> when it is mended.
set -uo pipefail

cd "$(dirname "$0")/.."
root=$PWD
crates=(sfu/core sfu/protocol sfu/rtp recorder/core turn/core)
# Files of one committed corpus, and the largest of those that are found: a repository is no place
# for more, and an input that says much in little is the best to replay.
max_files=32
max_bytes=400
# Longer than any input may take, even on a busy machine; more memory than any may need.
limits=(-timeout=5 -rss_limit_mb=2048)

target_dir=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target_dir/fuzz
found=$target_dir/fuzz-found
# cargo-fuzz asks the compiler for coverage, which a stable one gives only when told to.
rustc --version | grep -q nightly || export RUSTC_BOOTSTRAP=1

targets() {
    for crate in "${crates[@]}"; do
        for file in "$crate"/fuzz/fuzz_targets/*.rs; do
            echo "$crate $(basename "$file" .rs)"
        done
    done
}

# crate, target, then what cargo-fuzz gets
cargo_fuzz() {
    local crate=$1 target=$2
    shift 2
    # What is fuzzed is what ships: the root's versions, and libFuzzer's beside them.
    cmp -s Cargo.lock "$crate/fuzz/Cargo.lock.root" || {
        cp Cargo.lock "$crate/fuzz/Cargo.lock"
        cp Cargo.lock "$crate/fuzz/Cargo.lock.root"
    }
    mkdir -p "$found/$target"
    # Our code forbids `unsafe`, so sanitizers would only slow it down.
    (cd "$crate" && cargo fuzz run --sanitizer none "$target" "$@")
}

run() {
    local crate=$1 target=$2 seconds=$3
    cargo_fuzz "$crate" "$target" "$found/$target" "fuzz/corpus/$target" -- \
        "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1
}

keep() {
    local crate=$1 target=$2 chosen corpus count known
    corpus=$root/$crate/fuzz/corpus/$target
    chosen=$(mktemp -d)
    cargo_fuzz "$crate" "$target" "$chosen" "$corpus" "$found/$target" -- \
        "${limits[@]}" -set_cover_merge=1 || return
    count=$(find "$corpus" -type f | wc -l)
    # libFuzzer names a file by its SHA-1.
    known=$(sha1sum "$corpus"/* | cut -d ' ' -f 1)
    while read -r bytes file; do
        ((count < max_files)) || break
        ((bytes <= max_bytes)) || continue
        [[ $known != *"$(basename "$file")"* ]] || continue
        cp "$file" "$corpus/" && count=$((count + 1))
    done < <(find "$chosen" -type f -printf '%s %p\n' | sort -rn)
    rm -rf "$chosen"
    echo "$target: $count files, $(du -sb "$corpus" | cut -f1) bytes"
}

cover() {
    local crate=$1 target=$2 tools built files
    tools=$(rustc --print target-libdir)/../bin
    [[ -x $tools/llvm-cov ]] || rustup component add llvm-tools || return
    mapfile -t files < <(sed -n 's/^\/\/ Read by //p' "$crate/fuzz/fuzz_targets/$target.rs" | tr -d ',' | tr ' ' '\n')
    mkdir -p "$found/$target"
    (cd "$crate" && cargo fuzz coverage --sanitizer none --target-dir "$CARGO_TARGET_DIR/cover" \
        "$target" "fuzz/corpus/$target" "$found/$target" >"$CARGO_TARGET_DIR/cover.log" 2>&1) || {
        tail -n 20 "$CARGO_TARGET_DIR/cover.log"
        return 1
    }
    built=$(find "$CARGO_TARGET_DIR/cover" -type f -perm -u+x -path "*release/$target" -print -quit)
    echo "$target:"
    # Columns 8 and 9: lines, and those that nothing reached.
    "$tools/llvm-cov" report -instr-profile "$crate/fuzz/coverage/$target/coverage.profdata" \
        "$built" "${files[@]/#/$root/}" |
        awk '$8 ~ /^[0-9]+$/ { printf "  %-36s %4d of %4d lines\n", $1, $8 - $9, $8 }'
}

[[ $# -gt 0 ]] || {
    targets
    exit
}
command -v cargo-fuzz >/dev/null || cargo install --locked --version 0.13.2 cargo-fuzz || exit

action=$1 wanted=${2:-all} seconds=${3:-60} failed=() matched=no
while read -r crate target <&3; do
    [[ $wanted == all || $wanted == "$target" ]] || continue
    matched=yes
    case $action in
    run) run "$crate" "$target" "$seconds" || failed+=("$target") ;;
    keep) keep "$crate" "$target" || failed+=("$target") ;;
    cover) cover "$crate" "$target" || failed+=("$target") ;;
    *) matched=no ;;
    esac
done 3< <(targets)

[[ $matched == yes ]] || {
    echo "fuzz: no such target or action; deploy/fuzz.sh lists the targets" >&2
    exit 2
}
[[ ${#failed[@]} -eq 0 ]] || {
    echo "fuzz: failed: ${failed[*]}" >&2
    exit 1
}
