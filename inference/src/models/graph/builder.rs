//! Construction of an ONNX graph from nodes, named weights and constants.

use std::collections::HashSet;

use prost::Message;

use super::proto::{
    AttributeProto, DimensionProto, FLOAT, FLOAT16, GraphProto, INT8, INT64, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, UINT8,
    ValueInfoProto,
};

/// Domain of ONNX Runtime's fused operators.
const FUSED_DOMAIN: &str = "com.microsoft";

/// Input of a graph.
pub enum GraphInput<'a> {
    /// Integers `[batch, tokens]`.
    Tokens(&'a str),
    /// Floats `[batch, tokens, hidden]`.
    TokenVectors(&'a str, usize),
}

/// ONNX graph under construction.
pub struct GraphBuilder {
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
    tensor_names: HashSet<String>,
    /// Version of the standard operators.
    opset: i64,
    /// Whether weights are stored in 16 bits.
    half: bool,
    /// Float outputs in addition to the one of [`finish`](Self::finish).
    extra_outputs: Vec<String>,
}

impl GraphBuilder {
    /// Starts an empty graph with version `opset` of the standard operators.
    /// [`weights`](Self::weights) are 16 bits wide if `half` is set.
    pub fn new(opset: i64, half: bool) -> Self {
        Self {
            nodes: Vec::new(),
            tensors: Vec::new(),
            tensor_names: HashSet::new(),
            opset,
            half,
            extra_outputs: Vec::new(),
        }
    }

    /// Adds weights under `name` in the float type of the graph, unless `name`
    /// exists. Returns the name.
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

    /// Adds unsigned bytes under `name`.
    pub fn bytes(&mut self, name: &str, dims: &[usize], values: &[u8]) -> String {
        self.tensor(name, dims, UINT8, || values.to_vec())
    }

    /// Adds signed bytes under `name`.
    pub fn signed_bytes(&mut self, name: &str, dims: &[usize], values: &[i8]) -> String {
        self.tensor(name, dims, INT8, || {
            values.iter().map(|v| v.cast_unsigned()).collect()
        })
    }

    /// Adds 32-bit floats under `name`, unless `name` exists.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        self.tensor(name, dims, FLOAT, || {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        })
    }

    /// Adds a vector of integers, named by its values.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let name = format!("ints{values:?}");
        self.tensor(&name, &[values.len()], INT64, || {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        })
    }

    /// Adds one integer without axes.
    pub fn integer(&mut self, value: i64) -> String {
        self.tensor(&format!("int{value}"), &[], INT64, || {
            value.to_le_bytes().to_vec()
        })
    }

    fn tensor(
        &mut self,
        name: &str,
        dims: &[usize],
        data_type: i32,
        bytes: impl FnOnce() -> Vec<u8>,
    ) -> String {
        if self.tensor_names.insert(name.to_string()) {
            self.tensors.push(TensorProto {
                dims: dims.iter().map(|d| *d as i64).collect(),
                data_type,
                name: name.to_string(),
                raw_data: bytes(),
                ..TensorProto::default()
            });
        }
        name.to_string()
    }

    /// Adds a standard operator and returns the name of its one output.
    pub fn op(&mut self, op: &str, inputs: &[&str], attributes: &[AttributeProto]) -> String {
        self.node("", op, inputs, attributes)
    }

    /// Adds one of ONNX Runtime's fused operators, as [`op`](Self::op) does.
    pub fn fused(&mut self, op: &str, inputs: &[&str], attributes: &[AttributeProto]) -> String {
        self.node(FUSED_DOMAIN, op, inputs, attributes)
    }

    /// Adds `value` as an output called `name`, besides the main output.
    pub fn add_output(&mut self, value: &str, name: &str) {
        self.identity(value, name);
        self.extra_outputs.push(name.to_string());
    }

    fn identity(&mut self, value: &str, name: &str) {
        self.nodes.push(NodeProto {
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
        attributes: &[AttributeProto],
    ) -> String {
        let name = format!("{op}_{}", self.nodes.len());
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.to_string(),
            attribute: attributes.to_vec(),
            domain: domain.to_string(),
        });
        name
    }

    /// Encodes the file. `output` becomes the `[batch, dims]` float output
    /// `output_name`.
    pub fn finish(
        mut self,
        inputs: &[GraphInput<'_>],
        output: &str,
        output_name: &str,
        dims: usize,
    ) -> Vec<u8> {
        self.identity(output, output_name);
        let dynamic = |name: &str| DimensionProto {
            value: None,
            param: Some(name.to_string()),
        };
        let fixed = |size: usize| DimensionProto {
            value: Some(size as i64),
            param: None,
        };
        let value = |name: &str, elem_type, dim| ValueInfoProto {
            name: name.to_string(),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto {
                    elem_type,
                    shape: Some(TensorShapeProto { dim }),
                }),
            }),
        };
        let graph = GraphProto {
            node: self.nodes,
            name: "encoder".to_string(),
            initializer: self.tensors,
            input: inputs
                .iter()
                .map(|input| match input {
                    GraphInput::Tokens(name) => {
                        value(name, INT64, vec![dynamic("batch"), dynamic("tokens")])
                    }
                    GraphInput::TokenVectors(name, hidden) => value(
                        name,
                        FLOAT,
                        vec![dynamic("batch"), dynamic("tokens"), fixed(*hidden)],
                    ),
                })
                .collect(),
            output: std::iter::once(value(
                output_name,
                FLOAT,
                vec![dynamic("batch"), fixed(dims)],
            ))
            .chain(
                self.extra_outputs
                    .iter()
                    .map(|name| value(name, FLOAT, vec![dynamic("channels")])),
            )
            .collect(),
        };
        ModelProto {
            ir_version: 10,
            producer_name: "semql".to_string(),
            producer_version: env!("CARGO_PKG_VERSION").to_string(),
            graph: Some(graph),
            opset_import: vec![
                OperatorSetIdProto {
                    domain: String::new(),
                    version: self.opset,
                },
                OperatorSetIdProto {
                    domain: FUSED_DOMAIN.to_string(),
                    version: 1,
                },
            ],
            metadata: Vec::new(),
        }
        .encode_to_vec()
    }
}
