//! Self-attention, arranged for the device that runs it.

use super::Style;
use super::bert::Encoder;
use super::linear::Part;
use super::proto::{Attribute, INT32};
use crate::models::ModelError;

const PROJECTIONS: &[&str] = &["query", "key", "value"];

impl Encoder<'_> {
    /// What tells the attention of padding: the number of tokens of each text,
    /// or what is added to the scores.
    pub fn mask_for_attention(&mut self) -> String {
        let (one, flat) = (self.graph.ints(&[1]), [Attribute::int("keepdims", 0)]);
        match self.recipe.style {
            Style::Cpu => self.graph.op("ReduceSum", &["attention_mask", &one], &flat),
            Style::Cuda => {
                let lengths = self.graph.op("ReduceSum", &["attention_mask", &one], &flat);
                let to = Attribute::int("to", INT32.into());
                self.graph.op("Cast", &[&lengths], &[to])
            }
            Style::Plain => {
                let axes = self.graph.ints(&[1, 2]);
                let mask = self.mask.clone();
                let wide = self.graph.op("Unsqueeze", &[&mask, &axes], &[]);
                let one = self.graph.floats("one", &[], &[1.0]);
                // Within reach of 16-bit floats, and e to the power of it is 0.
                let far = self.graph.floats("far", &[], &[30000.0]);
                let less = self.graph.op("Sub", &[&wide, &one], &[]);
                self.graph.op("Mul", &[&less, &far], &[])
            }
        }
    }

    /// The attention of layer number `layer` over `x` `[batch, tokens, hidden]`,
    /// without the dense layer behind it.
    pub fn attention(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        match self.recipe.style {
            Style::Cpu => self.attention_cpu(x, layer),
            Style::Cuda => self.attention_cuda(x, layer),
            Style::Plain => self.attention_plain(x, layer),
        }
    }

    fn projections(&mut self, x: &str, layer: usize) -> Result<Vec<String>, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let parts: Vec<Part> = PROJECTIONS
            .iter()
            .map(|part| Part {
                name: projection(layer, part),
                outputs: hidden,
            })
            .collect();
        self.linears(x, &format!("{layer}.input"), &parts, hidden)
    }

    /// The standard operator: on the CPU it takes lengths without unfolding
    /// them to a mask, and is a quarter faster than the older fused ones.
    fn attention_cpu(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let heads = self.spec.config.num_attention_heads as i64;
        let qkv = self.projections(x, layer)?;
        let lengths = self.attention_mask.clone();
        Ok(self.graph.op(
            "Attention",
            &[&qkv[0], &qkv[1], &qkv[2], "", "", "", &lengths],
            &[
                Attribute::int("q_num_heads", heads),
                Attribute::int("kv_num_heads", heads),
            ],
        ))
    }

    /// ONNX Runtime's own operator, projections included.
    fn attention_cuda(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let mut matrix = vec![0f32; hidden * 3 * hidden];
        let mut bias = Vec::with_capacity(3 * hidden);
        for (part, own) in PROJECTIONS.iter().enumerate() {
            let own = projection(layer, own);
            let weight = self.matrix(&own, hidden, hidden)?;
            for (row, values) in weight.chunks_exact(hidden).enumerate() {
                let start = row * 3 * hidden + part * hidden;
                matrix[start..start + hidden].copy_from_slice(values);
            }
            bias.extend(self.tensor(&format!("{own}.bias"), &[hidden])?.data);
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
            &[Attribute::int("num_heads", heads as i64)],
        ))
    }

    /// Standard operators that every compiler of graphs knows.
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
            .op("Softmax", &[&scores], &[Attribute::int("axis", -1)]);
        let heads = self.graph.op("MatMul", &[&shares, &parts[2]], &[]);
        let tokens = self.transpose(&heads, [0, 2, 1, 3]);
        Ok(self.graph.op("Reshape", &[&tokens, &merge], &[]))
    }
}

fn projection(layer: usize, part: &str) -> String {
    format!("encoder.layer.{layer}.attention.self.{part}")
}
