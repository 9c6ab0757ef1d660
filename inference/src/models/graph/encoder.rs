//! Graph of an encoder: `input_ids`, `attention_mask` to `embedding`.
//!
//! The architecture names the weights and composes the layers. The graph includes
//! pooling and the modules after it (see [`head`](super::head)), so that it
//! returns one vector per text. The parts that depend on the device and the
//! precision are in [`attention`](super::attention) and [`linear`](super::linear).

use super::activation::activate;
use super::architecture::{Architecture, Dense, Layer, Norm};
use super::build_options::{Arithmetic, BuildOptions, GraphStyle};
use super::builder::{GraphBuilder, GraphInput};
use super::head::HeadWeights;
use super::int8::ActivationRanges;
use super::proto::{AttributeProto, FLOAT, FLOAT16};
use super::shared_positions::SharedPositions;
use crate::models::activation::Activation;
use crate::models::weights::{Tensor, Weights};
use crate::models::{ModelError, ModelSpec};

/// Builds the ONNX file.
///
/// # Errors
/// A missing weight, or one whose shape differs from `config.json`.
pub fn build(
    architecture: &Architecture,
    weights: &Weights,
    head: &HeadWeights,
    spec: &ModelSpec,
    options: &BuildOptions,
) -> Result<Vec<u8>, ModelError> {
    let half = matches!(options.arithmetic, Arithmetic::Fp16);
    let mut builder = EncoderBuilder {
        graph: GraphBuilder::new(options.style.opset(), half),
        architecture,
        weights,
        spec,
        options,
        mask: String::new(),
        attention_mask: String::new(),
        positions: SharedPositions::default(),
    };
    builder.mask = builder.graph.op(
        "Cast",
        &["attention_mask"],
        &[AttributeProto::int("to", FLOAT.into())],
    );
    builder.attention_mask = builder.attention_padding();
    let mut x = builder.embeddings()?;
    for (number, layer) in architecture.layers.iter().enumerate() {
        x = match architecture.pre_norm {
            true => builder.pre_norm_layer(&x, number, layer)?,
            false => builder.post_norm_layer(&x, number, layer)?,
        };
    }
    if let Some(norm) = &architecture.final_norm {
        x = builder.layer_norm(&x, norm)?;
    }
    if half {
        x = builder
            .graph
            .op("Cast", &[&x], &[AttributeProto::int("to", FLOAT.into())]);
    }
    let mask = builder.mask.clone();
    let output = head.append(&mut builder.graph, &x, &mask, spec)?;
    Ok(builder.graph.finish(
        &[
            GraphInput::Tokens("input_ids"),
            GraphInput::Tokens("attention_mask"),
        ],
        &output,
        "embedding",
        spec.dims,
    ))
}

/// Graph under construction.
pub(super) struct EncoderBuilder<'a> {
    pub graph: GraphBuilder,
    pub architecture: &'a Architecture,
    pub weights: &'a Weights,
    pub spec: &'a ModelSpec,
    pub options: &'a BuildOptions,
    /// 1.0 for a token, 0.0 for padding: `[batch, tokens]`.
    pub mask: String,
    /// Padding input of the attention.
    pub attention_mask: String,
    /// Values that depend on positions, which layers share.
    pub positions: SharedPositions,
}

impl EncoderBuilder<'_> {
    /// The weight `name`.
    ///
    /// # Errors
    /// A missing weight, or one of another shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.weights.shaped(name, shape)
    }

    pub fn vector(&mut self, name: &str, len: usize) -> Result<String, ModelError> {
        let tensor = self.tensor(name, &[len])?;
        Ok(self.graph.weights(name, &[len], &tensor.data))
    }

    /// Converts floats to the type of the weights.
    pub fn cast_as_weights(&mut self, x: &str) -> String {
        match self.options.arithmetic {
            Arithmetic::Fp16 => {
                let to = AttributeProto::int("to", FLOAT16.into());
                self.graph.op("Cast", &[x], &[to])
            }
            _ => x.to_string(),
        }
    }

    /// Number of tokens of the batch, as a vector of one integer.
    pub fn token_count(&mut self) -> String {
        let shape = self.graph.op("Shape", &["input_ids"], &[]);
        let (one, two) = (self.graph.ints(&[1]), self.graph.ints(&[2]));
        self.graph.op("Slice", &[&shape, &one, &two], &[])
    }

    fn embeddings(&mut self) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        let parts = &self.architecture.embeddings;
        let mut words = self
            .tensor(&format!("{}.weight", parts.words), &[vocabulary, hidden])?
            .data;
        // Texts have the first segment. Its vector is added to a table.
        let segment = match &parts.segments {
            Some(name) => self.weights.tensor(&format!("{name}.weight"))?.data,
            None => Vec::new(),
        };
        let segment = segment.get(..hidden).unwrap_or_default();
        let Some((name, first)) = &parts.positions else {
            add_to_rows(&mut words, segment, hidden);
            let words = self.graph.weights("words", &[vocabulary, hidden], &words);
            let x = self.graph.op("Gather", &[&words, "input_ids"], &[]);
            return self.layer_norm(&x, &parts.norm);
        };
        let words = self.graph.weights("words", &[vocabulary, hidden], &words);
        let positions = config.max_position_embeddings;
        let mut table = self
            .tensor(&format!("{name}.weight"), &[positions, hidden])?
            .data;
        add_to_rows(&mut table, segment, hidden);
        let skip = (*first).min(positions);
        let rows = positions - skip;
        let table = self
            .graph
            .weights("positions", &[rows, hidden], &table[skip * hidden..]);
        let (zero, length) = (self.graph.ints(&[0]), self.token_count());
        let table = self
            .graph
            .op("Slice", &[&table, &zero, &length, &zero], &[]);
        let words = self.graph.op("Gather", &[&words, "input_ids"], &[]);
        let sum = self.graph.op("Add", &[&words, &table], &[]);
        self.layer_norm(&sum, &parts.norm)
    }

    /// Gain and bias of a normalization. The bias is empty where it is absent.
    fn norm(&mut self, norm: &Norm) -> Result<(String, String), ModelError> {
        let (hidden, name) = (self.spec.config.hidden_size, &norm.name);
        let gain = self.vector(&format!("{name}.weight"), hidden)?;
        let bias = match norm.bias {
            true => self.vector(&format!("{name}.bias"), hidden)?,
            false => String::new(),
        };
        Ok((gain, bias))
    }

    fn layer_norm(&mut self, x: &str, norm: &Norm) -> Result<String, ModelError> {
        let (gain, bias) = self.norm(norm)?;
        let inputs = [x, &gain, &bias];
        let used = if norm.bias { 3 } else { 2 };
        Ok(self.graph.op(
            "LayerNormalization",
            &inputs[..used],
            &[
                AttributeProto::int("axis", -1),
                AttributeProto::float("epsilon", self.architecture.norm_epsilon),
            ],
        ))
    }

    /// `LayerNorm(x + dense(y))`, where `dense` has `inner` inputs.
    fn add_and_norm(
        &mut self,
        y: &str,
        x: &str,
        activation: &str,
        norm: Option<&Norm>,
        dense: &Dense,
        inner: usize,
    ) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let fused = norm.filter(|norm| {
            // On the CPU the two operators are eight times faster than the fused one.
            self.options.style.fuses() && norm.bias && dense.bias
        });
        let Some(norm) = fused else {
            let y = self.linear(y, activation, dense, inner, hidden)?;
            let sum = self.graph.op("Add", &[&y, x], &[]);
            return match norm {
                Some(norm) => self.layer_norm(&sum, norm),
                None => Ok(sum),
            };
        };
        let y = self.matmul(y, dense, inner, hidden)?;
        let (gain, beta) = self.norm(norm)?;
        let bias = self.bias(dense, hidden)?;
        Ok(self.graph.fused(
            "SkipLayerNormalization",
            &[&y, x, &gain, &beta, &bias],
            &[AttributeProto::float(
                "epsilon",
                self.architecture.norm_epsilon,
            )],
        ))
    }

    fn post_norm_layer(
        &mut self,
        x: &str,
        number: usize,
        layer: &Layer,
    ) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let attended = self.attention(x, number, layer)?;
        let x = self.add_and_norm(
            &attended,
            x,
            &format!("{number}.attended"),
            layer.attention_norm.as_ref(),
            &layer.attention_output,
            hidden,
        )?;
        let (activated, inner) = self.feed_forward(&x, number, layer)?;
        self.add_and_norm(
            &activated,
            &x,
            &format!("{number}.activated"),
            Some(&layer.output_norm),
            &layer.down,
            inner,
        )
    }

    fn pre_norm_layer(
        &mut self,
        x: &str,
        number: usize,
        layer: &Layer,
    ) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let normed = match &layer.attention_norm {
            Some(norm) => self.layer_norm(x, norm)?,
            None => x.to_string(),
        };
        let attended = self.attention(&normed, number, layer)?;
        let x = self.add_and_norm(
            &attended,
            x,
            &format!("{number}.attended"),
            None,
            &layer.attention_output,
            hidden,
        )?;
        let normed = self.layer_norm(&x, &layer.output_norm)?;
        let (activated, inner) = self.feed_forward(&normed, number, layer)?;
        self.add_and_norm(
            &activated,
            &x,
            &format!("{number}.activated"),
            None,
            &layer.down,
            inner,
        )
    }

    /// The first half of the feed-forward part, and its dimensions.
    fn feed_forward(
        &mut self,
        x: &str,
        number: usize,
        layer: &Layer,
    ) -> Result<(String, usize), ModelError> {
        let hidden = self.spec.config.hidden_size;
        let inner = self.outputs(&layer.up)?;
        let activation = self.architecture.activation;
        let widened = format!("{number}.widened");
        if let Some(gate) = &layer.gate {
            let parts = [gate.clone(), layer.up.clone()];
            let parts = self.linear_layers(x, &widened, &parts, hidden, inner)?;
            let gate = self.activated(&parts[0], activation);
            return Ok((self.graph.op("Mul", &[&gate, &parts[1]], &[]), inner));
        }
        if self.options.style.fuses() && activation == Activation::Gelu && layer.up.bias {
            let wide = self.matmul(x, &layer.up, hidden, inner)?;
            let bias = self.bias(&layer.up, inner)?;
            return Ok((self.graph.fused("BiasGelu", &[&wide, &bias], &[]), inner));
        }
        let wide = self.linear(x, &widened, &layer.up, hidden, inner)?;
        Ok((self.activated(&wide, activation), inner))
    }

    /// The activation in the operators of the graph style.
    fn activated(&mut self, x: &str, activation: Activation) -> String {
        match (self.options.style, activation, &self.options.arithmetic) {
            // The tanh form is 25 % faster, and its error is far below a step of int8.
            (GraphStyle::Cpu, Activation::Gelu, Arithmetic::Int8(_)) => {
                self.graph.fused("FastGelu", &[x], &[])
            }
            (GraphStyle::Cpu | GraphStyle::Fused | GraphStyle::WebGpu, Activation::Gelu, _) => {
                self.graph.fused("Gelu", &[x], &[])
            }
            (GraphStyle::Cpu | GraphStyle::Fused | GraphStyle::WebGpu, Activation::GeluTanh, _) => {
                self.graph.fused("FastGelu", &[x], &[])
            }
            _ => activate(&mut self.graph, x, activation),
        }
    }

    /// In a calibration graph, adds outputs with the range of every channel of
    /// `x` over real tokens.
    pub fn record_ranges(&mut self, x: &str, activation: &str) {
        if !matches!(self.options.arithmetic, Arithmetic::Calibration) {
            return;
        }
        let (two, both) = (self.graph.ints(&[2]), self.graph.ints(&[0, 1]));
        let mask = self.mask.clone();
        let mask = self.graph.op("Unsqueeze", &[&mask, &two], &[]);
        let real = self.graph.op("Mul", &[x, &mask], &[]);
        let flat = [AttributeProto::int("keepdims", 0)];
        for (op, prefix) in [
            ("ReduceMin", ActivationRanges::MIN_PREFIX),
            ("ReduceMax", ActivationRanges::MAX_PREFIX),
        ] {
            let range = self.graph.op(op, &[&real, &both], &flat);
            self.graph
                .add_output(&range, &format!("{prefix}{activation}"));
        }
    }
}

/// Adds `vector` to each row of `table`, unless it is empty.
fn add_to_rows(table: &mut [f32], vector: &[f32], hidden: usize) {
    table
        .chunks_exact_mut(hidden)
        .flat_map(|row| row.iter_mut().zip(vector))
        .for_each(|(value, added)| *value += added);
}
