//! `x * W + b` in the arithmetic of the recipe.

use super::bert::Encoder;
use super::int8::{Activation, Weight};
use super::proto::Attribute;
use super::{Numbers, Style};
use crate::models::ModelError;

/// Activations as bytes, with what is needed to multiply them.
struct Rounded {
    values: String,
    scale: String,
    zero: String,
    how: Activation,
}

/// One of several products over the same activations.
pub struct Part {
    /// Name of the weights in the checkpoint, without `.weight`.
    pub name: String,
    pub outputs: usize,
}

impl Encoder<'_> {
    /// `x * W + b` of the dense layer `name`, `x` being measured at `place`.
    pub fn linear(
        &mut self,
        x: &str,
        place: &str,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ModelError> {
        let name = name.to_string();
        let mut results = self.linears(x, place, &[Part { name, outputs }], inputs)?;
        Ok(results.pop().unwrap_or_default())
    }

    /// The same for several dense layers over one `x`, which is rounded once.
    pub fn linears(
        &mut self,
        x: &str,
        place: &str,
        parts: &[Part],
        inputs: usize,
    ) -> Result<Vec<String>, ModelError> {
        self.watch(x, place);
        let rounded = match self.recipe.numbers {
            Numbers::Int8(_) => Some(self.rounded(x, place, parts, inputs)?),
            _ => None,
        };
        parts
            .iter()
            .map(|part| match &rounded {
                Some(rounded) => self.integer_product(rounded, part, inputs),
                None => {
                    let product = self.product(x, &part.name, inputs, part.outputs)?;
                    let bias = self.vector(&format!("{}.bias", part.name), part.outputs)?;
                    Ok(self.graph.op("Add", &[&product, &bias], &[]))
                }
            })
            .collect()
    }

    /// `x * W`, without the bias, in floats.
    pub fn product(
        &mut self,
        x: &str,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ModelError> {
        let matrix = self.matrix(name, inputs, outputs)?;
        let matrix = self.graph.weights(name, &[inputs, outputs], &matrix);
        Ok(self.graph.op("MatMul", &[x, &matrix], &[]))
    }

    /// The weights of `name` as `[inputs, outputs]`; PyTorch keeps them the
    /// other way round.
    pub fn matrix(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(transposed(&weight.data, outputs, inputs))
    }

    fn rounded(
        &mut self,
        x: &str,
        place: &str,
        parts: &[Part],
        inputs: usize,
    ) -> Result<Rounded, ModelError> {
        let Numbers::Int8(numbers) = &self.recipe.numbers else {
            return Err(self.unmeasured(place));
        };
        let ranges = numbers
            .ranges
            .of(place)
            .filter(|ranges| ranges.len() == inputs)
            .ok_or_else(|| self.unmeasured(place))?;
        // What the attention gives out is even enough as it is.
        let how = if place.ends_with("attended") {
            Activation::new(ranges, None)
        } else {
            Activation::new(ranges, Some(&self.side_by_side(parts, inputs)?))
        };
        let divided = match &how.channels {
            Some(channels) => {
                let inverse: Vec<f32> = channels.iter().map(|c| c.recip()).collect();
                let inverse = self
                    .graph
                    .floats(&format!("{place}.channels"), &[inputs], &inverse);
                self.graph.op("Mul", &[x, &inverse], &[])
            }
            None => x.to_string(),
        };
        let scale = self
            .graph
            .floats(&format!("{place}.scale"), &[], &[how.scale]);
        let zero = self.graph.bytes(&format!("{place}.zero"), &[], &[how.zero]);
        let values = self
            .graph
            .op("QuantizeLinear", &[&divided, &scale, &zero], &[]);
        Ok(Rounded {
            values,
            scale,
            zero,
            how,
        })
    }

    /// The matrices of all parts in one, `[inputs, sum of outputs]`.
    fn side_by_side(&self, parts: &[Part], inputs: usize) -> Result<Vec<f32>, ModelError> {
        let matrices = parts
            .iter()
            .map(|part| self.matrix(&part.name, inputs, part.outputs))
            .collect::<Result<Vec<_>, _>>()?;
        let row = |i: usize| {
            matrices
                .iter()
                .zip(parts)
                .flat_map(move |(m, p)| &m[i * p.outputs..(i + 1) * p.outputs])
                .copied()
        };
        Ok((0..inputs).flat_map(row).collect())
    }

    fn integer_product(
        &mut self,
        x: &Rounded,
        part: &Part,
        inputs: usize,
    ) -> Result<String, ModelError> {
        let Numbers::Int8(numbers) = &self.recipe.numbers else {
            return Err(self.unmeasured(&part.name));
        };
        let (name, outputs) = (part.name.as_str(), part.outputs);
        let mut matrix = self.matrix(name, inputs, outputs)?;
        x.how.absorb(&mut matrix);
        let weight = Weight::new(&matrix, outputs, numbers.greatest_weight);
        let values = self
            .graph
            .signed_bytes(name, &[inputs, outputs], &weight.values);
        let scales = self
            .graph
            .floats(&format!("{name}.scales"), &[outputs], &weight.scales);
        let zeros =
            self.graph
                .signed_bytes(&format!("{name}.zeros"), &[outputs], &vec![0; outputs]);
        let bias = self.vector(&format!("{name}.bias"), outputs)?;
        Ok(self.graph.fused(
            "MatMulIntegerToFloat",
            &[
                &x.values, &values, &x.scale, &scales, &x.zero, &zeros, &bias,
            ],
            &[],
        ))
    }

    fn unmeasured(&self, place: &str) -> ModelError {
        ModelError::Corrupt {
            path: self.weights.path().to_path_buf(),
            reason: format!("the activations at {place} could not be measured"),
        }
    }

    /// Swaps axes of a four-dimensional value.
    pub fn transpose(&mut self, x: &str, order: [i64; 4]) -> String {
        debug_assert!(self.recipe.style == Style::Plain);
        self.graph
            .op("Transpose", &[x], &[Attribute::ints("perm", &order)])
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
