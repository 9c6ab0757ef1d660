"""Write the small models and the reference vectors of this folder.

    pip install torch transformers tokenizers safetensors onnx onnxscript onnxruntime
    python make_golden.py [FOLDER_OF_ALL_MINILM_L6_V2]

The vectors are computed by transformers on torch, in fp32, each text alone and
without padding; see README.md. Without the argument the MiniLM vectors are left
as they are.
"""

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy
import onnx
import onnxruntime
import safetensors.torch
import tokenizers
import torch
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from texts import ALL, AWKWARD

HERE = Path(__file__).parent
MAX_TOKENS = 32
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_json(path, value, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, **options) + "\n", encoding="utf-8")


def vocabulary(pieces, size):
    """The `size` most frequent pieces; equal counts in alphabetical order."""
    counted = sorted(Counter(pieces).items(), key=lambda item: (-item[1], item[0]))
    return [piece for piece, _ in counted[:size]]


def bert_tokenizer():
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = [w for text in ALL for w, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]
    characters = vocabulary((c for w in words for c in w if c.isascii()), 60)
    inner = ["##" + c for c in characters if c.isalnum()]
    frequent = [w for w in vocabulary((w for w in words if len(w) > 1 and w.isascii()), 130)]
    endings = ["##" + e for e in ("ing", "ed", "er", "es", "ly", "tion", "able", "proof")]
    tokens = SPECIAL + characters + inner + frequent + endings + ["ß", "红", "色"]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def xlmr_tokenizer():
    words = [w for text in ALL for w in text.lower().split()]
    characters = vocabulary((c for w in words for c in w), 90)
    frequent = ["\u2581" + w for w in vocabulary((w for w in words if len(w) > 2), 70)]
    scored = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -3.0)]
    scored += [(w, -4.0 - 0.02 * i) for i, w in enumerate(frequent)]
    scored += [(c, -6.0 - 0.02 * i) for i, c in enumerate(characters)]
    scored += [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return tokenizer


def stir(model, seed):
    """Random weights large enough that attention, feed-forward layers, biases
    and norms all change the output; those of a new model hardly do."""
    generator = torch.Generator().manual_seed(seed)

    def noise(parameter, scale):
        return torch.randn(parameter.shape, generator=generator) * scale

    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + noise(parameter, 0.2))
            elif "embeddings" in name:
                parameter.copy_(noise(parameter, 0.7))
            elif name.endswith("weight"):
                parameter.copy_(noise(parameter, 0.35))
            else:
                parameter.copy_(noise(parameter, 0.2))
    return model.eval()


def unit_vectors(model, encode, texts, pooling):
    """For each text its token counts (cut and whole) and its unit vector."""
    rows = []
    for text in texts:
        ids, whole = encode(text)
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids]),
                           attention_mask=torch.ones(1, len(ids), dtype=torch.long)).last_hidden_state[0]
        vector = states[0] if pooling == "cls" else states.mean(0)
        vector = (vector / vector.norm()).tolist()
        rows.append({"text": text, "tokens": len(ids), "all_tokens": whole,
                     "vector": [float(f"{x:.7g}") for x in vector]})
    return rows


def encoder(tokenizer, limit, prefix=""):
    """A function that gives token ids, truncated to `limit`, and the full count."""
    whole = Tokenizer.from_str(tokenizer.to_str())
    whole.no_truncation()
    whole.no_padding()
    cut = Tokenizer.from_str(whole.to_str())
    cut.enable_truncation(limit)
    return lambda text: (cut.encode(prefix + text).ids, len(whole.encode(prefix + text).ids))


def golden(path, model, encode, texts, pooling, limit, **more):
    rows = unit_vectors(model, encode, texts, pooling)
    head = {"made_with": {"torch": torch.__version__.split("+")[0],
                          "transformers": transformers.__version__,
                          "tokenizers": tokenizers.__version__},
            "max_tokens": limit, "pooling": pooling, **more}
    # One text in each line keeps differences readable and the file small.
    lines = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
    path.write_text(json.dumps(head)[:-1] + ', "texts": [\n' + lines + "\n]}\n", encoding="utf-8")
    return rows


def folder(name, model, tokenizer, pooling, normalise=True):
    """Write the files of a sentence-transformers model except the weights."""
    at = HERE / name
    if at.exists():
        shutil.rmtree(at)
    at.mkdir()
    config = model.config.to_dict()
    config["architectures"] = [type(model).__name__]
    write_json(at / "config.json", config, indent=1, sort_keys=True)
    (at / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    kinds = ["Transformer", "Pooling"] + ["Normalize"] * normalise
    paths = ["", "1_Pooling", "2_Normalize"]
    write_json(at / "modules.json", [
        {"idx": i, "name": str(i), "path": paths[i], "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)], indent=1)
    write_json(at / "1_Pooling/config.json", {
        "word_embedding_dimension": model.config.hidden_size,
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False}, indent=1)
    write_json(at / "sentence_bert_config.json", {"max_seq_length": MAX_TOKENS, "do_lower_case": False})
    return at


class ForExport(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask,
                          token_type_ids=token_type_ids).last_hidden_state


def export(model, path, rows, encode):
    """Write model.onnx with torch's exporter, and compare its vectors of padded
    batches with the golden ones."""
    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids = torch.arange(2 * 9).reshape(2, 9) + 5
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens", max=64)
    torch.onnx.export(ForExport(model).eval(), (ids, mask, torch.zeros_like(ids)), path,
                      input_names=names, output_names=["last_hidden_state"], dynamo=True,
                      dynamic_shapes=[{0: batch, 1: tokens}] * 3, external_data=False)
    graph = onnx.load(path)
    # The Python origin of each node is unused, and most of the file.
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.graph.metadata_props[:]
    del graph.graph.value_info[:]
    del graph.functions[:]
    onnx.checker.check_model(graph)
    onnx.save(graph, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for start in range(0, len(rows), 5):
        some = rows[start:start + 5]
        encoded = [encode(row["text"])[0] for row in some]
        longest = max(map(len, encoded))
        mask = numpy.array([[1] * len(i) + [0] * (longest - len(i)) for i in encoded], dtype=numpy.int64)
        ids = numpy.array([i + [0] * (longest - len(i)) for i in encoded], dtype=numpy.int64)
        states, = session.run(None, dict(zip(names, (ids, mask, ids * 0))))
        for row, state, ones in zip(some, states, mask):
            mean = state[ones == 1].mean(0)
            assert mean @ numpy.array(row["vector"]) / numpy.linalg.norm(mean) > 0.999999, row["text"]


def tiny_bert():
    tokenizer = bert_tokenizer()
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, intermediate_size=64, max_position_embeddings=64)
    model = stir(transformers.BertModel(config), 1)
    encode = encoder(tokenizer, MAX_TOKENS)
    states = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}

    at = folder("tiny-bert", model, tokenizer, "mean")
    # As in older checkpoints: a task model's prefix and the ids of positions.
    prefixed = {"bert." + name: tensor for name, tensor in states.items()}
    prefixed["bert.embeddings.position_ids"] = torch.arange(64).expand((1, -1))
    torch.save(prefixed, at / "pytorch_model.bin")
    rows = golden(at / "golden.json", model, encode, AWKWARD, "mean", MAX_TOKENS)

    at = folder("tiny-bert-safetensors", model, tokenizer, "mean")
    safetensors.torch.save_file(states, at / "model.safetensors", metadata={"format": "pt"})
    golden(at / "golden.json", model, encode, AWKWARD, "mean", MAX_TOKENS)

    at = folder("tiny-bert-onnx", model, tokenizer, "mean")
    export(model, at / "model.onnx", rows, encode)
    golden(at / "golden.json", model, encode, AWKWARD, "mean", MAX_TOKENS)

    # First-token pooling, half precision, no normalising module.
    halves = {name: tensor.half() for name, tensor in states.items()}
    model.load_state_dict({name: tensor.float() for name, tensor in halves.items()})
    at = folder("tiny-bert-cls", model, tokenizer, "cls", normalise=False)
    safetensors.torch.save_file(halves, at / "model.safetensors", metadata={"format": "pt"})
    golden(at / "golden.json", model, encode, AWKWARD, "cls", MAX_TOKENS)


def tiny_xlmr():
    tokenizer = xlmr_tokenizer()
    config = transformers.XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32, max_position_embeddings=66, type_vocab_size=1,
        layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    model = stir(transformers.XLMRobertaModel(config), 2)
    at = folder("tiny-xlmr", model, tokenizer, "mean")
    states = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(states, at / "model.safetensors", metadata={"format": "pt"})
    golden(at / "golden.json", model, encoder(tokenizer, MAX_TOKENS), AWKWARD, "mean", MAX_TOKENS)


def checkpoints():
    """Write checkpoints in PyTorch's file formats, and their values to expected.json."""
    at = HERE / "checkpoints"
    if at.exists():
        shutil.rmtree(at)
    at.mkdir()
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 4 - 1
    kinds = {
        "plain": base.clone(),
        "transposed": base.t(),
        "rows": base[1:3],
        "column": base[:, 2],
        "every_other": base[::2, 1::2],
        "parameter": torch.nn.Parameter(base[0].clone()),
        "half": base[0].half(),
        "bfloat": base[0].bfloat16(),
        "double": base[0].double(),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "position_ids": torch.arange(5).expand((1, -1)),
        "flags": torch.tensor([True, False]),
    }
    torch.save(kinds, at / "kinds.bin")
    torch.save(kinds, at / "protocol4.bin", pickle_protocol=4)
    torch.save(kinds, at / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "loss": 0.25, "names": ["a"], "state_dict": {
        f"module.bert.{name}": tensor for name, tensor in kinds.items()}}, at / "wrapped.bin")
    write_json(at / "expected.json", {
        name: {"shape": list(tensor.shape), "data": tensor.detach().double().flatten().tolist()}
        for name, tensor in kinds.items() if tensor.dtype.is_floating_point}, indent=1)


def minilm(source):
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    encode = encoder(tokenizer, 256)
    slow = transformers.AutoTokenizer.from_pretrained(source)
    for text in ALL:
        assert slow(text, truncation=True, max_length=256)["input_ids"] == encode(text)[0], text
    model = transformers.BertModel.from_pretrained(source, dtype=torch.float32).eval()
    golden(HERE / "minilm.golden.json", model, encode, ALL, "mean", 256,
           of="sentence-transformers/all-MiniLM-L6-v2")


if __name__ == "__main__":
    torch.set_num_threads(1)
    tiny_bert()
    tiny_xlmr()
    checkpoints()
    if len(sys.argv) > 1:
        minilm(Path(sys.argv[1]))
