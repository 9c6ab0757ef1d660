#!/usr/bin/env bash
# Builds the wheel of the Python package into $TARGET/wheels, with the flags of
# all builds, which share their dependencies.
set -euo pipefail

TARGET=${TARGET:-target}
rm -rf "$TARGET/wheels"
"$TARGET/python/bin/maturin" build --release --locked --quiet --manifest-path python/Cargo.toml \
    --interpreter "$TARGET/python/bin/python" --out "$TARGET/wheels"
printf 'wheel: %s\n' "$TARGET"/wheels/*.whl
