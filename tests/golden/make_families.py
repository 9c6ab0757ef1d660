"""Write the small models of other families than BERT, and sentence-transformers
folders with several modules.

    pip install torch transformers tokenizers safetensors sentence-transformers onnx onnxscript onnxruntime
    python make_families.py

Each model has random weights in half precision. Its vectors are computed by
transformers, or by sentence-transformers for the folders with modules, in fp32 and
each text alone. See README.md.
"""

import json
import shutil
import tempfile
from pathlib import Path

import safetensors.torch
import torch
import transformers

from make_golden import HERE, MAX_TOKENS, bert_tokenizer, encoder, folder, golden, write_json, xlmr_tokenizer
from texts import AWKWARD

# Short, long, accented, truncated.
TEXTS = [text for text in AWKWARD if text.strip()][::3]


def stir(model, seed):
    """Random weights as large as those of make_golden, rounded to halves."""
    generator = torch.Generator().manual_seed(seed)

    def noise(parameter, scale):
        return torch.randn(parameter.shape, generator=generator) * scale

    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "norm" in name.lower() and name.endswith("weight"):
                value = 1 + noise(parameter, 0.2)
            elif "embeddings" in name:
                value = noise(parameter, 0.7)
            elif "relative_attention_bias" in name:
                value = noise(parameter, 1.5)
            elif name.endswith("weight"):
                value = noise(parameter, 0.35)
            else:
                value = noise(parameter, 0.2)
            parameter.copy_(value.half())
    return model.eval()


def save(name, model, tokenizer, rename=None):
    """A folder with mean pooling, weights in halves, and golden vectors."""
    at = folder(name, model, tokenizer, "mean")
    with tempfile.TemporaryDirectory() as saved:
        # As transformers writes them: with the names of the publisher.
        model.save_pretrained(saved)
        states = safetensors.torch.load_file(Path(saved) / "model.safetensors")
        shutil.copy(Path(saved) / "config.json", at / "config.json")
    halves = {(rename or str)(key): value.half().contiguous() for key, value in states.items()}
    safetensors.torch.save_file(halves, at / "model.safetensors", metadata={"format": "pt"})
    golden(at / "golden.json", model, encoder(tokenizer, MAX_TOKENS), TEXTS, "mean", MAX_TOKENS)
    return at


def distilbert():
    tokenizer = bert_tokenizer()
    config = transformers.DistilBertConfig(
        vocab_size=tokenizer.get_vocab_size(), dim=16, n_layers=2, n_heads=2, hidden_dim=32,
        max_position_embeddings=48, activation="gelu")
    save("tiny-distilbert", stir(transformers.DistilBertModel(config), 3), tokenizer)


def mpnet():
    tokenizer = xlmr_tokenizer()
    config = transformers.MPNetConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=50, layer_norm_eps=1e-5)
    save("tiny-mpnet", stir(transformers.MPNetModel(config, add_pooling_layer=False), 4), tokenizer)


def modernbert():
    tokenizer = bert_tokenizer()
    # Windows of 8 tokens are shorter than the texts, and both kinds of layers occur.
    config = transformers.ModernBertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=4, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=64, local_attention=8, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, cls_token_id=2, sep_token_id=3)
    save("tiny-modernbert", stir(transformers.ModernBertModel(config), 5), tokenizer)


def nomic_bert():
    tokenizer = bert_tokenizer()
    config = transformers.NomicBertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=64)
    save("tiny-nomic-bert", stir(transformers.NomicBertModel(config), 6), tokenizer)


def gte():
    tokenizer = xlmr_tokenizer()
    config = transformers.GteConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=64, layer_norm_eps=1e-5)
    save("tiny-gte", stir(transformers.GteModel(config), 7), tokenizer)


# Folders with modules: the modules after the Transformer, and settings of the model.
def module_sets():
    from sentence_transformers.models import Dense, LayerNorm, Normalize, Pooling

    def pooling(modes, **more):
        return Pooling(16, pooling_mode=modes, **more)

    torch.manual_seed(8)
    return {
        "all-poolings": ([
            pooling(("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")), Normalize()], {}),
        "max": ([pooling("max")], {}),
        "prompt-excluded": ([pooling(("weightedmean", "mean"), include_prompt=False)],
                            {"prompts": {"query": "red shoes: "}, "default_prompt_name": "query"}),
        "dense-chain": ([
            pooling("lasttoken"), Dense(16, 12), LayerNorm(12),
            Dense(12, 8, bias=False, activation_function=torch.nn.GELU()), Normalize()], {}),
        "residual-truncated": ([
            pooling("mean"), Normalize(), Dense(16, 16, activation_function=torch.nn.ReLU(), use_residual=True),
            Dense(16, 10, activation_function=torch.nn.SiLU(), use_residual=True)], {"truncate_dim": 6}),
    }


def modules():
    """For each set of modules the files that tiny-distilbert lacks, and vectors by
    sentence-transformers."""
    import sentence_transformers

    base = HERE / "tiny-distilbert"
    for name, (parts, settings) in module_sets().items():
        at = HERE / "modules" / name
        shutil.rmtree(at, ignore_errors=True)
        transformer = sentence_transformers.models.Transformer(str(base), max_seq_length=MAX_TOKENS)
        for part in parts:
            for parameter in part.parameters():
                parameter.data = torch.randn(parameter.shape) * 0.5
        model = sentence_transformers.SentenceTransformer(
            modules=[transformer, *parts], device="cpu", **settings)
        with tempfile.TemporaryDirectory() as saved:
            model.save(saved)
            for file in sorted(Path(saved).rglob("*")):
                kept = file.relative_to(saved)
                # The encoder and its tokenizer are those of the base.
                if file.is_file() and (len(kept.parts) > 1 or kept.name in (
                        "modules.json", "config_sentence_transformers.json")):
                    (at / kept).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, at / kept)
        rows = []
        for text in TEXTS:
            vector = model.encode([text], convert_to_tensor=True)[0].double()
            vector = (vector / vector.norm()).tolist()
            rows.append({"text": text, "vector": [float(f"{x:.7g}") for x in vector]})
        lines = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
        head = json.dumps({"made_with": {"sentence_transformers": sentence_transformers.__version__}})
        (at / "golden.json").write_text(head[:-1] + ', "texts": [\n' + lines + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    distilbert()
    mpnet()
    modernbert()
    nomic_bert()
    gte()
    modules()
