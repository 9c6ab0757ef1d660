#!/usr/bin/env bash
# Proves that semql runs on this machine's GPU, and says how well.
#
# usage: scripts/gpu_check.sh [path of semql]
#
# - the CUDA provider really ran the matrix products (from ONNX Runtime's own
#   profile, not from what semql says of itself);
# - its vectors are those of the CPU in fp32 (cosine >= 0.999);
# - docs/s, and the share of the card's fp16 peak that this is.
#
# Needs ONNX Runtime's GPU build: ORT_DYLIB_PATH, or the folder onnxruntime of
# semql's home. SEMQL_DEVICE (cuda), SEMQL_ROWS (50000) and SEMQL_FP16_PEAK
# (TFLOP/s of the card, where it is not in the list) change what is measured.
# Exit codes: 0 proven, 1 something is wrong, 3 there is no GPU here.
set -euo pipefail

semql=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/semql}")
root=$(cd "$(dirname "$0")/.." && pwd)
device=${SEMQL_DEVICE:-cuda}

if ! command -v nvidia-smi >/dev/null || ! card=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1) || [ -z "$card" ]; then
    echo "There is no NVIDIA GPU on this machine: nothing was checked."
    exit 3
fi
if [ ! -x "$semql" ]; then
    echo "There is no semql at $semql: run 'make build' first." >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "card: $card"
python3 "$root/scripts/gpu_check.py" "$semql" "$root" "$device" "$card" "$work"
