"""Time for embedding the texts with fastembed, with OpenVINO, and as sentence-transformers does it.

A program of its own, so that each measurement starts in a fresh process, as
semql's does: it loads the model, warms up with a few texts, then measures, and
prints one line of JSON. The time runs from the list of texts to the last vector.

usage: peers.py WAY MODEL_FOLDER WARM_UP.json TEXTS.json TOKEN_LIMIT VECTORS.npy
"""

import json
import os
import pathlib
import sys
import time
from collections.abc import Callable

# The model is in a folder; requests to the hub are disabled.
os.environ["HF_HUB_OFFLINE"] = "1"

# Imports no other module, which would count as memory of the implementation.
import numpy as np

FASTEMBED = "fastembed"
SENTENCE_TRANSFORMERS = "sentence-transformers"
SORTED_BY_TOKENS = "sorted-by-tokens"
OPENVINO_FP32 = "openvino-fp32"
OPENVINO_INT8 = "openvino-int8"
FASTEMBED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# sentence-transformers' default.
BATCH = 32
# Smaller ones for OpenVINO, which runs several at a time, one on each core.
OPENVINO_BATCH = 16

Embed = Callable[[list[str]], np.ndarray]


def fastembed(model: pathlib.Path, _token_limit: int) -> Embed:
    """fastembed with every default: arrival order, 256 texts in a batch, its own choice of threads."""
    from fastembed import TextEmbedding

    embedding = TextEmbedding(FASTEMBED_MODEL, specific_model_path=str(model))
    return lambda texts: np.stack(list(embedding.embed(texts)))


def sentence_transformers(model: pathlib.Path, token_limit: int) -> Embed:
    """What sentence-transformers' encode() does: longest texts first by their characters."""
    encode, run = _loaded(model, token_limit)

    def embed(texts: list[str]) -> np.ndarray:
        return _in_batches(
            sorted(range(len(texts)), key=lambda row: -len(texts[row])),
            lambda rows: run(encode([texts[row] for row in rows])),
        )

    return embed


def sorted_by_tokens(model: pathlib.Path, token_limit: int) -> Embed:
    """The same, sorted by what the model will see, which leaves the least padding."""
    encode, run = _loaded(model, token_limit)

    def embed(texts: list[str]) -> np.ndarray:
        encoded = encode(texts)
        return _in_batches(
            sorted(range(len(texts)), key=lambda row: -len(encoded[row])),
            lambda rows: run([encoded[row] for row in rows]),
        )

    return embed


def openvino_fp32(model: pathlib.Path, token_limit: int) -> Embed:
    """OpenVINO with the plain graph. Without the hint it may choose 16-bit floats."""
    return _openvino(model / "model.onnx", token_limit, {"INFERENCE_PRECISION_HINT": "f32"})


def openvino_int8(model: pathlib.Path, token_limit: int) -> Embed:
    """OpenVINO with the graph that openvino_graph.py has quantized."""
    return _openvino(model / "model.xml", token_limit, {})


def _openvino(graph: pathlib.Path, token_limit: int, options: dict[str, str]) -> Embed:
    """OpenVINO as it is fastest: several requests at a time, batches sorted by tokens."""
    import openvino

    core = openvino.Core()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": str(cores)}
    compiled = core.compile_model(core.read_model(graph), "CPU", hints | options)
    encode = _tokenizer(graph.parent, token_limit)

    def embed(texts: list[str]) -> np.ndarray:
        encoded = encode(texts)
        # Long batches first, so that none runs alone at the end.
        order = sorted(range(len(texts)), key=lambda row: -len(encoded[row]))
        batches = [order[start : start + OPENVINO_BATCH] for start in range(0, len(order), OPENVINO_BATCH)]
        vectors = np.zeros((len(texts), compiled.output(0).partial_shape[1].get_length()), np.float32)
        requests = [compiled.create_infer_request() for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))]
        started: dict[int, list[int]] = {}

        def finish(slot: int) -> None:
            requests[slot].wait()
            vectors[started.pop(slot)] = requests[slot].get_output_tensor(0).data

        # Neighbours are about as long, so the oldest request ends first. The callbacks of
        # AsyncInferQueue would overlap more, and have blocked for ever in some runs.
        for number, rows in enumerate(batches):
            slot = number % len(requests)
            if slot in started:
                finish(slot)
            requests[slot].start_async(_padded([encoded[row] for row in rows]))
            started[slot] = rows
        for slot in list(started):
            finish(slot)
        return vectors

    return embed


def _loaded(
    model: pathlib.Path, token_limit: int
) -> tuple[Callable[[list[str]], list[list[int]]], Callable[[list[list[int]]], np.ndarray]]:
    """The tokenizer, and the model with ONNX Runtime's default threads."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model / "model.onnx", providers=["CPUExecutionProvider"])

    def run(encoded: list[list[int]]) -> np.ndarray:
        vectors: np.ndarray = session.run(None, _padded(encoded))[0]
        return vectors

    return _tokenizer(model, token_limit), run


def _tokenizer(model: pathlib.Path, token_limit: int) -> Callable[[list[str]], list[list[int]]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(token_limit)
    tokenizer.no_padding()
    return lambda texts: [text.ids for text in tokenizer.encode_batch(texts)]


def _padded(encoded: list[list[int]]) -> dict[str, np.ndarray]:
    """The graph's inputs for a batch of token ids."""
    shape = (len(encoded), max(map(len, encoded)))
    tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, ids in enumerate(encoded):
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros(shape, np.int64)}


def _in_batches(order: list[int], embed: Callable[[list[int]], np.ndarray]) -> np.ndarray:
    """Embeds rows in this order, a batch at a time; the vectors are in the order of the texts."""
    vectors: dict[int, np.ndarray] = {}
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        vectors.update(zip(rows, embed(rows), strict=True))
    return np.stack([vectors[row] for row in range(len(order))])


def main(way: str, model: str, warm_up: str, texts: str, token_limit: str, target: str) -> None:
    ways = {
        FASTEMBED: fastembed,
        SENTENCE_TRANSFORMERS: sentence_transformers,
        SORTED_BY_TOKENS: sorted_by_tokens,
        OPENVINO_FP32: openvino_fp32,
        OPENVINO_INT8: openvino_int8,
    }
    embed = ways[way](pathlib.Path(model), int(token_limit))
    measured = json.loads(pathlib.Path(texts).read_text())
    embed(json.loads(pathlib.Path(warm_up).read_text()))
    began = time.perf_counter()
    vectors = embed(measured)
    seconds = time.perf_counter() - began
    np.save(target, vectors)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
