//! Self-attention in the operators of each graph style.

use super::bert::BertBuilder;
use super::build_options::GraphStyle;
use super::linear::DenseLayer;
use super::proto::{AttributeProto, INT32};
use crate::models::ModelError;

const PROJECTIONS: &[&str] = &["query", "key", "value"];

impl BertBuilder<'_> {
    /// Padding input of the attention: the number of tokens of each text, or a
    /// term that is added to the scores.
    pub fn attention_padding(&mut self) -> String {
        let (one, flat) = (self.graph.ints(&[1]), [AttributeProto::int("keepdims", 0)]);
        match self.options.style {
            GraphStyle::Cpu => self.graph.op("ReduceSum", &["attention_mask", &one], &flat),
            GraphStyle::Cuda => {
                let lengths = self.graph.op("ReduceSum", &["attention_mask", &one], &flat);
                let to = AttributeProto::int("to", INT32.into());
                self.graph.op("Cast", &[&lengths], &[to])
            }
            GraphStyle::Plain => {
                let axes = self.graph.ints(&[1, 2]);
                let mask = self.mask.clone();
                let wide = self.graph.op("Unsqueeze", &[&mask, &axes], &[]);
                let one = self.graph.floats("one", &[], &[1.0]);
                // Finite in 16 bits, and exp(-30000) is 0.
                let large = self.graph.floats("far", &[], &[30000.0]);
                let shifted = self.graph.op("Sub", &[&wide, &one], &[]);
                self.graph.op("Mul", &[&shifted, &large], &[])
            }
        }
    }

    /// The attention of layer `layer` over `x` `[batch, tokens, hidden]`, without
    /// the dense layer after it.
    pub fn attention(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        match self.options.style {
            GraphStyle::Cpu => self.attention_cpu(x, layer),
            GraphStyle::Cuda => self.attention_cuda(x, layer),
            GraphStyle::Plain => self.attention_plain(x, layer),
        }
    }

    fn projections(&mut self, x: &str, layer: usize) -> Result<Vec<String>, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let layers: Vec<DenseLayer> = PROJECTIONS
            .iter()
            .map(|name| DenseLayer {
                name: projection(layer, name),
                outputs: hidden,
            })
            .collect();
        self.linear_layers(x, &format!("{layer}.input"), &layers, hidden)
    }

    /// The standard operator. On the CPU it takes lengths without expanding them
    /// to a mask, and is 25 % faster than the older fused operators.
    fn attention_cpu(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let heads = self.spec.config.num_attention_heads as i64;
        let qkv = self.projections(x, layer)?;
        let lengths = self.attention_mask.clone();
        Ok(self.graph.op(
            "Attention",
            &[&qkv[0], &qkv[1], &qkv[2], "", "", "", &lengths],
            &[
                AttributeProto::int("q_num_heads", heads),
                AttributeProto::int("kv_num_heads", heads),
            ],
        ))
    }

    /// ONNX Runtime's fused operator, which includes the projections.
    fn attention_cuda(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let mut matrix = vec![0f32; hidden * 3 * hidden];
        let mut bias = Vec::with_capacity(3 * hidden);
        for (part, name) in PROJECTIONS.iter().enumerate() {
            let name = projection(layer, name);
            let weight = self.matrix(&name, hidden, hidden)?;
            for (row, values) in weight.chunks_exact(hidden).enumerate() {
                let start = row * 3 * hidden + part * hidden;
                matrix[start..start + hidden].copy_from_slice(values);
            }
            bias.extend(self.tensor(&format!("{name}.bias"), &[hidden])?.data);
        }
        let name = format!("{layer}.qkv");
        let matrix = self.graph.weights(&name, &[hidden, 3 * hidden], &matrix);
        let bias = self
            .graph
            .weights(&format!("{name}.bias"), &[3 * hidden], &bias);
        let lengths = self.attention_mask.clone();
        Ok(self.graph.fused(
            "Attention",
            &[x, &matrix, &bias, &lengths],
            &[AttributeProto::int("num_heads", heads as i64)],
        ))
    }

    /// Standard operators that every graph compiler supports.
    fn attention_plain(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let size = (hidden / heads) as i64;
        let qkv = self.projections(x, layer)?;
        let split = self.graph.ints(&[0, 0, heads as i64, size]);
        let merge = self.graph.ints(&[0, 0, hidden as i64]);
        let mut parts = Vec::with_capacity(3);
        for (x, order) in qkv.iter().zip([[0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]]) {
            let x = self.graph.op("Reshape", &[x, &split], &[]);
            parts.push(self.transpose(&x, order));
        }
        let scores = self.graph.op("MatMul", &[&parts[0], &parts[1]], &[]);
        let scale = self
            .graph
            .floats("scale", &[], &[(size as f32).sqrt().recip()]);
        let scores = self.graph.op("Mul", &[&scores, &scale], &[]);
        let mask = self.attention_mask.clone();
        let scores = self.graph.op("Add", &[&scores, &mask], &[]);
        let shares = self
            .graph
            .op("Softmax", &[&scores], &[AttributeProto::int("axis", -1)]);
        let heads = self.graph.op("MatMul", &[&shares, &parts[2]], &[]);
        let tokens = self.transpose(&heads, [0, 2, 1, 3]);
        Ok(self.graph.op("Reshape", &[&tokens, &merge], &[]))
    }
}

fn projection(layer: usize, part: &str) -> String {
    format!("encoder.layer.{layer}.attention.self.{part}")
}
