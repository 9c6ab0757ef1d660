//! Dense layers, `x * W + b`, in the arithmetic of the graph.

use super::bert::BertBuilder;
use super::build_options::{Arithmetic, GraphStyle};
use super::int8::{ActivationQuantization, QuantizedWeights};
use super::proto::AttributeProto;
use super::transpose::transposed;
use crate::models::ModelError;

/// Quantized activations: the names of their tensors, and their quantization.
struct QuantizedActivation {
    values: String,
    scale: String,
    zero_point: String,
    quantization: ActivationQuantization,
}

/// One of several dense layers over the same activations.
pub struct DenseLayer {
    /// Name of the weights in the checkpoint, without `.weight`.
    pub name: String,
    pub outputs: usize,
}

impl BertBuilder<'_> {
    /// `x * W + b` of the dense layer `name`; `activation` is the name of `x` in
    /// the calibration.
    pub fn linear(
        &mut self,
        x: &str,
        activation: &str,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ModelError> {
        let name = name.to_string();
        let mut results =
            self.linear_layers(x, activation, &[DenseLayer { name, outputs }], inputs)?;
        Ok(results.pop().unwrap_or_default())
    }

    /// Several dense layers over the same `x`, which is quantized once.
    pub fn linear_layers(
        &mut self,
        x: &str,
        activation: &str,
        layers: &[DenseLayer],
        inputs: usize,
    ) -> Result<Vec<String>, ModelError> {
        self.record_ranges(x, activation);
        let quantized = match self.options.arithmetic {
            Arithmetic::Int8(_) => Some(self.quantize(x, activation, layers, inputs)?),
            _ => None,
        };
        layers
            .iter()
            .map(|layer| match &quantized {
                Some(quantized) => self.int8_matmul(quantized, layer, inputs),
                None => {
                    let product = self.matmul(x, &layer.name, inputs, layer.outputs)?;
                    let bias = self.vector(&format!("{}.bias", layer.name), layer.outputs)?;
                    Ok(self.graph.op("Add", &[&product, &bias], &[]))
                }
            })
            .collect()
    }

    /// `x * W` in floats, without the bias.
    pub fn matmul(
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

    /// The weights of `name` as `[inputs, outputs]`; PyTorch stores them
    /// transposed.
    pub fn matrix(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(transposed(&weight.data, outputs, inputs))
    }

    fn quantize(
        &mut self,
        x: &str,
        activation: &str,
        layers: &[DenseLayer],
        inputs: usize,
    ) -> Result<QuantizedActivation, ModelError> {
        let Arithmetic::Int8(parameters) = &self.options.arithmetic else {
            return Err(self.missing_ranges(activation));
        };
        let ranges = parameters
            .ranges
            .get(activation)
            .filter(|ranges| ranges.len() == inputs)
            .ok_or_else(|| self.missing_ranges(activation))?;
        // The channels of the attention output have similar ranges.
        let quantization = if activation.ends_with("attended") {
            ActivationQuantization::new(ranges, None)
        } else {
            ActivationQuantization::new(ranges, Some(&self.concatenated_weights(layers, inputs)?))
        };
        let divided = match &quantization.channels {
            Some(channels) => {
                let inverse: Vec<f32> = channels.iter().map(|c| c.recip()).collect();
                let inverse =
                    self.graph
                        .floats(&format!("{activation}.channels"), &[inputs], &inverse);
                self.graph.op("Mul", &[x, &inverse], &[])
            }
            None => x.to_string(),
        };
        let scale = self
            .graph
            .floats(&format!("{activation}.scale"), &[], &[quantization.scale]);
        let zero_point = self.graph.bytes(
            &format!("{activation}.zero"),
            &[],
            &[quantization.zero_point],
        );
        let values = self
            .graph
            .op("QuantizeLinear", &[&divided, &scale, &zero_point], &[]);
        Ok(QuantizedActivation {
            values,
            scale,
            zero_point,
            quantization,
        })
    }

    /// The weights of all layers in one matrix, `[inputs, sum of outputs]`.
    fn concatenated_weights(
        &self,
        layers: &[DenseLayer],
        inputs: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let matrices = layers
            .iter()
            .map(|layer| self.matrix(&layer.name, inputs, layer.outputs))
            .collect::<Result<Vec<_>, _>>()?;
        let row = |i: usize| {
            matrices
                .iter()
                .zip(layers)
                .flat_map(move |(m, layer)| &m[i * layer.outputs..(i + 1) * layer.outputs])
                .copied()
        };
        Ok((0..inputs).flat_map(row).collect())
    }

    fn int8_matmul(
        &mut self,
        x: &QuantizedActivation,
        layer: &DenseLayer,
        inputs: usize,
    ) -> Result<String, ModelError> {
        let Arithmetic::Int8(parameters) = &self.options.arithmetic else {
            return Err(self.missing_ranges(&layer.name));
        };
        let (name, outputs) = (layer.name.as_str(), layer.outputs);
        let mut matrix = self.matrix(name, inputs, outputs)?;
        x.quantization.scale_weights(&mut matrix);
        let weights = QuantizedWeights::new(&matrix, outputs, parameters.max_weight);
        let values = self
            .graph
            .signed_bytes(name, &[inputs, outputs], &weights.values);
        let scales = self
            .graph
            .floats(&format!("{name}.scales"), &[outputs], &weights.scales);
        let zeros =
            self.graph
                .signed_bytes(&format!("{name}.zeros"), &[outputs], &vec![0; outputs]);
        let bias = self.vector(&format!("{name}.bias"), outputs)?;
        Ok(self.graph.fused(
            "MatMulIntegerToFloat",
            &[
                &x.values,
                &values,
                &x.scale,
                &scales,
                &x.zero_point,
                &zeros,
                &bias,
            ],
            &[],
        ))
    }

    fn missing_ranges(&self, activation: &str) -> ModelError {
        ModelError::Corrupt {
            path: self.weights.path().to_path_buf(),
            reason: format!("the ranges of the activation {activation} were not measured"),
        }
    }

    /// Permutes the axes of a four-dimensional value.
    pub fn transpose(&mut self, x: &str, order: [i64; 4]) -> String {
        debug_assert!(self.options.style == GraphStyle::Plain);
        self.graph
            .op("Transpose", &[x], &[AttributeProto::ints("perm", &order)])
    }
}
