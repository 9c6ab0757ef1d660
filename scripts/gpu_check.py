"""Measurements of gpu_check.sh, with the standard library alone."""

import glob
import json
import math
import os
import subprocess
import sys
import time

semql, root, device, card, work = sys.argv[1:6]
rows = int(os.environ.get("SEMQL_ROWS", "50000"))
sample = os.path.join(root, "queries", "sample", "products.jsonl")

# Dense fp16 tensor-core peaks in TFLOP/s, from data sheets. The longer of two
# names with the same start comes first.
PEAKS = [("H200", 989), ("H100 PCIe", 756), ("H100", 989), ("A100", 312), ("L40S", 362), ("L40", 181),
         ("L4", 121), ("A10G", 70), ("A10", 125), ("T4", 65), ("V100", 125), ("RTX 4090", 330), ("RTX 3090", 142)]

# Providers that may run the matrix products of each device.
WANTED = {
    "cuda": ("CUDAExecutionProvider",),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "webgpu": ("WebGpuExecutionProvider",),
}

# Multiplications and additions of MiniLM-L6's dense layers for one token.
PER_TOKEN = 2 * 6 * (4 * 384 * 384 + 2 * 384 * 1536)


def run(statements, device, precision, profile=None, batch_tokens=0):
    """Standard output of semql, and its duration in seconds."""
    env = dict(os.environ)
    if profile:
        env["SEMQL_ORT_PROFILE"] = profile
    settings = f"SET ai.device = '{device}'; SET ai.precision = '{precision}'; SET ai.batch_tokens = {batch_tokens}; "
    start = time.monotonic()
    done = subprocess.run([semql, "-c", settings + statements], capture_output=True, text=True, env=env, timeout=1800)
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"semql failed on {device}: {done.stderr.strip()}")
    return done.stdout, seconds


def vectors(device, precision, profile=None):
    out = os.path.join(work, f"{device}-{precision}.json".replace(":", "-"))
    text = "coalesce(title, '') || '. ' || coalesce(text, '')"
    query = f"SELECT docid, embed({text}) AS v FROM '{sample}' ORDER BY docid, title, text"
    run(f"COPY ({query}) TO '{out}'", device, precision, profile)
    with open(out) as file:
        return [json.loads(line)["v"] for line in file]


def providers(profile):
    """Microseconds in each provider's operators, over all profiles."""
    spent = {}
    for path in glob.glob(profile + "*"):
        with open(path) as file:
            for event in json.load(file):
                if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
                    key = (event["args"].get("provider", "?"), event["args"].get("op_name", "?"))
                    spent[key] = spent.get(key, 0) + event["dur"]
    return spent


profile = os.path.join(work, "profile")
on_gpu = vectors(device, "auto", profile)
spent = providers(profile)
heavy = ("MatMul", "Attention", "FusedMatMul", "Gemm", "TRTKernel")
wanted = WANTED[device.partition(":")[0]]
there = {provider for (provider, op) in spent if op.startswith(heavy)}
print("providers of the matrix products:", ", ".join(sorted(there)) or "none")
if not there or there - set(wanted):
    sys.exit("the GPU did not run all matrix products")
total = sum(spent.values())
own = sum(us for (provider, _), us in spent.items() if provider in wanted)
print(f"share of operator time on the GPU: {own / total:.1%}")

on_cpu = vectors("cpu", "fp32")
pairs = [(a, b) for a, b in zip(on_gpu, on_cpu) if a and b]
cosines = [sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)) for a, b in pairs]
mean = sum(cosines) / len(cosines)
print(f"cosine to the CPU's fp32 over {len(cosines)} texts: mean {mean:.5f}, least {min(cosines):.5f}")
if mean < 0.999:
    sys.exit("the vectors of the GPU differ from those of the CPU")


def many(n):
    """Seconds for embedding `n` distinct texts of about 100 tokens."""
    words = " ".join(f"word {i} of the text" for i in range(20))
    statement = f"SELECT count(v) AS n FROM (SELECT embed('offer ' || value || ' {words}') AS v FROM generate_series(1, {n}))"
    return run(statement, device, "auto")[1]


few = max(rows // 10, 1000)
seconds = max(many(rows) - many(few), 1e-3)
rate = (rows - few) / seconds
count, _ = run("SELECT ai_count_tokens('offer 12345 " + " ".join(f"word {i} of the text" for i in range(20)) + "') AS n", "cpu", "fp32")
length = max(int(token) for token in count.replace("|", " ").split() if token.isdigit())
rate_tflops = rate * length * PER_TOKEN / 1e12
peak = float(os.environ.get("SEMQL_FP16_PEAK") or next((p for name, p in PEAKS if name in card), 0))
share = f"{rate_tflops / peak:.1%} of the card's {peak:.0f}" if peak else "unknown peak of this card; set SEMQL_FP16_PEAK"
print(f"{rate:.0f} docs/s of {length} tokens; {rate_tflops:.1f} TFLOP/s in dense layers, {share}")
