#!/usr/bin/env bash
# Lints, then every test. The last line counts passed, failed and skipped tests.
set -uo pipefail

CARGO=${CARGO:-cargo}
TARGET=${TARGET:-target}
status=0

# Skipping a test is a failure, unless set-up could not install what the test
# needs, or the need is optional (`tests/support/skip.rs`, `python/tests/conftest.py`).
export SEMQL_REQUIRE_ALL=1
SEMQL_UNAVAILABLE=$(cut -f 1 "$TARGET/unavailable" 2>/dev/null | tr '\n' ' ')
export SEMQL_UNAVAILABLE

step() {
    printf '\n== %s\n' "$1"
    shift
    "$@" || { status=1; printf 'test: FAILED: %s\n' "$*" >&2; }
}

step "format" "$CARGO" fmt --all --check
step "lints" "$CARGO" clippy --release --locked --workspace --all-targets --quiet -- -D warnings
deny=$TARGET/lint-tools/cargo-deny
step "dependencies" "$deny" --log-level error check bans licenses sources
step "dockerfiles" "$TARGET/lint-tools/hadolint" docker/cpu.Dockerfile docker/cuda.Dockerfile
step "book" sh scripts/book.sh "$TARGET/lint-tools/mdbook" "$TARGET/book"
# The lints have compiled its dependencies.
step "documentation" env RUSTDOCFLAGS="-D warnings" \
    "$CARGO" doc --release --locked --workspace --no-deps --quiet

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Optional: the database of advisories is a git repository that not every machine
# can reach.
if why=$("$deny" --log-level error fetch db 2>&1); then
    step "advisories" "$deny" --log-level error --offline check advisories
else
    printf '\n== advisories\n'
    echo "skipped: advisories: $(grep . <<<"$why" | tail -n 1)" | tee -a "$log"
fi

# Optional: not every machine has a package of these tools.
tools=$TARGET/lint-tools
lint() {
    if [ -x "$tools/$2" ]; then
        step "$1" "$tools/$2" "${@:3}"
    else
        printf '\n== %s\nskipped: %s: no package of %s for this machine\n' "$1" "$1" "$2" | tee -a "$log"
    fi
}
lint "workflows" actionlint -shellcheck "$tools/shellcheck" -pyflakes ""
lint "security of workflows" zizmor --offline --quiet --persona pedantic .github/workflows
lint "shell scripts" shellcheck scripts/*.sh scripts/release/*.sh

# A script that only a new machine runs must not break unseen.
mypy=$(cd "$TARGET" && pwd)/python/bin/mypy
check_types=("$mypy" --no-error-summary --ignore-missing-imports --cache-dir "${mypy%/*}/../mypy")
step "types of the set-up" env -C scripts "${check_types[@]}" .
step "types of the benchmarks" env -C bench "${check_types[@]}" .

printf '\n== tests\n'
"$CARGO" test --release --locked --workspace --no-fail-fast 2>&1 | tee -a "$log"
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1

printf '\n== Python\n'
python=$TARGET/python/bin/python
if "$python" scripts/release/build.py wheel --maturin "$TARGET/python/bin/maturin" --out "$TARGET/wheels"; then
    # The environment has its dependencies, in the tested versions.
    "$python" -m pip install --quiet --no-index --no-deps --force-reinstall "$TARGET"/wheels/datafusion_semql-*.whl &&
        "$python" -m pytest -q python/tests 2>&1 | tee -a "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
else
    status=1
    printf 'test: FAILED: the wheel\n' >&2
fi

# A skipped test prints `skipped: TEST: no NEED on this machine`.
{
    grep -oh 'skipped: .*' "$log"
    sed -n 's/^SKIPPED \[[0-9]*\] [^:]*:[0-9]*: /skipped: /p' "$log"
} | sort -u
# The test runner counts a skipped test as passed. pytest ends with a line like
# `40 passed, 1 skipped in 9.87s`.
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     /skipped: [^ ]+: no [^ ]+ on this machine/ {
         sub(/.*skipped: /, "")
         if (!seen[$1]++) { passed--; skipped++ }
     }
     /^[0-9].* in [0-9.]+s/ {
         for (at = 2; at <= NF; at++) {
             if ($at ~ /^passed/) passed += $(at - 1)
             if ($at ~ /^(failed|errors?)/) failed += $(at - 1)
             if ($at ~ /^skipped/) skipped += $(at - 1)
         }
     }
     END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
exit "$status"
