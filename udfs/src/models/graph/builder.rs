//! Putting a graph together: nodes, named weights, small constants.

use std::collections::HashSet;

use prost::Message;

use super::proto::{
    Attribute, Dimension, FLOAT, FLOAT16, Graph, INT8, INT64, Model, Node, OperatorSet, Shape,
    Tensor, TensorType, Type, UINT8, ValueInfo,
};

/// ONNX Runtime's own operators: the fused ones.
pub const FUSED: &str = "com.microsoft";

pub struct Builder {
    nodes: Vec<Node>,
    tensors: Vec<Tensor>,
    known: HashSet<String>,
    /// Version of the standard operators.
    opset: i64,
    /// Whether weights are kept in 16 bits.
    half: bool,
    /// Float outputs beside the one that [`finish`](Self::finish) names.
    extra: Vec<String>,
}

impl Builder {
    /// An empty graph of standard operators of version `opset`, whose
    /// [`weights`](Self::weights) are 16 bits wide if `half` is set.
    pub fn new(opset: i64, half: bool) -> Self {
        Self {
            nodes: Vec::new(),
            tensors: Vec::new(),
            known: HashSet::new(),
            opset,
            half,
            extra: Vec::new(),
        }
    }

    /// A tensor of the model under `name`, in the graph's own float type; said
    /// twice, it is stored once.
    pub fn weights(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        if !self.half {
            return self.floats(name, dims, values);
        }
        self.tensor(name, dims, FLOAT16, || {
            values
                .iter()
                .flat_map(|v| half::f16::from_f32(*v).to_le_bytes())
                .collect()
        })
    }

    /// Unsigned bytes under `name`.
    pub fn bytes(&mut self, name: &str, dims: &[usize], values: &[u8]) -> String {
        self.tensor(name, dims, UINT8, || values.to_vec())
    }

    /// Signed bytes under `name`.
    pub fn signed_bytes(&mut self, name: &str, dims: &[usize], values: &[i8]) -> String {
        self.tensor(name, dims, INT8, || {
            values.iter().map(|v| v.cast_unsigned()).collect()
        })
    }

    /// A 32-bit float tensor under `name`; said twice, it is stored once.
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

    /// Gives `value` out under `name`, beside the graph's main output.
    pub fn give(&mut self, value: &str, name: &str) {
        self.identity(value, name);
        self.extra.push(name.to_string());
    }

    fn identity(&mut self, value: &str, name: &str) {
        self.nodes.push(Node {
            input: vec![value.to_string()],
            output: vec![name.to_string()],
            name: name.to_string(),
            op_type: "Identity".to_string(),
            attribute: Vec::new(),
            domain: String::new(),
        });
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
        self.identity(output, output_name);
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
            output: std::iter::once(value(
                output_name,
                FLOAT,
                vec![
                    open("batch"),
                    Dimension {
                        value: Some(dims as i64),
                        param: None,
                    },
                ],
            ))
            .chain(
                self.extra
                    .iter()
                    .map(|name| value(name, FLOAT, vec![open("channels")])),
            )
            .collect(),
        };
        Model {
            ir_version: 10,
            producer_name: "semql".to_string(),
            producer_version: env!("CARGO_PKG_VERSION").to_string(),
            graph: Some(graph),
            opset_import: vec![
                OperatorSet {
                    domain: String::new(),
                    version: self.opset,
                },
                OperatorSet {
                    domain: FUSED.to_string(),
                    version: 1,
                },
            ],
            metadata: Vec::new(),
        }
        .encode_to_vec()
    }
}
