//! Pooling and the modules after it, in fp32: token vectors to unit vectors.
//!
//! The nodes end the graphs that semql builds. For published graphs that return
//! token vectors, they are a graph of their own.

use std::path::Path;

use super::activation::activate;
use super::builder::{GraphBuilder, GraphInput};
use super::proto::{AttributeProto, BOOL, FLOAT};
use super::transpose::transposed;
use crate::models::sentence_transformers::{DenseModule, HeadModule, Pooling, PoolingMode};
use crate::models::weights::Weights;
use crate::models::{ModelError, ModelSpec};

/// Version of the standard operators in graphs of a head alone.
const HEAD_OPSET: i64 = 20;

/// Epsilon of PyTorch's LayerNorm.
const LAYER_NORM_EPSILON: f32 = 1e-5;

/// Smallest divisor: a vector of zeros stays one.
const MIN_DIVISOR: f32 = 1e-12;

/// The checkpoints of the modules of a head.
pub struct HeadWeights(Vec<Option<Weights>>);

impl HeadWeights {
    /// Opens the checkpoints of the modules of the model in `folder`.
    ///
    /// # Errors
    /// A missing or damaged checkpoint.
    pub fn open(folder: &Path, spec: &ModelSpec) -> Result<Self, ModelError> {
        let weights = spec.head.iter().map(|module| {
            let path = module.weights_path().map(|path| folder.join(path));
            path.map(|path| Weights::open(&path)).transpose()
        });
        Ok(Self(weights.collect::<Result<_, _>>()?))
    }

    /// The checkpoints that are open.
    pub fn checkpoints(&self) -> impl Iterator<Item = &Weights> {
        self.0.iter().flatten()
    }

    /// A graph of the head alone: `token_embeddings` and `attention_mask` to
    /// `embedding`.
    ///
    /// # Errors
    /// Those of [`append`](Self::append).
    pub fn build(&self, spec: &ModelSpec) -> Result<Vec<u8>, ModelError> {
        let mut graph = GraphBuilder::new(HEAD_OPSET, false);
        let to_float = AttributeProto::int("to", FLOAT.into());
        let mask = graph.op("Cast", &["attention_mask"], &[to_float]);
        let output = self.append(&mut graph, "token_embeddings", &mask, spec)?;
        let inputs = [
            GraphInput::TokenVectors("token_embeddings", spec.config.hidden_size),
            GraphInput::Tokens("attention_mask"),
        ];
        Ok(graph.finish(&inputs, &output, "embedding", spec.dims))
    }

    /// Adds the head over `tokens` `[batch, tokens, hidden]`; `mask` is 1.0 for
    /// tokens and 0.0 for padding. Returns unit vectors `[batch, dims]`.
    ///
    /// # Errors
    /// A missing weight, or one of another shape.
    pub fn append(
        &self,
        graph: &mut GraphBuilder,
        tokens: &str,
        mask: &str,
        spec: &ModelSpec,
    ) -> Result<String, ModelError> {
        let mut head = HeadBuilder { graph };
        let only_direction = spec.pooling.modes.len() == 1
            && spec.truncate_dim.is_none()
            && matches!(spec.head.first(), None | Some(HeadModule::Normalize));
        let mut x = head.pool(tokens, mask, &spec.pooling, only_direction);
        for (number, (module, weights)) in spec.head.iter().zip(&self.0).enumerate() {
            let name = format!("head.{number}");
            x = match (module, weights) {
                (HeadModule::Dense(dense), Some(weights)) => {
                    head.dense(&x, &name, dense, weights)?
                }
                (HeadModule::LayerNorm { dims, .. }, Some(weights)) => {
                    head.layer_norm(&x, &name, *dims, weights)?
                }
                _ => head.normalize(&x),
            };
        }
        if let Some(kept) = spec.truncate_dim {
            let (zero, one) = (head.graph.ints(&[0]), head.graph.ints(&[1]));
            let end = head.graph.ints(&[kept as i64]);
            x = head.graph.op("Slice", &[&x, &zero, &end, &one], &[]);
        }
        Ok(head.normalize(&x))
    }
}

/// Head under construction.
struct HeadBuilder<'a> {
    graph: &'a mut GraphBuilder,
}

impl HeadBuilder<'_> {
    /// The poolings, side by side. With `only_direction`, their length may differ.
    fn pool(&mut self, x: &str, mask: &str, pooling: &Pooling, only_direction: bool) -> String {
        if pooling.modes == [PoolingMode::Cls] && pooling.excluded_tokens == 0 {
            return self.first_token(x);
        }
        let one = self.graph.ints(&[1]);
        // Tokens count from 1. Padding has the number of the last token.
        let numbers = self.graph.op("CumSum", &[mask, &one], &[]);
        let kept = match pooling.excluded_tokens {
            0 => mask.to_string(),
            excluded => {
                let excluded = self.scalar("excluded", excluded as f32);
                let later = self.compare("Greater", &numbers, &excluded);
                self.graph.op("Mul", &[mask, &later], &[])
            }
        };
        let pooled: Vec<String> = pooling
            .modes
            .iter()
            .map(|mode| match mode {
                PoolingMode::Cls if pooling.excluded_tokens == 0 => self.first_token(x),
                PoolingMode::Cls => {
                    let first = self.scalar("first", pooling.excluded_tokens as f32 + 1.0);
                    let first = self.compare("Equal", &numbers, &first);
                    let first = self.graph.op("Mul", &[&first, mask], &[]);
                    self.weighted_sum(x, &first)
                }
                PoolingMode::LastToken => {
                    let last = self.reduce("ReduceMax", &numbers, &one, true);
                    let last = self.compare("Equal", &numbers, &last);
                    let last = self.graph.op("Mul", &[&last, &kept], &[]);
                    self.weighted_sum(x, &last)
                }
                PoolingMode::Max => self.maximum(x, &kept),
                PoolingMode::Mean | PoolingMode::MeanSqrtLen if only_direction => {
                    self.weighted_sum(x, &kept)
                }
                PoolingMode::Mean => self.weighted_mean(x, &kept),
                PoolingMode::MeanSqrtLen => {
                    let sum = self.weighted_sum(x, &kept);
                    let count = self.reduce("ReduceSum", &kept, &one, true);
                    let root = self.graph.op("Sqrt", &[&count], &[]);
                    self.divide(&sum, &root)
                }
                PoolingMode::WeightedMean => {
                    let weights = self.graph.op("Mul", &[&kept, &numbers], &[]);
                    self.weighted_mean(x, &weights)
                }
            })
            .collect();
        match pooled.as_slice() {
            [one] => one.clone(),
            many => {
                let many: Vec<&str> = many.iter().map(String::as_str).collect();
                self.graph
                    .op("Concat", &many, &[AttributeProto::int("axis", 1)])
            }
        }
    }

    fn first_token(&mut self, x: &str) -> String {
        let (zero, one) = (self.graph.ints(&[0]), self.graph.ints(&[1]));
        let first = self.graph.op("Slice", &[x, &zero, &one, &one], &[]);
        self.graph.op("Squeeze", &[&first, &one], &[])
    }

    /// Sum over the tokens of `x`, each multiplied by its weight.
    fn weighted_sum(&mut self, x: &str, weights: &str) -> String {
        let (one, two) = (self.graph.ints(&[1]), self.graph.ints(&[2]));
        let weights = self.graph.op("Unsqueeze", &[weights, &two], &[]);
        let weighted = self.graph.op("Mul", &[x, &weights], &[]);
        self.reduce("ReduceSum", &weighted, &one, false)
    }

    fn weighted_mean(&mut self, x: &str, weights: &str) -> String {
        let one = self.graph.ints(&[1]);
        let sum = self.weighted_sum(x, weights);
        let total = self.reduce("ReduceSum", weights, &one, true);
        self.divide(&sum, &total)
    }

    /// Maximum of each dimension over the tokens of `mask`.
    fn maximum(&mut self, x: &str, mask: &str) -> String {
        let (one, two) = (self.graph.ints(&[1]), self.graph.ints(&[2]));
        let mask = self.graph.op("Unsqueeze", &[mask, &two], &[]);
        let to_bool = AttributeProto::int("to", BOOL.into());
        let mask = self.graph.op("Cast", &[&mask], &[to_bool]);
        let lowest = self.scalar("lowest", f32::MIN);
        let real = self.graph.op("Where", &[&mask, x, &lowest], &[]);
        self.reduce("ReduceMax", &real, &one, false)
    }

    fn dense(
        &mut self,
        x: &str,
        name: &str,
        dense: &DenseModule,
        weights: &Weights,
    ) -> Result<String, ModelError> {
        let (inputs, outputs) = (dense.inputs, dense.outputs);
        let matrix = weights.shaped("linear.weight", &[outputs, inputs])?;
        let matrix = transposed(&matrix.data, outputs, inputs);
        let matrix = self.graph.floats(name, &[inputs, outputs], &matrix);
        let mut y = self.graph.op("MatMul", &[x, &matrix], &[]);
        if dense.bias {
            let bias = weights.shaped("linear.bias", &[outputs])?;
            let bias = self
                .graph
                .floats(&format!("{name}.bias"), &[outputs], &bias.data);
            y = self.graph.op("Add", &[&y, &bias], &[]);
        }
        y = activate(self.graph, &y, dense.activation);
        if !dense.residual {
            return Ok(y);
        }
        let residual = if inputs == outputs {
            x.to_string()
        } else {
            let matrix = weights.shaped("residual.weight", &[outputs, inputs])?;
            let matrix = transposed(&matrix.data, outputs, inputs);
            let matrix =
                self.graph
                    .floats(&format!("{name}.residual"), &[inputs, outputs], &matrix);
            self.graph.op("MatMul", &[x, &matrix], &[])
        };
        Ok(self.graph.op("Add", &[&y, &residual], &[]))
    }

    fn layer_norm(
        &mut self,
        x: &str,
        name: &str,
        dims: usize,
        weights: &Weights,
    ) -> Result<String, ModelError> {
        let gain = weights.shaped("norm.weight", &[dims])?;
        let gain = self
            .graph
            .floats(&format!("{name}.gain"), &[dims], &gain.data);
        let bias = weights.shaped("norm.bias", &[dims])?;
        let bias = self
            .graph
            .floats(&format!("{name}.bias"), &[dims], &bias.data);
        Ok(self.graph.op(
            "LayerNormalization",
            &[x, &gain, &bias],
            &[
                AttributeProto::int("axis", -1),
                AttributeProto::float("epsilon", LAYER_NORM_EPSILON),
            ],
        ))
    }

    fn normalize(&mut self, x: &str) -> String {
        let one = self.graph.ints(&[1]);
        let length = self.reduce("ReduceL2", x, &one, true);
        self.divide(x, &length)
    }

    /// `x / y`, where `y` is 0 or more.
    fn divide(&mut self, x: &str, y: &str) -> String {
        let least = self.scalar("least", MIN_DIVISOR);
        let y = self.graph.op("Max", &[y, &least], &[]);
        self.graph.op("Div", &[x, &y], &[])
    }

    fn reduce(&mut self, op: &str, x: &str, axes: &str, keep: bool) -> String {
        let keep = AttributeProto::int("keepdims", keep.into());
        self.graph.op(op, &[x, axes], &[keep])
    }

    /// 1.0 where the comparison holds, else 0.0.
    fn compare(&mut self, op: &str, x: &str, y: &str) -> String {
        let holds = self.graph.op(op, &[x, y], &[]);
        let to_float = AttributeProto::int("to", FLOAT.into());
        self.graph.op("Cast", &[&holds], &[to_float])
    }

    fn scalar(&mut self, name: &str, value: f32) -> String {
        self.graph.floats(&format!("head.{name}"), &[], &[value])
    }
}
