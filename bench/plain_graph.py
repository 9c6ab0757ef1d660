"""Export of the model as an ONNX graph of standard operators.

Built from config.json and model.safetensors, without a training framework:
standard operators only, none that is made for one runtime. ONNX Runtime fuses
what it recognises when it loads the graph, as it does with anyone's export.

usage: plain_graph.py MODEL_FOLDER TARGET_FOLDER [--pooled]
"""

import json
import pathlib
import shutil
import sys
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OPSET = 18
# Older than the default of the onnx package, for older runtimes.
IR_VERSION = 10


class UnsupportedModel(Exception):
    """The model is of another kind than this file can write."""


def read_config(model: pathlib.Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((model / "config.json").read_text())
    return config


def token_limit(model: pathlib.Path) -> int:
    """How many tokens of a text the model's publisher wants it to see."""
    path = model / "sentence_bert_config.json"
    if path.is_file():
        return int(json.loads(path.read_text())["max_seq_length"])
    return int(read_config(model)["max_position_embeddings"])


def export(model: pathlib.Path, target: pathlib.Path, pooled: bool) -> None:
    """Writes target/model.onnx, and beside it what is read from a model's folder.

    The graph answers with every token's vector or, pooled, with the texts'
    vectors: the mean over the tokens at unit length.
    """
    config = read_config(model)
    _refuse_other_kinds(config)
    target.mkdir(parents=True, exist_ok=True)
    onnx.save(_Graph(load_file(model / "model.safetensors"), config).build(pooled), target / "model.onnx")
    for name in ("config.json", "tokenizer.json", "special_tokens_map.json"):
        if (model / name).is_file():
            shutil.copyfile(model / name, target / name)
    # fastembed truncates texts as this file says; the limit is the same for all.
    settings = json.loads((model / "tokenizer_config.json").read_text())
    settings["model_max_length"] = token_limit(model)
    (target / "tokenizer_config.json").write_text(json.dumps(settings))


def _refuse_other_kinds(config: dict[str, Any]) -> None:
    expected = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    for key, value in expected.items():
        if config.get(key, value) != value:
            raise UnsupportedModel(f"config.json says {key} = {config[key]!r}; this writes only {value!r}")


class _Graph:
    """Collects nodes and constants. Methods take and return the names of values."""

    def __init__(self, weights: dict[str, np.ndarray], config: dict[str, Any]) -> None:
        self.weights = weights
        self.hidden: int = config["hidden_size"]
        self.heads: int = config["num_attention_heads"]
        self.layers: int = config["num_hidden_layers"]
        self.epsilon: float = config["layer_norm_eps"]
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def build(self, pooled: bool) -> onnx.ModelProto:
        mask = self.add("Cast", "attention_mask", to=TensorProto.FLOAT)
        penalty = self.padding_penalty(mask)
        state = self.embeddings()
        for index in range(self.layers):
            state = self.layer(state, penalty, f"encoder.layer.{index}")
        if pooled:
            result = self.add_named("sentence_embedding", *self.mean_of_unit_length(state, mask))
            shape: list[Any] = ["batch", self.hidden]
        else:
            result = self.add_named("last_hidden_state", "Identity", state)
            shape = ["batch", "tokens", self.hidden]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        output = helper.make_tensor_value_info(result, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "bert", inputs, [output], list(self.constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.add_named(f"{operator}_{len(self.nodes)}", operator, *inputs, **attributes)

    def add_named(self, output: str, operator: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, values: Any, dtype: type = np.float32) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values, dtype), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), values, np.int64)

    def scalar(self, value: float) -> str:
        # ascontiguousarray would turn a scalar into a vector.
        name = f"scalar_{value!r}"
        self.constants.setdefault(name, numpy_helper.from_array(np.array(value, np.float32), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def embeddings(self) -> str:
        length = self.add("Slice", self.add("Shape", "input_ids"), self.integers(1), self.integers(2))
        words = self.add("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        kinds = self.add("Gather", self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
        positions = self.add(
            "Slice", self.weight("embeddings.position_embeddings.weight"), self.integers(0), length, self.integers(0)
        )
        total = self.add("Add", self.add("Add", words, kinds), positions)
        return self.norm(total, "embeddings.LayerNorm")

    def padding_penalty(self, mask: str) -> str:
        """0 for tokens, and for padding what leaves nothing of it after softmax."""
        wide = self.add("Unsqueeze", mask, self.integers(1, 2))
        return self.add("Mul", self.add("Sub", self.scalar(1.0), wide), self.scalar(float(np.finfo(np.float32).min)))

    def layer(self, state: str, penalty: str, name: str) -> str:
        attended = self.attention(state, penalty, f"{name}.attention.self")
        attended = self.linear(attended, f"{name}.attention.output.dense")
        state = self.norm(self.add("Add", attended, state), f"{name}.attention.output.LayerNorm")
        inner = self.gelu(self.linear(state, f"{name}.intermediate.dense"))
        outer = self.linear(inner, f"{name}.output.dense")
        return self.norm(self.add("Add", outer, state), f"{name}.output.LayerNorm")

    def attention(self, state: str, penalty: str, name: str) -> str:
        width = self.hidden // self.heads
        query, key, value = (
            self.add("Reshape", self.linear(state, f"{name}.{part}"), self.integers(0, 0, self.heads, width))
            for part in ("query", "key", "value")
        )
        query = self.add("Transpose", query, perm=[0, 2, 1, 3])
        key = self.add("Transpose", key, perm=[0, 2, 3, 1])
        value = self.add("Transpose", value, perm=[0, 2, 1, 3])
        scores = self.add("Div", self.add("MatMul", query, key), self.scalar(float(np.sqrt(width))))
        shares = self.add("Softmax", self.add("Add", scores, penalty), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.add("Reshape", mixed, self.integers(0, 0, self.hidden))

    def linear(self, value: str, name: str) -> str:
        matrix = self.constant(f"{name}.matrix", self.weights[f"{name}.weight"].T)
        return self.add("Add", self.add("MatMul", value, matrix), self.weight(f"{name}.bias"))

    def gelu(self, value: str) -> str:
        bell = self.add("Erf", self.add("Div", value, self.scalar(float(np.sqrt(2)))))
        return self.add("Mul", self.add("Mul", value, self.add("Add", bell, self.scalar(1.0))), self.scalar(0.5))

    def norm(self, value: str, name: str) -> str:
        gain, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", value, gain, shift, axis=-1, epsilon=self.epsilon)

    def mean_of_unit_length(self, state: str, mask: str) -> tuple[str, str, str]:
        """The last operator and its two inputs; the caller names what it gives."""
        tokens = self.add("Mul", state, self.add("Unsqueeze", mask, self.integers(2)))
        total = self.add("ReduceSum", tokens, self.integers(1), keepdims=0)
        mean = self.add("Div", total, self.add("ReduceSum", mask, self.integers(1), keepdims=1))
        return "Div", mean, self.add("ReduceL2", mean, self.integers(1), keepdims=1)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--pooled"]):
        sys.exit(__doc__)
    export(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pooled=len(sys.argv) == 4)
