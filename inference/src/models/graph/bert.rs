//! Graph of a BERT encoder: `input_ids`, `attention_mask` to `embedding`. RoBERTa
//! and XLM-R differ only in their first position.
//!
//! The graph includes pooling and the modules after it (see
//! [`head`](super::head)), so that it returns one vector per text. The parts that depend on the device and the precision are in
//! [`attention`](super::attention) and [`linear`](super::linear).

use std::path::Path;

use super::activation::activate;
use super::build_options::{Arithmetic, BuildOptions, GraphStyle};
use super::builder::{GraphBuilder, GraphInput};
use super::head::HeadWeights;
use super::int8::ActivationRanges;
use super::proto::{AttributeProto, FLOAT};
use crate::models::activation::Activation;
use crate::models::config::EncoderConfig;
use crate::models::weights::{Tensor, Weights};
use crate::models::{ModelError, ModelSpec};

const ARCHITECTURES: &[&str] = &["bert", "roberta", "xlm-roberta", "camembert"];

/// Checks that [`build`] supports the architecture of `config`.
///
/// # Errors
/// [`ModelError::Unsupported`].
pub fn check_support(folder: &Path, config: &EncoderConfig) -> Result<(), ModelError> {
    let unsupported = |what: String| {
        Err(ModelError::Unsupported {
            what,
            path: folder.join("config.json"),
            hint: format!(
                "semql builds graphs for {} with absolute positions; \
                 for another encoder, put its ONNX export into the folder as model.onnx",
                ARCHITECTURES.join(", ")
            ),
        })
    };
    if !ARCHITECTURES.contains(&config.model_type.as_str()) {
        return unsupported(format!("the architecture '{}'", config.model_type));
    }
    if Activation::from_config(&config.hidden_act).is_none() {
        return unsupported(format!("the activation '{:.80}'", config.hidden_act));
    }
    let member = |e: String| ModelError::corrupt(folder.join("config.json"), e);
    let positions = config.text(&["position_embedding_type"]).map_err(member)?;
    if let Some(positions) = positions.filter(|name| *name != "absolute") {
        return unsupported(format!("the position embedding '{positions:.80}'"));
    }
    if config.flag(&["is_decoder"]).map_err(member)? == Some(true) {
        return unsupported("a decoder, in which tokens attend to earlier ones only".to_string());
    }
    if config.num_attention_heads == 0
        || !config
            .hidden_size
            .is_multiple_of(config.num_attention_heads)
    {
        return unsupported(format!(
            "{} heads over {} dimensions",
            config.num_attention_heads, config.hidden_size
        ));
    }
    Ok(())
}

/// Builds the ONNX file.
///
/// # Errors
/// A missing weight, or one whose shape differs from `config.json`.
pub fn build(
    weights: &Weights,
    head: &HeadWeights,
    spec: &ModelSpec,
    options: &BuildOptions,
) -> Result<Vec<u8>, ModelError> {
    let half = matches!(options.arithmetic, Arithmetic::Fp16);
    let mut builder = BertBuilder {
        graph: GraphBuilder::new(options.style.opset(), half),
        weights,
        spec,
        options,
        mask: String::new(),
        attention_mask: String::new(),
    };
    builder.mask = builder.graph.op(
        "Cast",
        &["attention_mask"],
        &[AttributeProto::int("to", FLOAT.into())],
    );
    builder.attention_mask = builder.attention_padding();
    let mut x = builder.embeddings()?;
    for layer in 0..spec.config.num_hidden_layers {
        x = builder.layer(&x, layer)?;
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
pub(super) struct BertBuilder<'a> {
    pub graph: GraphBuilder,
    pub weights: &'a Weights,
    pub spec: &'a ModelSpec,
    pub options: &'a BuildOptions,
    /// 1.0 for a token, 0.0 for padding: `[batch, tokens]`.
    pub mask: String,
    /// Padding input of the attention.
    pub attention_mask: String,
}

impl BertBuilder<'_> {
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

    fn embeddings(&mut self) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, positions) = (config.hidden_size, config.max_position_embeddings);
        let words = self.tensor(
            "embeddings.word_embeddings.weight",
            &[config.vocab_size, hidden],
        )?;
        let words = self
            .graph
            .weights("words", &[config.vocab_size, hidden], &words.data);
        // Texts have one segment: its vector is added to every position.
        let mut table = self
            .tensor(
                "embeddings.position_embeddings.weight",
                &[positions, hidden],
            )?
            .data;
        let segments = self
            .weights
            .tensor("embeddings.token_type_embeddings.weight")?;
        if let Some(first) = segments.data.get(..hidden) {
            table
                .chunks_exact_mut(hidden)
                .flat_map(|row| row.iter_mut().zip(first))
                .for_each(|(p, s)| *p += s);
        }
        let skip = config.first_position().min(positions);
        let rows = positions - skip;
        let table = self
            .graph
            .weights("positions", &[rows, hidden], &table[skip * hidden..]);

        let shape = self.graph.op("Shape", &["input_ids"], &[]);
        let (zero, one, two) = (
            self.graph.ints(&[0]),
            self.graph.ints(&[1]),
            self.graph.ints(&[2]),
        );
        let length = self.graph.op("Slice", &[&shape, &one, &two], &[]);
        let table = self
            .graph
            .op("Slice", &[&table, &zero, &length, &zero], &[]);
        let words = self.graph.op("Gather", &[&words, "input_ids"], &[]);
        let sum = self.graph.op("Add", &[&words, &table], &[]);
        self.layer_norm(&sum, "embeddings.LayerNorm")
    }

    fn norm(&mut self, name: &str) -> Result<(String, String), ModelError> {
        let hidden = self.spec.config.hidden_size;
        Ok((
            self.vector(&format!("{name}.weight"), hidden)?,
            self.vector(&format!("{name}.bias"), hidden)?,
        ))
    }

    fn layer_norm(&mut self, x: &str, norm: &str) -> Result<String, ModelError> {
        let (gain, bias) = self.norm(norm)?;
        Ok(self.graph.op(
            "LayerNormalization",
            &[x, &gain, &bias],
            &[
                AttributeProto::int("axis", -1),
                AttributeProto::float("epsilon", self.spec.config.layer_norm_eps),
            ],
        ))
    }

    /// `LayerNorm(x + dense(y))`, where `dense` has `inner` inputs.
    fn add_and_norm(
        &mut self,
        y: &str,
        x: &str,
        activation: &str,
        norm: &str,
        dense: &str,
        inner: usize,
    ) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        if self.options.style != GraphStyle::Cuda {
            // On the CPU the two operators are eight times faster than the fused one.
            let y = self.linear(y, activation, dense, inner, hidden)?;
            let sum = self.graph.op("Add", &[&y, x], &[]);
            return self.layer_norm(&sum, norm);
        }
        let y = self.matmul(y, dense, inner, hidden)?;
        let (gain, beta) = self.norm(norm)?;
        let bias = self.vector(&format!("{dense}.bias"), hidden)?;
        Ok(self.graph.fused(
            "SkipLayerNormalization",
            &[&y, x, &gain, &beta, &bias],
            &[AttributeProto::float(
                "epsilon",
                self.spec.config.layer_norm_eps,
            )],
        ))
    }

    fn layer(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let attended = self.attention(x, layer)?;
        let x = self.add_and_norm(
            &attended,
            x,
            &format!("{layer}.attended"),
            &name("attention.output.LayerNorm"),
            &name("attention.output.dense"),
            hidden,
        )?;
        let dense = name("intermediate.dense");
        let weight = self.weights.tensor(&format!("{dense}.weight"))?;
        let inner = weight.shape.first().copied().unwrap_or_default();
        let activated = match Activation::from_config(&self.spec.config.hidden_act) {
            None | Some(Activation::Gelu) => self.gelu(&x, layer, &dense, hidden, inner)?,
            Some(activation) => {
                let wide = self.linear(&x, &format!("{layer}.widened"), &dense, hidden, inner)?;
                activate(&mut self.graph, &wide, activation)
            }
        };
        self.add_and_norm(
            &activated,
            &x,
            &format!("{layer}.activated"),
            &name("output.LayerNorm"),
            &name("output.dense"),
            inner,
        )
    }

    fn gelu(
        &mut self,
        x: &str,
        layer: usize,
        dense: &str,
        hidden: usize,
        inner: usize,
    ) -> Result<String, ModelError> {
        if self.options.style == GraphStyle::Cuda {
            let wide = self.matmul(x, dense, hidden, inner)?;
            let bias = self.vector(&format!("{dense}.bias"), inner)?;
            return Ok(self.graph.fused("BiasGelu", &[&wide, &bias], &[]));
        }
        let wide = self.linear(x, &format!("{layer}.widened"), dense, hidden, inner)?;
        Ok(match (self.options.style, &self.options.arithmetic) {
            // The tanh form is 25 % faster, and its error is far below a step of int8.
            (GraphStyle::Cpu, Arithmetic::Int8(_)) => self.graph.fused("FastGelu", &[&wide], &[]),
            (GraphStyle::Cpu, _) => self.graph.fused("Gelu", &[&wide], &[]),
            _ => self.graph.op("Gelu", &[&wide], &[]),
        })
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
