//! ONNX export of the linear heads of a classifier.

use std::path::Path;

use prost::Message;

use super::classifier::TextClassifier;
use super::linear_head::LinearHead;
use super::metadata::ClassifierMetadata;
use semql_inference::atomic_file;
use semql_inference::models::proto::{
    DimensionProto, FLOAT, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use semql_inference::{Error, Result};

/// Largest size of an ONNX file, a limit of the format.
const MAX_ONNX_BYTES: usize = i32::MAX as usize;

const WORDS: &str = "words";
const MEANING: &str = "meaning";

/// Writes the heads to `path` atomically. Inputs: `words` (rows x n-grams) and, with
/// vectors, `meaning` (rows x width). Output of each level: `scores_<column>` (rows
/// x labels). The metadata has the labels as JSON, under `semql.model`.
///
/// # Errors
/// [`Error::Invalid`] if the file would exceed the limit of the format,
/// [`Error::Setup`] if it cannot be written.
pub fn export(classifier: &TextClassifier, path: &Path) -> Result<()> {
    let features = classifier.ngrams.len() + classifier.adapter.width;
    let labels: usize = classifier.heads.iter().map(LinearHead::labels).sum();
    let bytes = features.saturating_mul(labels);
    if bytes.saturating_mul(size_of::<f32>()) >= MAX_ONNX_BYTES {
        return Err(Error::Invalid(format!(
            "the model has {features} features for {labels} labels, which exceeds the 2 GB of an ONNX file"
        )));
    }
    let cannot = |error: &dyn std::fmt::Display| {
        Error::Setup(format!("{} cannot be written: {error}", path.display()))
    };
    let bytes = model(classifier).encode_to_vec();
    atomic_file::write_atomically(path, |file| file.write_all(&bytes)).map_err(|e| cannot(&e))
}

fn model(classifier: &TextClassifier) -> ModelProto {
    let (features, width) = (classifier.ngrams.len(), classifier.adapter.width);
    let mut graph = GraphProto {
        name: classifier.metadata.name.clone(),
        input: vec![value(WORDS, "features", features)],
        ..GraphProto::default()
    };
    if width > 0 {
        graph.input.push(value(MEANING, "width", width));
    }
    for (level, head) in classifier.metadata.levels.iter().zip(&classifier.heads) {
        let labels = head.labels();
        let name = |part: &str| format!("{part}_{}", level.column);
        let (words, bias, scores) = (name("words"), name("bias"), name("scores"));
        graph
            .initializer
            .push(tensor(&words, &[features, labels], &head.dense_weights()));
        graph.initializer.push(tensor(&bias, &[labels], &head.bias));
        let mut addend = bias;
        if width > 0 {
            let (meaning, sum) = (name("meaning"), name("sum"));
            graph
                .initializer
                .push(tensor(&meaning, &[labels, width], &head.vector_weights));
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
    ModelProto {
        ir_version: 10,
        producer_name: "semql".to_string(),
        producer_version: env!("CARGO_PKG_VERSION").to_string(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 20,
        }],
        metadata: vec![StringStringEntryProto {
            key: "semql.model".to_string(),
            value: metadata_json(&classifier.metadata),
        }],
    }
}

/// Metadata as JSON, without training rows.
fn metadata_json(metadata: &ClassifierMetadata) -> String {
    let without_rows = ClassifierMetadata {
        doubts: Vec::new(),
        conflicts: Vec::new(),
        ..metadata.clone()
    };
    serde_json::to_string(&without_rows).unwrap_or_default()
}

/// `a b + c`, or `a bᵀ + c`.
fn gemm(inputs: [&str; 3], output: &str, transposed: bool) -> NodeProto {
    NodeProto {
        input: inputs.map(str::to_string).to_vec(),
        output: vec![output.to_string()],
        name: output.to_string(),
        op_type: "Gemm".to_string(),
        attribute: vec![semql_inference::models::proto::AttributeProto::int(
            "transB",
            transposed.into(),
        )],
        domain: String::new(),
    }
}

fn tensor(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    TensorProto {
        dims: dims.iter().map(|dim| *dim as i64).collect(),
        data_type: FLOAT,
        name: name.to_string(),
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// Matrix with any number of rows of `columns` floats; any number of columns for 0.
fn value(name: &str, dimension: &str, columns: usize) -> ValueInfoProto {
    let rows = DimensionProto {
        value: None,
        param: Some("rows".to_string()),
    };
    let columns = match columns {
        0 => DimensionProto {
            value: None,
            param: Some(dimension.to_string()),
        },
        columns => DimensionProto {
            value: Some(columns as i64),
            param: None,
        },
    };
    ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: FLOAT,
                shape: Some(TensorShapeProto {
                    dim: vec![rows, columns],
                }),
            }),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ngrams::{NgramBuffers, RowTexts};
    use super::super::{TrainingExamples, TrainingOptions, train};
    use super::*;

    #[test]
    fn onnx_runtime_gives_the_scores_of_the_classifier() {
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
        let examples = TrainingExamples {
            columns: vec!["title".into()],
            levels: vec!["label".into()],
            texts: vec![some(&texts)],
            labels: vec![some(&labels)],
        };
        let classifier = train(
            "kinds",
            &examples,
            &TrainingOptions::default(),
            None,
            &|| false,
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.onnx");
        export(&classifier, &path).unwrap();
        let rows: Vec<RowTexts<'_>> = texts[..5].iter().map(|text| vec![Some(*text)]).collect();
        let features = classifier.ngrams.len();
        let mut words = vec![0.0; rows.len() * features];
        for (row, out) in rows.iter().zip(words.chunks_exact_mut(features)) {
            for (feature, value) in classifier.ngrams.row(row, &mut NgramBuffers::default()) {
                out[feature as usize] = value;
            }
        }
        let outputs =
            semql_inference::backend::run_floats(&path, &[(WORDS, rows.len(), words)]).unwrap();
        let expected = classifier.predict(&rows, &[]).into_iter().flatten();
        let expected: Vec<f32> = expected.flat_map(|row| row.scores[0].clone()).collect();
        assert_eq!(outputs[0].0, "scores_label");
        assert_eq!(outputs[0].1.len(), expected.len());
        for (a, b) in outputs[0].1.iter().zip(expected) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        let absent = folder.path().join("nowhere").join("head.onnx");
        let message = export(&classifier, &absent).unwrap_err().to_string();
        assert!(message.contains("cannot be written"), "{message}");
    }
}
