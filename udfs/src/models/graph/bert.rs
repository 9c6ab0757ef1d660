//! The graph of a BERT encoder (and of RoBERTa and XLM-R, which differ only in
//! where positions start): `input_ids`, `attention_mask` to `embedding`.
//!
//! Pooling and normalisation are inside, so that only one vector a text
//! crosses the border. What differs between devices and precisions is in
//! [`attention`](super::attention) and [`linear`](super::linear).

use std::path::Path;

use super::builder::Builder;
use super::int8::Ranges;
use super::proto::{Attribute, FLOAT};
use super::{Numbers, Recipe, Style};
use crate::models::spec::BertConfig;
use crate::models::weights::{Tensor, Weights};
use crate::models::{ModelError, ModelSpec, Pooling};

const ARCHITECTURES: &[&str] = &["bert", "roberta", "xlm-roberta", "camembert"];

/// Whether this architecture is one that `build` knows.
pub fn supports(folder: &Path, config: &BertConfig) -> Result<(), ModelError> {
    let unsupported = |what: String| {
        Err(ModelError::Unsupported {
            what,
            path: folder.join("config.json"),
            hint: format!(
                "semql builds graphs for {} with GELU and absolute positions; \
                 for any other encoder put its ONNX export beside it as model.onnx",
                ARCHITECTURES.join(", ")
            ),
        })
    };
    if !ARCHITECTURES.contains(&config.model_type.as_str()) {
        return unsupported(format!("the architecture '{}'", config.model_type));
    }
    if config.hidden_act != "gelu" {
        return unsupported(format!("the activation '{}'", config.hidden_act));
    }
    if config.position_embedding_type != "absolute" {
        return unsupported(format!(
            "the position embedding '{}'",
            config.position_embedding_type
        ));
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

/// The ONNX file's bytes, as `recipe` says.
///
/// # Errors
/// A weight that is missing or of another shape than `config.json` says.
pub fn build(weights: &Weights, spec: &ModelSpec, recipe: &Recipe) -> Result<Vec<u8>, ModelError> {
    let half = matches!(recipe.numbers, Numbers::Fp16);
    let mut encoder = Encoder {
        graph: Builder::new(recipe.style.opset(), half),
        weights,
        spec,
        recipe,
        mask: String::new(),
        attention_mask: String::new(),
    };
    encoder.mask = encoder.graph.op(
        "Cast",
        &["attention_mask"],
        &[Attribute::int("to", FLOAT.into())],
    );
    encoder.attention_mask = encoder.mask_for_attention();
    let mut x = encoder.embeddings()?;
    for layer in 0..spec.config.num_hidden_layers {
        x = encoder.layer(&x, layer)?;
    }
    if half {
        x = encoder
            .graph
            .op("Cast", &[&x], &[Attribute::int("to", FLOAT.into())]);
    }
    let pooled = encoder.pool(&x);
    let output = encoder.unit(&pooled);
    Ok(encoder.graph.finish(
        &["input_ids", "attention_mask"],
        &output,
        "embedding",
        spec.dims,
    ))
}

/// A graph in the making.
pub(super) struct Encoder<'a> {
    pub graph: Builder,
    pub weights: &'a Weights,
    pub spec: &'a ModelSpec,
    pub recipe: &'a Recipe,
    /// 1.0 for a token, 0.0 for padding: `[batch, tokens]`.
    pub mask: String,
    /// What the attention takes to leave padding out.
    pub attention_mask: String,
}

impl Encoder<'_> {
    /// The named weight, its shape checked.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = self.weights.tensor(name)?;
        if tensor.shape != shape {
            return Err(ModelError::Corrupt {
                path: self.weights.path().to_path_buf(),
                reason: format!(
                    "{name} has shape {:?} where config.json asks for {shape:?}; \
                     the two are of different models",
                    tensor.shape
                ),
            });
        }
        Ok(tensor)
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
        // Texts have one segment, so its vector is a constant added to every position.
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
        let skip = config.first_position();
        let rows = positions.saturating_sub(skip);
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
                Attribute::int("axis", -1),
                Attribute::float("epsilon", self.spec.config.layer_norm_eps),
            ],
        ))
    }

    /// `LayerNorm(x + dense(y))`, where `dense` has `inner` inputs.
    fn joined(
        &mut self,
        y: &str,
        x: &str,
        place: &str,
        norm: &str,
        dense: &str,
        inner: usize,
    ) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        if self.recipe.style != Style::Cuda {
            // On the CPU the two operators are eight times as fast as the fused one.
            let y = self.linear(y, place, dense, inner, hidden)?;
            let sum = self.graph.op("Add", &[&y, x], &[]);
            return self.layer_norm(&sum, norm);
        }
        let y = self.product(y, dense, inner, hidden)?;
        let (gain, beta) = self.norm(norm)?;
        let bias = self.vector(&format!("{dense}.bias"), hidden)?;
        Ok(self.graph.fused(
            "SkipLayerNormalization",
            &[&y, x, &gain, &beta, &bias],
            &[Attribute::float("epsilon", self.spec.config.layer_norm_eps)],
        ))
    }

    fn layer(&mut self, x: &str, layer: usize) -> Result<String, ModelError> {
        let hidden = self.spec.config.hidden_size;
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let attended = self.attention(x, layer)?;
        let x = self.joined(
            &attended,
            x,
            &format!("{layer}.attended"),
            &name("attention.output.LayerNorm"),
            &name("attention.output.dense"),
            hidden,
        )?;
        let wide = name("intermediate.dense");
        let weight = self.weights.tensor(&format!("{wide}.weight"))?;
        let inner = weight.shape.first().copied().unwrap_or_default();
        let activated = self.gelu(&x, layer, &wide, hidden, inner)?;
        self.joined(
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
        if self.recipe.style == Style::Cuda {
            let wide = self.product(x, dense, hidden, inner)?;
            let bias = self.vector(&format!("{dense}.bias"), inner)?;
            return Ok(self.graph.fused("BiasGelu", &[&wide, &bias], &[]));
        }
        let wide = self.linear(x, &format!("{layer}.widened"), dense, hidden, inner)?;
        Ok(match (self.recipe.style, &self.recipe.numbers) {
            // The tanh form is a quarter cheaper, and its error is far under a step of int8.
            (Style::Cpu, Numbers::Int8(_)) => self.graph.fused("FastGelu", &[&wide], &[]),
            (Style::Cpu, _) => self.graph.fused("Gelu", &[&wide], &[]),
            _ => self.graph.op("Gelu", &[&wide], &[]),
        })
    }

    /// In a calibration graph, gives out the range of every channel of `x`
    /// over real tokens.
    pub fn watch(&mut self, x: &str, place: &str) {
        if !matches!(self.recipe.numbers, Numbers::Calibration) {
            return;
        }
        let (two, both) = (self.graph.ints(&[2]), self.graph.ints(&[0, 1]));
        let mask = self.mask.clone();
        let mask = self.graph.op("Unsqueeze", &[&mask, &two], &[]);
        let real = self.graph.op("Mul", &[x, &mask], &[]);
        let flat = [Attribute::int("keepdims", 0)];
        for (op, prefix) in [("ReduceMin", Ranges::LEAST), ("ReduceMax", Ranges::MOST)] {
            let range = self.graph.op(op, &[&real, &both], &flat);
            self.graph.give(&range, &format!("{prefix}{place}"));
        }
    }

    fn pool(&mut self, x: &str) -> String {
        let (one, two) = (self.graph.ints(&[1]), self.graph.ints(&[2]));
        match self.spec.pooling {
            Pooling::Mean => {
                let mask = self.graph.op("Unsqueeze", &[&self.mask, &two], &[]);
                let masked = self.graph.op("Mul", &[x, &mask], &[]);
                // The sum points where the mean does, and the length is scaled away next.
                self.graph.op(
                    "ReduceSum",
                    &[&masked, &one],
                    &[Attribute::int("keepdims", 0)],
                )
            }
            Pooling::Cls => {
                let zero = self.graph.ints(&[0]);
                let first = self.graph.op("Slice", &[x, &zero, &one, &one], &[]);
                self.graph.op("Squeeze", &[&first, &one], &[])
            }
        }
    }

    fn unit(&mut self, x: &str) -> String {
        let one = self.graph.ints(&[1]);
        let length = self
            .graph
            .op("ReduceL2", &[x, &one], &[Attribute::int("keepdims", 1)]);
        self.graph.op("Div", &[x, &length], &[])
    }
}
