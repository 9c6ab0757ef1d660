//! Self-attention in the operators of each graph style.

use super::architecture::{Dense, Layer};
use super::build_options::GraphStyle;
use super::encoder::EncoderBuilder;
use super::position_bias::MASKED_SCORE;
use super::proto::{AttributeProto, INT32};
use crate::models::ModelError;

impl EncoderBuilder<'_> {
    /// Padding input of the attention: the number of tokens of each text, or a
    /// term that is added to the scores.
    pub fn attention_padding(&mut self) -> String {
        let (one, flat) = (self.graph.ints(&[1]), [AttributeProto::int("keepdims", 0)]);
        match self.options.style {
            GraphStyle::Cpu => self.graph.op("ReduceSum", &["attention_mask", &one], &flat),
            GraphStyle::Fused => {
                let lengths = self.graph.op("ReduceSum", &["attention_mask", &one], &flat);
                let to = AttributeProto::int("to", INT32.into());
                self.graph.op("Cast", &[&lengths], &[to])
            }
            GraphStyle::WebGpu | GraphStyle::Plain => {
                let columns = self.masked_columns();
                self.cast_as_weights(&columns)
            }
        }
    }

    /// Scores of padding, 0 for tokens: `[batch, 1, 1, tokens]`.
    fn masked_columns(&mut self) -> String {
        let (axes, mask) = (self.graph.ints(&[1, 2]), self.mask.clone());
        let wide = self.graph.op("Unsqueeze", &[&mask, &axes], &[]);
        let one = self.graph.floats("one", &[], &[1.0]);
        let large = self.graph.floats("far", &[], &[-MASKED_SCORE]);
        let shifted = self.graph.op("Sub", &[&wide, &one], &[]);
        self.graph.op("Mul", &[&shifted, &large], &[])
    }

    /// The attention of layer `number` over `x` `[batch, tokens, hidden]`, without
    /// the dense layer after it.
    pub fn attention(
        &mut self,
        x: &str,
        number: usize,
        layer: &Layer,
    ) -> Result<String, ModelError> {
        let bias = self.position_bias(layer)?;
        if self.options.style == GraphStyle::Fused && layer.rotary_base.is_none() {
            return self.packed_attention(x, number, &layer.attention, bias.as_deref());
        }
        let hidden = self.spec.config.hidden_size;
        let input = format!("{number}.input");
        let mut qkv = self.linear_layers(x, &input, &layer.attention, hidden, hidden)?;
        if let Some(base) = layer.rotary_base {
            for x in &mut qkv[..2] {
                *x = self.rotate(x, base);
            }
        }
        Ok(match self.options.style {
            GraphStyle::Cpu => self.attention_cpu(&qkv, bias.as_deref()),
            GraphStyle::Fused => self.attention_cuda(&qkv, bias.as_deref()),
            GraphStyle::WebGpu | GraphStyle::Plain => self.attention_plain(&qkv, bias.as_deref()),
        })
    }

    /// The standard operator. On the CPU it takes lengths without expanding them
    /// to a mask, and is 25 % faster than the older fused operators.
    fn attention_cpu(&mut self, qkv: &[String], bias: Option<&str>) -> String {
        let heads = self.spec.config.num_attention_heads as i64;
        let lengths = self.attention_mask.clone();
        let bias = bias.unwrap_or_default();
        self.graph.op(
            "Attention",
            &[&qkv[0], &qkv[1], &qkv[2], bias, "", "", &lengths],
            &[
                AttributeProto::int("q_num_heads", heads),
                AttributeProto::int("kv_num_heads", heads),
            ],
        )
    }

    /// ONNX Runtime's fused operator over projected inputs.
    fn attention_cuda(&mut self, qkv: &[String], bias: Option<&str>) -> String {
        let heads = self.spec.config.num_attention_heads as i64;
        let lengths = self.attention_mask.clone();
        let inputs = [
            &qkv[0],
            &qkv[1],
            &qkv[2],
            "",
            &lengths,
            bias.unwrap_or_default(),
        ];
        let used = if bias.is_some() { 6 } else { 5 };
        self.graph.fused(
            "MultiHeadAttention",
            &inputs[..used],
            &[AttributeProto::int("num_heads", heads)],
        )
    }

    /// ONNX Runtime's fused operator, which includes the projections.
    fn packed_attention(
        &mut self,
        x: &str,
        number: usize,
        layers: &[Dense; 3],
        bias: Option<&str>,
    ) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let mut matrix = vec![0f32; hidden * 3 * hidden];
        let mut biases = Vec::with_capacity(3 * hidden);
        for (part, layer) in layers.iter().enumerate() {
            let weight = self.matrix(layer, hidden, hidden)?;
            for (row, values) in weight.chunks_exact(hidden).enumerate() {
                let start = row * 3 * hidden + part * hidden;
                matrix[start..start + hidden].copy_from_slice(values);
            }
            biases.extend(self.bias_values(layer, hidden)?);
        }
        let name = format!("{number}.qkv");
        let matrix = self.graph.weights(&name, &[hidden, 3 * hidden], &matrix);
        let biases = self
            .graph
            .weights(&format!("{name}.bias"), &[3 * hidden], &biases);
        let lengths = self.attention_mask.clone();
        let inputs = [x, &matrix, &biases, &lengths, "", bias.unwrap_or_default()];
        let used = if bias.is_some() { 6 } else { 4 };
        Ok(self.graph.fused(
            "Attention",
            &inputs[..used],
            &[AttributeProto::int("num_heads", heads as i64)],
        ))
    }

    /// Standard operators that every graph compiler supports. The fused operator of
    /// WebGPU (0.4.0) gives other vectors from 32 tokens on.
    fn attention_plain(&mut self, qkv: &[String], bias: Option<&str>) -> String {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let size = (hidden / heads) as i64;
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
            .weights("scale", &[], &[(size as f32).sqrt().recip()]);
        let mut scores = self.graph.op("Mul", &[&scores, &scale], &[]);
        let mask = self.attention_mask.clone();
        for added in bias.into_iter().chain([mask.as_str()]) {
            scores = self.graph.op("Add", &[&scores, added], &[]);
        }
        let shares = self
            .graph
            .op("Softmax", &[&scores], &[AttributeProto::int("axis", -1)]);
        let heads = self.graph.op("MatMul", &[&shares, &parts[2]], &[]);
        let tokens = self.transpose(&heads, [0, 2, 1, 3]);
        self.graph.op("Reshape", &[&tokens, &merge], &[])
    }
}
