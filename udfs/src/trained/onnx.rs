//! The heads of a trained classifier as an ONNX file, for other programs.

use std::path::Path;

use prost::Message;

use super::{About, Head, Trained};
use crate::error::{Error, Result};
use crate::files;
use crate::models::proto::{
    Dimension, FLOAT, Graph, Metadata, Model, Node, OperatorSet, Shape, Tensor, TensorType, Type,
    ValueInfo,
};

/// Bytes that an ONNX file may have: a limit of its format.
const MOST_BYTES: usize = i32::MAX as usize;

const WORDS: &str = "words";
const MEANING: &str = "meaning";

/// Writes the heads to `path`, whole or not at all: inputs `words` (rows x
/// word features) and, where the classifier sees vectors, `meaning` (rows x
/// width); per level an output `scores_<column>` (rows x labels). The labels
/// are in the metadata as JSON, under `semql.model`.
///
/// # Errors
/// [`Error::Invalid`] for one that is larger than the format allows,
/// [`Error::Setup`] where the file cannot be written.
pub fn export(trained: &Trained, path: &Path) -> Result<()> {
    let features = trained.ngrams.len() + trained.space.width;
    let labels: usize = trained.heads.iter().map(Head::labels).sum();
    let bytes = features.saturating_mul(labels);
    if bytes.saturating_mul(size_of::<f32>()) >= MOST_BYTES {
        return Err(Error::Invalid(format!(
            "the model has {features} features for {labels} labels, and an ONNX file holds 2 GB"
        )));
    }
    let cannot = |error: &dyn std::fmt::Display| {
        Error::Setup(format!("{} cannot be written: {error}", path.display()))
    };
    let bytes = model(trained).encode_to_vec();
    files::write_whole(path, |file| file.write_all(&bytes)).map_err(|e| cannot(&e))
}

fn model(trained: &Trained) -> Model {
    let (features, width) = (trained.ngrams.len(), trained.space.width);
    let mut graph = Graph {
        name: trained.about.name.clone(),
        input: vec![value(WORDS, "features", features)],
        ..Graph::default()
    };
    if width > 0 {
        graph.input.push(value(MEANING, "width", width));
    }
    for (level, head) in trained.about.levels.iter().zip(&trained.heads) {
        let labels = head.labels();
        let name = |part: &str| format!("{part}_{}", level.column);
        let (words, bias, scores) = (name("words"), name("bias"), name("scores"));
        graph
            .initializer
            .push(tensor(&words, &[features, labels], &head.by_feature()));
        graph.initializer.push(tensor(&bias, &[labels], &head.bias));
        let mut addend = bias;
        if width > 0 {
            let (meaning, sum) = (name("meaning"), name("sum"));
            graph
                .initializer
                .push(tensor(&meaning, &[labels, width], &head.meaning));
            graph
                .node
                .push(gemm([MEANING, &meaning, &addend], &sum, true));
            addend = sum;
        }
        graph
            .node
            .push(gemm([WORDS, &words, &addend], &scores, false));
        graph.output.push(value(&scores, "labels", labels));
    }
    Model {
        ir_version: 10,
        producer_name: "semql".to_string(),
        producer_version: env!("CARGO_PKG_VERSION").to_string(),
        graph: Some(graph),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: 20,
        }],
        metadata: vec![Metadata {
            key: "semql.model".to_string(),
            value: described(&trained.about),
        }],
    }
}

/// What is known of the model, without its training rows.
fn described(about: &About) -> String {
    let without_rows = About {
        doubts: Vec::new(),
        conflicts: Vec::new(),
        ..about.clone()
    };
    serde_json::to_string(&without_rows).unwrap_or_default()
}

/// `a b + c`, or `a bᵀ + c`.
fn gemm(inputs: [&str; 3], output: &str, transposed: bool) -> Node {
    Node {
        input: inputs.map(str::to_string).to_vec(),
        output: vec![output.to_string()],
        name: output.to_string(),
        op_type: "Gemm".to_string(),
        attribute: vec![crate::models::proto::Attribute::int(
            "transB",
            transposed.into(),
        )],
        domain: String::new(),
    }
}

fn tensor(name: &str, dims: &[usize], values: &[f32]) -> Tensor {
    Tensor {
        dims: dims.iter().map(|dim| *dim as i64).collect(),
        data_type: FLOAT,
        name: name.to_string(),
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

/// Any number of rows of `columns` floats.
fn value(name: &str, dimension: &str, columns: usize) -> ValueInfo {
    let rows = Dimension {
        value: None,
        param: Some("rows".to_string()),
    };
    let columns = match columns {
        0 => Dimension {
            value: None,
            param: Some(dimension.to_string()),
        },
        columns => Dimension {
            value: Some(columns as i64),
            param: None,
        },
    };
    ValueInfo {
        name: name.to_string(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: FLOAT,
                shape: Some(Shape {
                    dim: vec![rows, columns],
                }),
            }),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ngrams::{Buffers, Columns};
    use super::super::{Examples, Options, train};
    use super::*;

    #[test]
    fn onnx_runtime_scores_as_the_model_does() {
        let texts = [
            "red shoe",
            "blue shoe",
            "long novel",
            "short novel",
            "tin of paint",
        ]
        .repeat(4);
        let labels = ["shoes", "shoes", "books", "books", "paint"].repeat(4);
        let some = |texts: &[&str]| texts.iter().map(|t| Some(t.to_string())).collect();
        let examples = Examples {
            columns: vec!["title".into()],
            levels: vec!["label".into()],
            texts: vec![some(&texts)],
            labels: vec![some(&labels)],
        };
        let trained = train("kinds", &examples, &Options::default(), None, &|_, _| false).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.onnx");
        export(&trained, &path).unwrap();
        let rows: Vec<Columns<'_>> = texts[..5].iter().map(|text| vec![Some(*text)]).collect();
        let features = trained.ngrams.len();
        let mut words = vec![0.0; rows.len() * features];
        for (row, out) in rows.iter().zip(words.chunks_exact_mut(features)) {
            for (feature, value) in trained.ngrams.row(row, &mut Buffers::default()) {
                out[feature as usize] = value;
            }
        }
        let outputs = crate::backend::run_floats(&path, &[(WORDS, rows.len(), words)]).unwrap();
        let expected = trained.predict(&rows, &[]).into_iter().flatten();
        let expected: Vec<f32> = expected.flat_map(|row| row.scores[0].clone()).collect();
        assert_eq!(outputs[0].0, "scores_label");
        assert_eq!(outputs[0].1.len(), expected.len());
        for (a, b) in outputs[0].1.iter().zip(expected) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        let absent = folder.path().join("nowhere").join("head.onnx");
        let message = export(&trained, &absent).unwrap_err().to_string();
        assert!(message.contains("cannot be written"), "{message}");
    }
}
