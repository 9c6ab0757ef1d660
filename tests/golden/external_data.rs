//! A published graph whose weights are in a file beside it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use semql_udfs::models::proto::{
    DimensionProto, FLOAT, GraphProto, INT64, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use semql_udfs::{Runtime, Settings, vector};

use super::{MIN_COSINE, encoder, folder};

/// Tokens of the tokenizer, and dimensions for a table of more than 64 KiB.
const TOKENS: usize = 241;
const DIMS: usize = 80;

/// The number at `row` and `column` of the table.
fn number(row: usize, column: usize) -> f32 {
    ((row * 31 + column * 17) % 97) as f32 / 97.0 - 0.5
}

/// A graph that looks token vectors up in the file `location`.
fn graph(location: &str) -> Vec<u8> {
    let value = |name: &str, elem_type, dims: Vec<Option<usize>>| ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(TensorShapeProto {
                    dim: dims
                        .into_iter()
                        .enumerate()
                        .map(|(axis, size)| DimensionProto {
                            value: size.map(|size| size as i64),
                            param: size.is_none().then(|| format!("axis{axis}")),
                        })
                        .collect(),
                }),
            }),
        }),
    };
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: key.to_string(),
        value,
    };
    let table = TensorProto {
        name: "table".to_string(),
        dims: vec![TOKENS as i64, DIMS as i64],
        data_type: FLOAT,
        external_data: vec![
            entry("location", location.to_string()),
            entry("offset", "0".to_string()),
            entry("length", (TOKENS * DIMS * 4).to_string()),
        ],
        data_location: 1,
        ..TensorProto::default()
    };
    ModelProto {
        ir_version: 9,
        graph: Some(GraphProto {
            node: vec![NodeProto {
                input: vec!["table".to_string(), "input_ids".to_string()],
                output: vec!["last_hidden_state".to_string()],
                op_type: "Gather".to_string(),
                ..NodeProto::default()
            }],
            name: "lookup".to_string(),
            initializer: vec![table],
            input: vec![value("input_ids", INT64, vec![None, None])],
            output: vec![value(
                "last_hidden_state",
                FLOAT,
                vec![None, None, Some(DIMS)],
            )],
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        ..ModelProto::default()
    }
    .to_bytes()
}

/// Writes the model with its table as `weights` of `model`, or behind a link there.
fn write_model(model: &Path, table: &Path) {
    fs::create_dir_all(model.join("onnx")).unwrap();
    let original = folder("tiny-bert-safetensors");
    fs::copy(
        Path::new(&original).join("tokenizer.json"),
        model.join("tokenizer.json"),
    )
    .unwrap();
    let config = serde_json::json!({
        "model_type": "lookup", "hidden_size": DIMS, "vocab_size": TOKENS
    });
    fs::write(model.join("config.json"), config.to_string()).unwrap();
    fs::write(model.join("onnx/model.onnx"), graph("weights")).unwrap();
    let values: Vec<u8> = (0..TOKENS)
        .flat_map(|row| (0..DIMS).map(move |column| number(row, column)))
        .flat_map(f32::to_le_bytes)
        .collect();
    fs::write(table, values).unwrap();
}

fn check(model: &Path) {
    let runtime = Arc::new(Runtime::new());
    let (encoder, settings) = encoder(&runtime, &model.display().to_string());
    let run = runtime.encode_context(&settings).unwrap();
    let vectors = encoder.encode(&[Some("red shoes".into())], &run).unwrap();
    let ids = encoder.tokenizer.encode("red shoes").unwrap().ids;
    let mut expected: Vec<f32> = (0..DIMS)
        .map(|column| ids.iter().map(|id| number(*id as usize, column)).sum())
        .collect();
    vector::normalize(&mut expected);
    let cosine = vector::dot(vectors.get(0).unwrap(), &expected);
    assert!(cosine >= MIN_COSINE, "cosine {cosine}");
}

#[test]
fn weights_beside_a_graph_are_found_as_files_and_behind_links() {
    let home = tempfile::tempdir().unwrap();
    let plain = home.path().join("plain");
    fs::create_dir_all(plain.join("onnx")).unwrap();
    write_model(&plain, &plain.join("onnx/weights"));
    check(&plain);
    #[cfg(unix)]
    {
        let (linked, blob) = (home.path().join("linked"), home.path().join("blob"));
        write_model(&linked, &blob);
        std::os::unix::fs::symlink(&blob, linked.join("onnx/weights")).unwrap();
        check(&linked);
    }
}

#[test]
fn weights_outside_of_the_folder_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("model");
    write_model(&model, &home.path().join("weights"));
    for (location, word) in [("../../weights", "refers to"), ("weights", "not found")] {
        fs::write(model.join("onnx/model.onnx"), graph(location)).unwrap();
        let settings = Settings {
            model: model.display().to_string(),
            ..Settings::default()
        };
        let error = Runtime::new().encoder(&settings).err().unwrap();
        assert!(error.to_string().contains(word), "{error}");
    }
}
