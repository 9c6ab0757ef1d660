"""Int8 model of OpenVINO, made from the plain graph by NNCF's post-training quantization.

A program, so that the quantization's memory and messages stay outside the report.
NNCF calibrates with texts of the measured data set that are not measured.

usage: openvino_graph.py GRAPH_FOLDER TARGET_FOLDER CALIBRATION.json TOKEN_LIMIT
"""

import json
import os
import pathlib
import shutil
import sys

# NNCF sends usage statistics, except from a machine that builds software.
os.environ["CI"] = "true"

import nncf
import numpy as np
import openvino
from tokenizers import Tokenizer


def quantize(graph: pathlib.Path, target: pathlib.Path, texts: list[str], token_limit: int) -> None:
    """Writes target/model.xml with its weights, and the tokenizer beside them."""
    tokenizer = Tokenizer.from_file(str(graph / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(token_limit)
    quantized = nncf.quantize(
        openvino.Core().read_model(graph / "model.onnx"),
        nncf.Dataset([_inputs(encoded.ids) for encoded in tokenizer.encode_batch(texts)]),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(texts),
    )
    target.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantized, target / "model.xml", compress_to_fp16=False)
    shutil.copyfile(graph / "tokenizer.json", target / "tokenizer.json")


def _inputs(ids: list[int]) -> dict[str, np.ndarray]:
    tokens = np.array([ids], np.int64)
    return {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    quantize(
        pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]),
        json.loads(pathlib.Path(sys.argv[3]).read_text()), int(sys.argv[4]),
    )  # fmt: skip
