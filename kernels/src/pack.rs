//! Quantized linear layers, packed once for the micro-kernels.

use crate::EncoderError;
use crate::aligned::AlignedBuffer;
use crate::gemm::{GROUP, PANEL, PanelGroup};
use crate::weights::{Dense, check_array, check_bias};

/// Linear layer with i8 weights, symmetric per output.
///
/// Arrays per output are padded with zeros to a multiple of [`PANEL`].
pub(crate) struct PackedDense {
    pub outputs: usize,
    pub panels: Vec<PanelGroup>,
    /// Groups of four inputs per panel.
    pub groups: usize,
    /// f32 weight = i8 weight * scale.
    pub scale: AlignedBuffer<f32>,
    /// Sum of the quantized f32 weights of each output: corrects the offset of the inputs.
    pub column_sum: AlignedBuffer<f32>,
    pub bias: AlignedBuffer<f32>,
}

impl PackedDense {
    /// Packs layers that read the same inputs, one after the other.
    pub fn new(
        layers: impl IntoIterator<Item = (&'static str, Dense)>,
        inputs: usize,
        outputs_per_layer: usize,
    ) -> Result<Self, EncoderError> {
        let groups = inputs.div_ceil(GROUP);
        let (mut panels, mut outputs) = (Vec::new(), 0);
        let (mut scales, mut column_sums, mut biases) = (Vec::new(), Vec::new(), Vec::new());
        for (array, dense) in layers {
            check_array(array, &dense.weights, outputs_per_layer, inputs)?;
            biases.extend(check_bias(array, dense.bias, outputs_per_layer)?);
            panels.resize(
                (outputs + outputs_per_layer).div_ceil(PANEL) * groups,
                PanelGroup::ZERO,
            );
            for row in dense.weights.chunks_exact(inputs) {
                let panel = &mut panels[outputs / PANEL * groups..][..groups];
                let (scale, column_sum) = pack_output(row, panel, outputs % PANEL);
                scales.push(scale);
                column_sums.push(column_sum);
                outputs += 1;
            }
        }
        let padded = outputs.next_multiple_of(PANEL);
        let [scale, column_sum, bias] =
            [scales, column_sums, biases].map(|values| AlignedBuffer::padded(&values, padded));
        Ok(Self {
            outputs,
            panels,
            groups,
            scale,
            column_sum,
            bias,
        })
    }

    /// Outputs, padded to a multiple of [`PANEL`].
    pub fn padded_outputs(&self) -> usize {
        self.bias.len()
    }
}

/// Quantizes one output into a column of `panel`. Returns the scale and the sum of the quantized weights.
fn pack_output(weights: &[f32], panel: &mut [PanelGroup], column: usize) -> (f32, f32) {
    let scale = weight_scale(weights);
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    let mut sum = 0i32;
    for (input, weight) in weights.iter().enumerate() {
        let quantized = (weight * inverse).round_ties_even().clamp(-127.0, 127.0) as i8;
        panel[input / GROUP].0[column][input % GROUP] = quantized;
        sum += i32::from(quantized);
    }
    (scale, sum as f32 * scale)
}

/// Scale of one output. Zero for weights too small to invert.
fn weight_scale(weights: &[f32]) -> f32 {
    let largest = weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    if largest < 1e-30 {
        0.0
    } else {
        largest / 127.0
    }
}
