//! The graph of a BERT encoder (and of RoBERTa and XLM-R, which differ only in
//! where positions start): `input_ids`, `attention_mask` to `embedding`.
//!
//! Pooling and normalisation are inside, so that only one vector a text
//! crosses the border; attention, GELU and layer norms are ONNX Runtime's
//! fused operators.

use std::path::Path;

use super::builder::Builder;
use super::proto::{Attribute, FLOAT, INT32};
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

/// The ONNX file's bytes.
///
/// # Errors
/// A weight that is missing or of another shape than `config.json` says.
pub fn build(weights: &Weights, spec: &ModelSpec) -> Result<Vec<u8>, ModelError> {
    let mut encoder = Encoder {
        graph: Builder::default(),
        weights,
        spec,
    };
    let mask = encoder.graph.op(
        "Cast",
        &["attention_mask"],
        &[Attribute::int("to", FLOAT.into())],
    );
    let mask32 = encoder.graph.op(
        "Cast",
        &["attention_mask"],
        &[Attribute::int("to", INT32.into())],
    );
    let mut x = encoder.embeddings()?;
    for layer in 0..spec.config.num_hidden_layers {
        x = encoder.layer(&x, &mask32, layer)?;
    }
    let pooled = encoder.pool(&x, &mask);
    let output = encoder.unit(&pooled);
    Ok(encoder.graph.finish(
        &["input_ids", "attention_mask"],
        &output,
        "embedding",
        spec.dims,
    ))
}

struct Encoder<'a> {
    graph: Builder,
    weights: &'a Weights,
    spec: &'a ModelSpec,
}

impl Encoder<'_> {
    /// The named weight, its shape checked.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
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

    fn vector(&mut self, name: &str, len: usize) -> Result<String, ModelError> {
        let tensor = self.tensor(name, &[len])?;
        Ok(self.graph.floats(name, &[len], &tensor.data))
    }

    /// PyTorch keeps linear weights as [out, in]; ONNX multiplies by [in, out].
    fn linear(
        &mut self,
        x: &str,
        name: &str,
        input: usize,
        output: usize,
    ) -> Result<String, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[output, input])?;
        let matrix = self.graph.floats(
            name,
            &[input, output],
            &transposed(&weight.data, output, input),
        );
        Ok(self.graph.op("MatMul", &[x, &matrix], &[]))
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
            .floats("words", &[config.vocab_size, hidden], &words.data);
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
            .floats("positions", &[rows, hidden], &table[skip * hidden..]);

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
        let (gain, bias) = self.norm("embeddings.LayerNorm")?;
        Ok(self.graph.op(
            "LayerNormalization",
            &[&sum, &gain, &bias],
            &[
                Attribute::int("axis", -1),
                Attribute::float("epsilon", self.spec.config.layer_norm_eps),
            ],
        ))
    }

    fn norm(&mut self, name: &str) -> Result<(String, String), ModelError> {
        let hidden = self.spec.config.hidden_size;
        Ok((
            self.vector(&format!("{name}.weight"), hidden)?,
            self.vector(&format!("{name}.bias"), hidden)?,
        ))
    }

    /// LayerNorm(x + y + bias), in one operator.
    fn skip_norm(
        &mut self,
        y: &str,
        x: &str,
        norm: &str,
        bias: &str,
    ) -> Result<String, ModelError> {
        let (gain, beta) = self.norm(norm)?;
        let bias = self.vector(&format!("{bias}.bias"), self.spec.config.hidden_size)?;
        Ok(self.graph.fused(
            "SkipLayerNormalization",
            &[y, x, &gain, &beta, &bias],
            &[Attribute::float("epsilon", self.spec.config.layer_norm_eps)],
        ))
    }

    fn layer(&mut self, x: &str, mask: &str, layer: usize) -> Result<String, ModelError> {
        let config = &self.spec.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let name = |rest: &str| format!("encoder.layer.{layer}.{rest}");

        // One matrix for queries, keys and values: [hidden, 3 * hidden].
        let mut matrix = vec![0f32; hidden * 3 * hidden];
        let mut bias = Vec::with_capacity(3 * hidden);
        for (part, projection) in ["query", "key", "value"].iter().enumerate() {
            let own = name(&format!("attention.self.{projection}"));
            let weight = self.tensor(&format!("{own}.weight"), &[hidden, hidden])?;
            let weight = transposed(&weight.data, hidden, hidden);
            for (row, values) in weight.chunks_exact(hidden).enumerate() {
                let start = row * 3 * hidden + part * hidden;
                matrix[start..start + hidden].copy_from_slice(values);
            }
            bias.extend(self.tensor(&format!("{own}.bias"), &[hidden])?.data);
        }
        let matrix = self
            .graph
            .floats(&name("qkv"), &[hidden, 3 * hidden], &matrix);
        let bias = self.graph.floats(&name("qkv.bias"), &[3 * hidden], &bias);
        let attended = self.graph.fused(
            "Attention",
            &[x, &matrix, &bias, mask],
            &[Attribute::int("num_heads", heads as i64)],
        );

        let out = name("attention.output.dense");
        let projected = self.linear(&attended, &out, hidden, hidden)?;
        let x = self.skip_norm(&projected, x, &name("attention.output.LayerNorm"), &out)?;

        let wide = name("intermediate.dense");
        let weight = self.weights.tensor(&format!("{wide}.weight"))?;
        let inner = weight.shape.first().copied().unwrap_or_default();
        let widened = self.linear(&x, &wide, hidden, inner)?;
        let bias = self.vector(&format!("{wide}.bias"), inner)?;
        let activated = self.graph.fused("BiasGelu", &[&widened, &bias], &[]);

        let narrow = name("output.dense");
        let narrowed = self.linear(&activated, &narrow, inner, hidden)?;
        self.skip_norm(&narrowed, &x, &name("output.LayerNorm"), &narrow)
    }

    fn pool(&mut self, x: &str, mask: &str) -> String {
        let (one, two) = (self.graph.ints(&[1]), self.graph.ints(&[2]));
        match self.spec.pooling {
            Pooling::Mean => {
                let mask = self.graph.op("Unsqueeze", &[mask, &two], &[]);
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

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0f32; data.len()];
    for (row, values) in data.chunks_exact(columns.max(1)).enumerate() {
        for (column, value) in values.iter().enumerate() {
            out[column * rows + row] = *value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_swaps_rows_and_columns() {
        assert_eq!(
            transposed(&[1., 2., 3., 4., 5., 6.], 2, 3),
            [1., 4., 2., 5., 3., 6.]
        );
    }
}
