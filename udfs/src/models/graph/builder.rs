//! Putting a graph together: nodes, named weights, small constants.

use std::collections::HashSet;

use prost::Message;

use super::proto::{
    Attribute, Dimension, FLOAT, Graph, INT64, Model, Node, OperatorSet, Shape, Tensor, TensorType,
    Type, ValueInfo,
};

/// ONNX Runtime's own operators: the fused ones.
pub const FUSED: &str = "com.microsoft";

#[derive(Default)]
pub struct Builder {
    nodes: Vec<Node>,
    tensors: Vec<Tensor>,
    known: HashSet<String>,
}

impl Builder {
    /// A float tensor under `name`; said twice, it is stored once.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        self.tensor(name, dims, FLOAT, || {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        })
    }

    /// A vector of whole numbers, named by its values.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let name = format!("ints{values:?}");
        self.tensor(&name, &[values.len()], INT64, || {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        })
    }

    fn tensor(
        &mut self,
        name: &str,
        dims: &[usize],
        data_type: i32,
        bytes: impl FnOnce() -> Vec<u8>,
    ) -> String {
        if self.known.insert(name.to_string()) {
            self.tensors.push(Tensor {
                dims: dims.iter().map(|d| *d as i64).collect(),
                data_type,
                name: name.to_string(),
                raw_data: bytes(),
            });
        }
        name.to_string()
    }

    /// A standard operator with one output, whose name is returned.
    pub fn op(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        self.node("", op, inputs, attributes)
    }

    /// One of ONNX Runtime's fused operators with one output.
    pub fn fused(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        self.node(FUSED, op, inputs, attributes)
    }

    fn node(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[Attribute],
    ) -> String {
        let name = format!("{op}_{}", self.nodes.len());
        self.nodes.push(Node {
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.to_string(),
            attribute: attributes.to_vec(),
            domain: domain.to_string(),
        });
        name
    }

    /// The file: `[batch, tokens]` whole-number inputs, one `[batch, dims]`
    /// float output called `output_name` that `output` computes.
    pub fn finish(
        mut self,
        inputs: &[&str],
        output: &str,
        output_name: &str,
        dims: usize,
    ) -> Vec<u8> {
        self.nodes.push(Node {
            input: vec![output.to_string()],
            output: vec![output_name.to_string()],
            name: output_name.to_string(),
            op_type: "Identity".to_string(),
            attribute: Vec::new(),
            domain: String::new(),
        });
        let open = |name: &str| Dimension {
            value: None,
            param: Some(name.to_string()),
        };
        let value = |name: &str, elem_type, dim| ValueInfo {
            name: name.to_string(),
            r#type: Some(Type {
                tensor_type: Some(TensorType {
                    elem_type,
                    shape: Some(Shape { dim }),
                }),
            }),
        };
        let graph = Graph {
            node: self.nodes,
            name: "encoder".to_string(),
            initializer: self.tensors,
            input: inputs
                .iter()
                .map(|name| value(name, INT64, vec![open("batch"), open("tokens")]))
                .collect(),
            output: vec![value(
                output_name,
                FLOAT,
                vec![
                    open("batch"),
                    Dimension {
                        value: Some(dims as i64),
                        param: None,
                    },
                ],
            )],
        };
        Model {
            ir_version: 10,
            producer_name: "semql".to_string(),
            producer_version: env!("CARGO_PKG_VERSION").to_string(),
            graph: Some(graph),
            opset_import: vec![
                OperatorSet {
                    domain: String::new(),
                    version: 18,
                },
                OperatorSet {
                    domain: FUSED.to_string(),
                    version: 1,
                },
            ],
        }
        .encode_to_vec()
    }
}
