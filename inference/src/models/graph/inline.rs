//! Puts small tensors of other files into the graph.
//!
//! ONNX Runtime infers shapes from small tensors, and reads those in the graph
//! only. The file is rewritten field by field, so that all else stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use prost::encoding::{decode_varint, encode_varint};

use super::external_data::StoredTensor;

/// Maximum size of a tensor that is put into the graph.
const MAX_INLINE_BYTES: u64 = 64 << 10;

/// Maximum depth of graphs within graphs.
const MAX_DEPTH: usize = 16;

/// Numbers of fields, with the names of ONNX' definition.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const TENSOR_RAW_DATA: u64 = 9;
const TENSOR_EXTERNAL_DATA: u64 = 13;
const TENSOR_DATA_LOCATION: u64 = 14;

/// Wire type of fields with a length.
const LENGTH_DELIMITED: u64 = 2;

/// The contents of the files of weights, by their names in the graph.
pub type ExternalContents = BTreeMap<String, Arc<[u8]>>;

/// The ONNX file `model` with the small tensors of `files` in it; `None` if it is
/// damaged.
pub fn inline_small_tensors(model: &[u8], files: &ExternalContents) -> Option<Vec<u8>> {
    rewrite(model, |number, graph| match number {
        MODEL_GRAPH => inline_graph(graph, files, 0).map(Field::Replaced),
        _ => Some(Field::Kept),
    })
}

fn inline_graph(graph: &[u8], files: &ExternalContents, depth: usize) -> Option<Vec<u8>> {
    if depth > MAX_DEPTH {
        return None;
    }
    rewrite(graph, |number, field| match number {
        GRAPH_INITIALIZER => inline_tensor(field, files).map(Field::Replaced),
        GRAPH_NODE => rewrite(field, |number, attribute| match number {
            NODE_ATTRIBUTE => rewrite(attribute, |number, value| match number {
                ATTRIBUTE_TENSOR => inline_tensor(value, files).map(Field::Replaced),
                ATTRIBUTE_GRAPH => inline_graph(value, files, depth + 1).map(Field::Replaced),
                _ => Some(Field::Kept),
            })
            .map(Field::Replaced),
            _ => Some(Field::Kept),
        })
        .map(Field::Replaced),
        _ => Some(Field::Kept),
    })
}

fn inline_tensor(tensor: &[u8], files: &ExternalContents) -> Option<Vec<u8>> {
    let Some(data) = small_data(&StoredTensor::decode(tensor).ok()?, files) else {
        return Some(tensor.to_vec());
    };
    let mut inlined = rewrite(tensor, |number, _| match number {
        TENSOR_EXTERNAL_DATA | TENSOR_DATA_LOCATION => Some(Field::Removed),
        _ => Some(Field::Kept),
    })?;
    write_field(&mut inlined, TENSOR_RAW_DATA, data);
    Some(inlined)
}

/// The values of a small tensor of another file.
fn small_data<'a>(tensor: &StoredTensor, files: &'a ExternalContents) -> Option<&'a [u8]> {
    let (location, range) = tensor.external_range()?;
    if range.end - range.start > MAX_INLINE_BYTES {
        return None;
    }
    let (start, end) = (range.start.try_into().ok()?, range.end.try_into().ok()?);
    files
        .get(location)?
        .get::<std::ops::Range<usize>>(start..end)
}

/// What becomes of a field.
enum Field {
    Kept,
    Removed,
    Replaced(Vec<u8>),
}

/// Copies a message; `change` decides on each field by its number and, for fields
/// with a length, its content. `None` for a damaged message.
fn rewrite(message: &[u8], change: impl Fn(u64, &[u8]) -> Option<Field>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let key = decode_varint(&mut rest).ok()?;
        let content = match key & 7 {
            0 => {
                decode_varint(&mut rest).ok()?;
                &[]
            }
            1 => take(&mut rest, 8).map(|_| &[][..])?,
            LENGTH_DELIMITED => {
                let length = decode_varint(&mut rest).ok()?;
                take(&mut rest, usize::try_from(length).ok()?)?
            }
            5 => take(&mut rest, 4).map(|_| &[][..])?,
            _ => return None,
        };
        match change(key >> 3, content)? {
            Field::Kept => out.extend_from_slice(&start[..start.len() - rest.len()]),
            Field::Removed => {}
            Field::Replaced(content) => write_field(&mut out, key >> 3, &content),
        }
    }
    Some(out)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn write_field(out: &mut Vec<u8>, number: u64, content: &[u8]) {
    encode_varint(number << 3 | LENGTH_DELIMITED, out);
    encode_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::super::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
    use super::*;
    use crate::mutations;
    use crate::random::Random;

    /// A tensor of `len` bytes at `offset` of the file `weights`.
    fn external(name: &str, offset: usize, len: usize) -> Vec<u8> {
        let mut tensor = TensorProto {
            name: name.to_string(),
            ..TensorProto::default()
        }
        .encode_to_vec();
        tensor.extend(StoredTensor::new("weights", offset, len).encode_to_vec());
        tensor
    }

    fn model(tensors: &[Vec<u8>]) -> Vec<u8> {
        let mut graph = GraphProto {
            name: "encoder".to_string(),
            node: vec![NodeProto::default()],
            ..GraphProto::default()
        }
        .encode_to_vec();
        for tensor in tensors {
            write_field(&mut graph, GRAPH_INITIALIZER, tensor);
        }
        let mut model = ModelProto {
            ir_version: 9,
            ..ModelProto::default()
        }
        .encode_to_vec();
        write_field(&mut model, MODEL_GRAPH, &graph);
        model
    }

    fn files() -> ExternalContents {
        let bytes: Vec<u8> = (0..100_000).map(|n| n as u8).collect();
        BTreeMap::from([("weights".to_string(), bytes.into())])
    }

    #[test]
    fn small_tensors_are_put_into_the_graph_and_large_ones_are_not() {
        let model = model(&[external("small", 3, 4), external("large", 0, 90_000)]);
        let inlined = inline_small_tensors(&model, &files()).unwrap();
        let read = ModelProto::decode(&inlined[..]).unwrap();
        assert_eq!(read.ir_version, 9);
        let graph = read.graph.unwrap();
        assert_eq!(graph.name, "encoder");
        assert_eq!(graph.initializer[0].raw_data, [3, 4, 5, 6]);
        assert!(graph.initializer[1].raw_data.is_empty());
        // The large one still names its file.
        let needle = b"weights";
        let count = inlined
            .windows(needle.len())
            .filter(|w| w == needle)
            .count();
        assert_eq!(count, 1);
    }

    #[test]
    fn damaged_graphs_do_not_panic() {
        let intact = model(&[external("small", 3, 4), external("beyond", 99_999, 4)]);
        let mut random = Random::new(6);
        for _ in 0..mutations::cases(300) {
            let mut bytes = intact.clone();
            mutations::mutate(&mut bytes, &mut random);
            let _ = inline_small_tensors(&bytes, &files());
        }
    }
}
