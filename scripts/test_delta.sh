#!/usr/bin/env bash
# Lints and tests of `delta/`, which is a workspace with its own lock file.
set -uo pipefail

CARGO=${CARGO:-cargo}
TARGET=$(realpath "${TARGET:-target}")
status=0
manifest=(--manifest-path delta/Cargo.toml)
build=(--release --locked --target-dir "$TARGET")

# Skipping a test is a failure, as in `test.sh`.
export SEMQL_REQUIRE_ALL=1
SEMQL_UNAVAILABLE=$(cut -f 1 "$TARGET/unavailable" 2>/dev/null | tr '\n' ' ')
export SEMQL_UNAVAILABLE
export SEMQL_DELTA_PYTHON=$TARGET/test-delta/bin/python3

step() {
    printf '\n== %s\n' "$1"
    shift
    "$@" || { status=1; printf 'test: FAILED: %s\n' "$*" >&2; }
}

step "format" "$CARGO" fmt "${manifest[@]}" --check
step "lints" "$CARGO" clippy "${manifest[@]}" "${build[@]}" --all-targets --quiet -- -D warnings
step "dependencies" "$TARGET/lint-tools/cargo-deny" --log-level error "${manifest[@]}" \
    --config deny.toml check bans licenses sources
step "tests" "$CARGO" test "${manifest[@]}" "${build[@]}" --no-fail-fast
exit "$status"
