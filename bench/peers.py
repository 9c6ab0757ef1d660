"""Time for embedding the texts with fastembed and as sentence-transformers does it.

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
FASTEMBED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# sentence-transformers' default.
BATCH = 32

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


def _loaded(
    model: pathlib.Path, token_limit: int
) -> tuple[Callable[[list[str]], list[list[int]]], Callable[[list[list[int]]], np.ndarray]]:
    """The tokenizer, and the model with ONNX Runtime's default threads."""
    import onnxruntime
    from tokenizers import Tokenizer

    session = onnxruntime.InferenceSession(model / "model.onnx", providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(token_limit)
    tokenizer.no_padding()

    def run(encoded: list[list[int]]) -> np.ndarray:
        shape = (len(encoded), max(map(len, encoded)))
        tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros(shape, np.int64)}
        vectors: np.ndarray = session.run(None, inputs)[0]
        return vectors

    return lambda texts: [text.ids for text in tokenizer.encode_batch(texts)], run


def _in_batches(order: list[int], embed: Callable[[list[int]], np.ndarray]) -> np.ndarray:
    """Embeds rows in this order, a batch at a time; the vectors are in the order of the texts."""
    vectors: dict[int, np.ndarray] = {}
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        vectors.update(zip(rows, embed(rows), strict=True))
    return np.stack([vectors[row] for row in range(len(order))])


def main(way: str, model: str, warm_up: str, texts: str, token_limit: str, target: str) -> None:
    ways = {FASTEMBED: fastembed, SENTENCE_TRANSFORMERS: sentence_transformers, SORTED_BY_TOKENS: sorted_by_tokens}
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
