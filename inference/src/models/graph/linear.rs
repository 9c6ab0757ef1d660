//! Dense layers, `x * W + b`, in the arithmetic of the graph.

use super::architecture::Dense;
use super::build_options::Arithmetic;
use super::encoder::EncoderBuilder;
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

impl EncoderBuilder<'_> {
    /// `x * W + b` of the dense layer `layer`; `activation` is the name of `x` in
    /// the calibration.
    pub fn linear(
        &mut self,
        x: &str,
        activation: &str,
        layer: &Dense,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ModelError> {
        let layers = std::slice::from_ref(layer);
        let mut results = self.linear_layers(x, activation, layers, inputs, outputs)?;
        Ok(results.pop().unwrap_or_default())
    }

    /// Several dense layers over the same `x`, which is quantized once.
    pub fn linear_layers(
        &mut self,
        x: &str,
        activation: &str,
        layers: &[Dense],
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<String>, ModelError> {
        self.record_ranges(x, activation);
        let quantized = match self.options.arithmetic {
            Arithmetic::Int8(_) => Some(self.quantize(x, activation, layers, inputs, outputs)?),
            _ => None,
        };
        layers
            .iter()
            .map(|layer| match &quantized {
                Some(quantized) => self.int8_matmul(quantized, layer, inputs, outputs),
                None => {
                    let product = self.matmul(x, layer, inputs, outputs)?;
                    if !layer.bias {
                        return Ok(product);
                    }
                    let bias = self.bias(layer, outputs)?;
                    Ok(self.graph.op("Add", &[&product, &bias], &[]))
                }
            })
            .collect()
    }

    /// `x * W` in floats, without the bias.
    pub fn matmul(
        &mut self,
        x: &str,
        layer: &Dense,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ModelError> {
        let matrix = self.matrix(layer, inputs, outputs)?;
        let matrix = self
            .graph
            .weights(&layer.graph_name(), &[inputs, outputs], &matrix);
        Ok(self.graph.op("MatMul", &[x, &matrix], &[]))
    }

    /// The weights of `layer` as `[inputs, outputs]`; PyTorch stores them
    /// transposed.
    pub fn matrix(
        &self,
        layer: &Dense,
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let (part, parts) = layer.part;
        let rows = outputs.saturating_mul(parts);
        let weight = self.tensor(&format!("{}.weight", layer.name), &[rows, inputs])?;
        let size = outputs * inputs;
        let own = &weight.data[part * size..(part + 1) * size];
        Ok(transposed(own, outputs, inputs))
    }

    /// Values of the bias of `layer`; zeros where it has none.
    pub fn bias_values(&self, layer: &Dense, outputs: usize) -> Result<Vec<f32>, ModelError> {
        if !layer.bias {
            return Ok(vec![0.0; outputs]);
        }
        let (part, parts) = layer.part;
        let len = outputs.saturating_mul(parts);
        let bias = self.tensor(&format!("{}.bias", layer.name), &[len])?.data;
        Ok(bias[part * outputs..(part + 1) * outputs].to_vec())
    }

    /// The bias of `layer`.
    pub fn bias(&mut self, layer: &Dense, outputs: usize) -> Result<String, ModelError> {
        let values = self.bias_values(layer, outputs)?;
        let name = format!("{}.bias", layer.graph_name());
        Ok(self.graph.weights(&name, &[outputs], &values))
    }

    /// Outputs of `layer`, by the shape of its weights.
    pub fn outputs(&self, layer: &Dense) -> Result<usize, ModelError> {
        let name = format!("{}.weight", layer.name);
        match self.weights.shape(&name) {
            Some([rows, _]) => Ok(rows / layer.part.1),
            // Reading it fails with the reason.
            _ => self.tensor(&name, &[0, 0]).map(|_| 0),
        }
    }

    fn quantize(
        &mut self,
        x: &str,
        activation: &str,
        layers: &[Dense],
        inputs: usize,
        outputs: usize,
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
            let weights = self.concatenated_weights(layers, inputs, outputs)?;
            ActivationQuantization::new(ranges, Some(&weights))
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
        layers: &[Dense],
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let matrices = layers
            .iter()
            .map(|layer| self.matrix(layer, inputs, outputs))
            .collect::<Result<Vec<_>, _>>()?;
        let row = |i: usize| {
            matrices
                .iter()
                .flat_map(move |m| &m[i * outputs..(i + 1) * outputs])
                .copied()
        };
        Ok((0..inputs).flat_map(row).collect())
    }

    fn int8_matmul(
        &mut self,
        x: &QuantizedActivation,
        layer: &Dense,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ModelError> {
        let name = layer.graph_name();
        let Arithmetic::Int8(parameters) = &self.options.arithmetic else {
            return Err(self.missing_ranges(&name));
        };
        let mut matrix = self.matrix(layer, inputs, outputs)?;
        x.quantization.scale_weights(&mut matrix);
        let weights = QuantizedWeights::new(&matrix, outputs, parameters.max_weight);
        let values = self
            .graph
            .signed_bytes(&name, &[inputs, outputs], &weights.values);
        let scales = self
            .graph
            .floats(&format!("{name}.scales"), &[outputs], &weights.scales);
        let zeros =
            self.graph
                .signed_bytes(&format!("{name}.zeros"), &[outputs], &vec![0; outputs]);
        let bias = self.bias(layer, outputs)?;
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
        self.graph
            .op("Transpose", &[x], &[AttributeProto::ints("perm", &order)])
    }
}
