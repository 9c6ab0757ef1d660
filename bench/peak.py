"""Peak operations per second of this machine, and operations that the model needs.

The peak is what ONNX Runtime itself reaches on products of large matrices, so
a share of it says how much of the machine the rest of a model leaves unused.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

# Square matrices; which size is fastest depends on the caches.
SIZES = (512, 1024, 2048)
SECONDS_PER_SIZE = 0.5


@dataclasses.dataclass(frozen=True)
class Peak:
    """Operations a second, a multiplication and an addition counting as two."""

    fp32: float
    int8: float

    def or_higher(self, other: "Peak") -> "Peak":
        return Peak(max(self.fp32, other.fp32), max(self.int8, other.int8))


def measure() -> Peak:
    return Peak(
        fp32=max(_rate(size, _fp32_graph) for size in SIZES),
        int8=max(_rate(size, graph) for size in SIZES for graph in (_int8_graph, _int8_to_float_graph)),
    )


def dense_operations_per_token(config: dict[str, Any]) -> int:
    """Operations in the model's weight matrices for one token.

    Four of hidden x hidden for attention, two of hidden x intermediate. The
    products of attention itself depend on the length of the text and are left
    out, so shares of the peak are a little lower than they could be.
    """
    hidden, inner, layers = (int(config[key]) for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    return layers * 2 * (4 * hidden * hidden + 2 * hidden * inner)


def _rate(size: int, graph: Callable[[int], ModelProto]) -> float:
    session = onnxruntime.InferenceSession(graph(size).SerializeToString(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    if session.get_inputs()[0].type == "tensor(uint8)":
        left = random.integers(0, 255, (size, size), np.uint8)
    else:
        left = random.standard_normal((size, size), np.float32)
    session.run(None, {"left": left})
    best, began = float("inf"), time.perf_counter()
    # The peak is the fastest of many runs.
    while time.perf_counter() - began < SECONDS_PER_SIZE:
        start = time.perf_counter()
        session.run(None, {"left": left})
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def _fp32_graph(size: int) -> ModelProto:
    right = np.random.default_rng(1).standard_normal((size, size), np.float32)
    return _model(
        [helper.make_node("MatMul", ["left", "right"], ["product"])],
        [numpy_helper.from_array(right, "right")],
        (size, TensorProto.FLOAT, TensorProto.FLOAT),
    )


def _int8_weights(size: int) -> list[TensorProto]:
    right = np.random.default_rng(1).integers(-127, 127, (size, size), np.int8)
    return [
        numpy_helper.from_array(right, "right"),
        numpy_helper.from_array(np.array(128, np.uint8), "left_zero"),
        numpy_helper.from_array(np.array(0, np.int8), "right_zero"),
    ]


def _int8_graph(size: int) -> ModelProto:
    return _model(
        [helper.make_node("MatMulInteger", ["left", "right", "left_zero", "right_zero"], ["product"])],
        _int8_weights(size),
        (size, TensorProto.UINT8, TensorProto.INT32),
    )


def _int8_to_float_graph(size: int) -> ModelProto:
    scales = [numpy_helper.from_array(np.array(0.01, np.float32), name) for name in ("left_scale", "right_scale")]
    inputs = ["left", "right", "left_scale", "right_scale", "left_zero", "right_zero"]
    return _model(
        [helper.make_node("MatMulIntegerToFloat", inputs, ["product"], domain="com.microsoft")],
        _int8_weights(size) + scales,
        (size, TensorProto.UINT8, TensorProto.FLOAT),
    )


def _model(nodes: list[NodeProto], constants: list[TensorProto], kinds: tuple[int, int, int]) -> ModelProto:
    """Inputs and product are square; kinds are the size and the types of both."""
    size, left, product = kinds
    graph = helper.make_graph(
        nodes,
        "peak",
        [helper.make_tensor_value_info("left", left, [size, size])],
        [helper.make_tensor_value_info("product", product, [size, size])],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)
