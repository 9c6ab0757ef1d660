//! Families beside BERT, folders with several modules, and what is refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use semql_udfs::inference::encoding::ModelInput;
use semql_udfs::{Runtime, Settings, vector};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MIN_COSINE, compare, encoder, folder, golden};

pub(super) const FAMILIES: &[&str] = &[
    "tiny-distilbert",
    "tiny-gte",
    "tiny-modernbert",
    "tiny-mpnet",
    "tiny-nomic-bert",
];

#[derive(Deserialize)]
struct ModuleGolden {
    texts: Vec<ModuleCase>,
}

#[derive(Deserialize)]
struct ModuleCase {
    text: String,
    vector: Vec<f32>,
}

#[test]
fn families_beside_bert() {
    for name in FAMILIES {
        compare(&folder(name), &golden(&format!("{name}/golden.json")));
    }
}

/// Copies the files of `from` over those of `to`.
fn overlay(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => overlay(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

/// Changes members of a JSON file.
fn edit(path: &Path, members: Value) {
    let mut value: Value = match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => json!({}),
    };
    for (name, member) in members.as_object().unwrap() {
        value[name] = member.clone();
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn all_modules_after_the_encoder_apply() {
    let sets: Vec<_> = fs::read_dir(folder("modules")).unwrap().collect();
    assert!(sets.len() >= 5);
    for set in sets {
        let set = set.unwrap().path();
        let model = tempfile::tempdir().unwrap();
        overlay(Path::new(&folder("tiny-distilbert")), model.path());
        overlay(&set, model.path());
        let text = fs::read_to_string(set.join("golden.json")).unwrap();
        let golden: ModuleGolden = serde_json::from_str(&text).unwrap();
        let runtime = Arc::new(Runtime::new());
        let (encoder, settings) = encoder(&runtime, &model.path().display().to_string());
        let run = runtime.encode_context(&settings).unwrap();
        let texts: Vec<ModelInput<'_>> = golden
            .texts
            .iter()
            .map(|case| Some(case.text.as_str().into()))
            .collect();
        let vectors = encoder.encode(&texts, &run).unwrap();
        for (row, case) in golden.texts.iter().enumerate() {
            let found = vectors.get(row).unwrap();
            assert_eq!(found.len(), case.vector.len(), "{}", set.display());
            let cosine = vector::dot(found, &case.vector);
            let shown: String = case.text.chars().take(40).collect();
            assert!(
                cosine >= MIN_COSINE,
                "{}, {shown:?}: cosine {cosine}",
                set.display()
            );
        }
    }
}

/// The vector of `text` by a copy of `base` that `change` has changed.
fn vector_of(base: &str, text: &str, change: impl FnOnce(&Path)) -> Vec<f32> {
    let model = tempfile::tempdir().unwrap();
    overlay(Path::new(&folder(base)), model.path());
    change(model.path());
    let runtime = Arc::new(Runtime::new());
    let (encoder, settings) = encoder(&runtime, &model.path().display().to_string());
    let run = runtime.encode_context(&settings).unwrap();
    let vectors = encoder.encode(&[Some(text.into())], &run).unwrap();
    vectors.get(0).unwrap().to_vec()
}

#[test]
fn case_follows_each_file_that_has_it() {
    let reference = vector_of("tiny-distilbert", "red shoes", |_| {});
    let of_capitals = |change: &dyn Fn(&Path)| {
        let found = vector_of("tiny-distilbert", "RED SHOES", |model| {
            let path = model.join("tokenizer.json");
            let mut tokenizer: Value =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            tokenizer["normalizer"]["lowercase"] = json!(false);
            fs::write(path, tokenizer.to_string()).unwrap();
            change(model);
        });
        vector::dot(&found, &reference)
    };
    assert!(of_capitals(&|_| {}) < 0.999);
    for file in ["sentence_bert_config.json", "tokenizer_config.json"] {
        let cosine = of_capitals(&|model| edit(&model.join(file), json!({"do_lower_case": true})));
        assert!(cosine > MIN_COSINE, "{file}: {cosine}");
    }
}

#[test]
fn truncation_may_keep_the_end_of_a_text() {
    let cut = json!({"max_seq_length": 4});
    let limited = |model: &Path| edit(&model.join("sentence_bert_config.json"), cut.clone());
    let end = vector_of("tiny-distilbert", "a b c d e", |model| {
        limited(model);
        edit(
            &model.join("tokenizer_config.json"),
            json!({"truncation_side": "left"}),
        );
    });
    let short = vector_of("tiny-distilbert", "d e", limited);
    assert!(vector::dot(&end, &short) > MIN_COSINE);
    let start = vector_of("tiny-distilbert", "a b c d e", limited);
    assert!(vector::dot(&start, &short) < 0.999);
}

#[test]
fn unsupported_parts_are_refused_by_name_in_one_line() {
    let class = |name: &str| json!({"path": "", "type": name});
    let modules = |name: &str| {
        json!([
            class("sentence_transformers.models.Transformer"),
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            class(name)
        ])
    };
    let whole = |value: Value| move |path: &Path| fs::write(path, value.to_string()).unwrap();
    let members = |value: Value| move |path: &Path| edit(path, value.clone());
    type Change = Box<dyn Fn(&Path)>;
    let changes: Vec<(&str, &str, Change, &str)> = vec![
        (
            "tiny-distilbert",
            "modules.json",
            Box::new(whole(modules("sentence_transformers.models.CNN"))),
            "CNN",
        ),
        (
            "tiny-distilbert",
            "modules.json",
            Box::new(whole(modules("my_code.Head"))),
            "my_code.Head",
        ),
        (
            "tiny-distilbert",
            "modules.json",
            Box::new(whole(modules("sentence_transformers.models.Dense"))),
            "config.json",
        ),
        (
            "tiny-distilbert",
            "1_Pooling/config.json",
            Box::new(whole(json!({"pooling_mode": "median"}))),
            "pooling",
        ),
        (
            "tiny-distilbert",
            "config.json",
            Box::new(members(json!({"model_type": "deberta-v2"}))),
            "deberta-v2",
        ),
        (
            "tiny-distilbert",
            "config.json",
            Box::new(members(json!({"activation": "xielu"}))),
            "xielu",
        ),
        (
            "tiny-bert-safetensors",
            "config.json",
            Box::new(members(json!({"position_embedding_type": "relative_key"}))),
            "relative_key",
        ),
        (
            "tiny-bert-safetensors",
            "config.json",
            Box::new(members(json!({"is_decoder": true}))),
            "decoder",
        ),
        (
            "tiny-nomic-bert",
            "config.json",
            Box::new(members(json!({"rotary_scaling_factor": 2.0}))),
            "rotary_scaling_factor",
        ),
        (
            "tiny-gte",
            "config.json",
            Box::new(members(
                json!({"rope_scaling": {"type": "ntk", "factor": 2.0}}),
            )),
            "ntk",
        ),
        (
            "tiny-modernbert",
            "config.json",
            Box::new(members(json!({"layer_types": ["full_attention"]}))),
            "layer_types",
        ),
    ];
    for (base, file, change, word) in changes {
        let model = tempfile::tempdir().unwrap();
        overlay(Path::new(&folder(base)), model.path());
        change(&model.path().join(file));
        let settings = Settings {
            model: model.path().display().to_string(),
            ..Settings::default()
        };
        let error = Runtime::new().facts(&settings).unwrap_err().to_string();
        assert!(error.contains(word), "{base} {file}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
