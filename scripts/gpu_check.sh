#!/usr/bin/env bash
# Checks that semql runs on this machine's GPU, and measures its speed.
#
# usage: scripts/gpu_check.sh [path of semql]
#
# For each device, one after the other:
# - its provider ran the matrix products, according to ONNX Runtime's profile;
# - the vectors agree with those of the CPU in fp32 (cosine >= 0.999);
# - texts per second, and the share of the card's fp16 peak.
#
# Needs what `semql setup --gpu` installs. SEMQL_DEVICES (cuda webgpu; tensorrt is
# the other one), SEMQL_ROWS (50000) and SEMQL_FP16_PEAK (TFLOP/s of a card that is
# not in the list) change the measurement.
# Exit codes: 0 all passed, 1 one failed, 3 no GPU.
set -euo pipefail

semql=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/semql}")
root=$(cd "$(dirname "$0")/.." && pwd)
devices=${SEMQL_DEVICES:-cuda webgpu}

if ! command -v nvidia-smi >/dev/null || ! card=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1) || [ -z "$card" ]; then
    echo "no NVIDIA GPU on this machine; nothing was checked"
    exit 3
fi
if [ ! -x "$semql" ]; then
    echo "no program $semql; run 'make build' first" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "card: $card"
status=0
for device in $devices; do
    echo "device: $device"
    mkdir "$work/$device"
    python3 "$root/scripts/gpu_check.py" "$semql" "$root" "$device" "$card" "$work/$device" || status=1
done
exit $status
