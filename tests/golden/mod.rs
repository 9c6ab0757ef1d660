//! Vectors compared with an independent implementation (see README.md).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use semql_udfs::inference::encoding::{Encoder, ModelInput};
use semql_udfs::models::{Precision, PrecisionSetting};
use semql_udfs::{Runtime, Settings, vector};
use serde::Deserialize;

mod external_data;
mod families;
mod multilingual;
mod precision;

/// Smallest cosine of two fp32 vectors: only the order of additions differs.
const MIN_COSINE: f32 = 0.9999;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    /// Tokens that reach the model.
    tokens: usize,
    /// Tokens before truncation.
    all_tokens: usize,
    vector: Vec<f32>,
}

fn golden(path: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(path);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn folder(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    path.display().to_string()
}

fn encoder(runtime: &Arc<Runtime>, model: &str) -> (Arc<Encoder>, Settings) {
    let settings = Settings {
        model: model.to_string(),
        precision: PrecisionSetting::Exactly(Precision::Fp32),
        ..Settings::default()
    };
    (runtime.encoder(&settings).unwrap(), settings)
}

/// Compares all texts in one request, which mixes lengths, and each text alone.
fn compare(model: &str, golden: &Golden) {
    let runtime = Arc::new(Runtime::new());
    let (encoder, settings) = encoder(&runtime, model);
    let run = runtime.encode_context(&settings).unwrap();
    let texts: Vec<ModelInput<'_>> = golden
        .texts
        .iter()
        .map(|case| Some(case.text.as_str().into()))
        .collect();
    let together = encoder.encode(&texts, &run).unwrap();
    for (row, case) in golden.texts.iter().enumerate() {
        let shown: String = case.text.chars().take(40).collect();
        assert_eq!(
            encoder.tokenizer.count(&case.text).unwrap(),
            case.all_tokens,
            "{shown:?}"
        );
        assert_eq!(
            encoder.tokenizer.encode(&case.text).unwrap().ids.len(),
            case.tokens,
            "{shown:?}"
        );
        let vector = together.get(row).unwrap();
        let cosine = vector::dot(vector, &case.vector);
        assert!(cosine >= MIN_COSINE, "{shown:?}: cosine {cosine}");
        let alone = encoder
            .encode(&[Some(case.text.as_str().into())], &run)
            .unwrap();
        let same = vector::dot(vector, alone.get(0).unwrap());
        assert!(
            same >= 0.99999,
            "{shown:?} depends on its batch: cosine {same}"
        );
    }
}

#[test]
fn pytorch_checkpoint() {
    compare(&folder("tiny-bert"), &golden("tiny-bert/golden.json"));
}

#[test]
fn safetensors_checkpoint() {
    compare(
        &folder("tiny-bert-safetensors"),
        &golden("tiny-bert-safetensors/golden.json"),
    );
}

#[test]
fn published_onnx_graph() {
    compare(
        &folder("tiny-bert-onnx"),
        &golden("tiny-bert-onnx/golden.json"),
    );
}

#[test]
fn first_token_pooling() {
    compare(
        &folder("tiny-bert-cls"),
        &golden("tiny-bert-cls/golden.json"),
    );
}

#[test]
fn xlm_roberta_positions_and_tokenizer() {
    compare(&folder("tiny-xlmr"), &golden("tiny-xlmr/golden.json"));
}

#[test]
fn the_default_model() {
    compare("all-minilm-l6-v2", &golden("minilm.golden.json"));
}

#[test]
fn vectors_do_not_depend_on_batch_size_or_threads() {
    let golden = golden("minilm.golden.json");
    let texts: Vec<ModelInput<'_>> = golden
        .texts
        .iter()
        .map(|case| Some(case.text.as_str().into()))
        .collect();
    let runtime = Arc::new(Runtime::new());
    let base = Settings::default();
    let reference = {
        let encoder = runtime.encoder(&base).unwrap();
        encoder
            .encode(&texts, &runtime.encode_context(&base).unwrap())
            .unwrap()
    };
    for (batch_tokens, threads) in [(1, 1), (300, 2), (1 << 16, 1)] {
        let settings = Settings {
            batch_tokens,
            threads,
            ..base.clone()
        };
        let encoder = runtime.encoder(&settings).unwrap();
        let vectors = encoder
            .encode(&texts, &runtime.encode_context(&settings).unwrap())
            .unwrap();
        for row in 0..texts.len() {
            let cosine = vector::dot(vectors.get(row).unwrap(), reference.get(row).unwrap());
            assert!(
                cosine >= 0.99999,
                "row {row} with {settings:?}: cosine {cosine}"
            );
        }
    }
}

#[test]
fn a_vocabulary_file_gives_the_same_tokens_as_tokenizer_json() {
    let original = PathBuf::from(folder("tiny-bert-safetensors"));
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(original.join("tokenizer.json")).unwrap())
            .unwrap();
    let mut words: Vec<(u64, String)> = json["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(word, id)| (id.as_u64().unwrap(), word.clone()))
        .collect();
    words.sort();
    let copy = tempfile::tempdir().unwrap();
    let vocabulary: String = words.into_iter().map(|(_, word)| word + "\n").collect();
    std::fs::write(copy.path().join("vocab.txt"), vocabulary).unwrap();
    for name in [
        "config.json",
        "sentence_bert_config.json",
        "model.safetensors",
    ] {
        std::fs::copy(original.join(name), copy.path().join(name)).unwrap();
    }
    let runtime = Arc::new(Runtime::new());
    let (with_json, _) = encoder(&runtime, &original.display().to_string());
    let (with_vocabulary, _) = encoder(&runtime, &copy.path().display().to_string());
    for case in golden("tiny-bert-safetensors/golden.json").texts {
        assert_eq!(
            with_json.tokenizer.encode(&case.text),
            with_vocabulary.tokenizer.encode(&case.text)
        );
    }
}
