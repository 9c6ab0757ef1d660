//! Quantization of rows to u8, each row with its own scale and zero point.

use crate::aligned::AlignedBuffer;
use crate::floats::{Floats, LANES, chunks, chunks_mut};
use crate::pack::PackedDense;

/// 1.5 * 2^23: a small number added to it is rounded to an integer in the low bits of the sum.
pub(crate) const ROUND_MAGIC: f32 = 12_582_912.0;

/// Steps between the smallest and the largest value. The margin of one step on either side
/// keeps rounded values within 0 to 255 without a clamp.
const STEPS: f32 = 253.0;

/// Ranges below have no usable inverse and count as zero.
const SMALLEST_RANGE: f32 = 1e-30;

/// f32 value = u8 value * `scale` + `offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RowScale {
    pub scale: f32,
    pub offset: f32,
}

/// u8 rows with a common stride, a multiple of [`LANES`]. The padding may hold anything: its weights are 0.
#[derive(Default)]
pub(crate) struct QuantizedRows {
    pub data: AlignedBuffer<u8>,
    pub stride: usize,
    pub scales: Vec<RowScale>,
}

impl QuantizedRows {
    pub fn resize(&mut self, rows: usize, columns: usize) {
        self.stride = columns.next_multiple_of(LANES);
        self.data.resize(rows * self.stride);
        self.scales.resize(rows, RowScale::default());
    }
}

/// Smallest and largest value of a row, collected while the row is computed. Includes 0.
#[derive(Clone, Copy)]
pub(crate) struct Range<F> {
    low: F,
    high: F,
}

impl<F: Floats> Range<F> {
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            low: F::splat(0.0),
            high: F::splat(0.0),
        }
    }

    #[inline(always)]
    pub fn include(&mut self, values: F) {
        self.low = values.min(self.low);
        self.high = values.max(self.high);
    }
}

/// Quantizes a padded row of the given range into `out`.
#[inline(always)]
pub(crate) fn quantize_row<F: Floats>(row: &[f32], range: Range<F>, out: &mut [u8]) -> RowScale {
    let (low, high) = (range.low.smallest(), range.high.largest());
    let width = high - low;
    let (inverse, scale) = if width > SMALLEST_RANGE {
        (STEPS / width, width / STEPS)
    } else {
        (0.0, 0.0)
    };
    let zero_point = (-low * inverse + ROUND_MAGIC) - ROUND_MAGIC + 1.0;
    let (factor, shift) = (F::splat(inverse), F::splat(ROUND_MAGIC + zero_point));
    for (out, values) in chunks_mut(out).iter_mut().zip(chunks(row)) {
        F::load(values).mul_add(factor, shift).store_low_bytes(out);
    }
    RowScale {
        scale,
        offset: -zero_point * scale,
    }
}

/// Converts integer sums of one row to f32: `sums * row scale * column scale`, offset corrected, bias added.
///
/// No closures: a closure that the compiler does not inline loses the target features of its caller.
pub(crate) struct Dequantizer<'a, F> {
    sums: &'a [[i32; LANES]],
    scale: &'a [[f32; LANES]],
    column_sum: &'a [[f32; LANES]],
    bias: &'a [[f32; LANES]],
    row_scale: F,
    row_offset: F,
}

impl<'a, F: Floats> Dequantizer<'a, F> {
    /// For the first `count` chunks of a row of `sums`.
    #[inline(always)]
    pub fn new(dense: &'a PackedDense, row: RowScale, sums: &'a [i32], count: usize) -> Self {
        Self {
            sums: &chunks(sums)[..count],
            scale: &chunks(&dense.scale)[..count],
            column_sum: &chunks(&dense.column_sum)[..count],
            bias: &chunks(&dense.bias)[..count],
            row_scale: F::splat(row.scale),
            row_offset: F::splat(row.offset),
        }
    }

    #[inline(always)]
    pub fn chunk(&self, index: usize) -> F {
        let constant = self
            .row_offset
            .mul_add(F::load(&self.column_sum[index]), F::load(&self.bias[index]));
        let product = F::from_integers(&self.sums[index]).mul(self.row_scale);
        product.mul_add(F::load(&self.scale[index]), constant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floats::FloatsPortable;
    use crate::test_support::Random;

    fn quantize(row: &[f32]) -> (RowScale, Vec<u8>) {
        let row = AlignedBuffer::padded(row, row.len().next_multiple_of(LANES));
        let mut range = Range::new();
        chunks(&row)
            .iter()
            .for_each(|c| range.include(FloatsPortable::load(c)));
        let mut bytes = vec![0; row.len()];
        (quantize_row(&row, range, &mut bytes), bytes)
    }

    #[test]
    fn values_come_back_within_half_a_step() {
        let mut random = Random::new(3);
        for n in [1, 5, 16, 100, 1536] {
            for (range, offset) in [
                (1.0, 0.0),
                (1e-6, 0.0),
                (1e6, 0.0),
                (1.0, 5.0),
                (1.0, -5.0),
                (0.1, 3.0),
            ] {
                let row: Vec<f32> = random.floats(n, range).iter().map(|v| v + offset).collect();
                let (row_scale, bytes) = quantize(&row);
                for (value, byte) in row.iter().zip(&bytes) {
                    let found = f32::from(*byte) * row_scale.scale + row_scale.offset;
                    let error = (found - value).abs();
                    assert!(
                        error <= row_scale.scale * 0.502,
                        "{value} {found} {}",
                        row_scale.scale
                    );
                }
            }
        }
    }

    #[test]
    fn zero_comes_back_exactly() {
        let (row_scale, bytes) = quantize(&[0.0, 1.7, -0.3]);
        assert!((f32::from(bytes[0]) * row_scale.scale + row_scale.offset).abs() < 1e-6);
        let (row_scale, bytes) = quantize(&[0.0; 20]);
        assert_eq!((row_scale.scale, row_scale.offset), (0.0, 0.0));
        assert_eq!(bytes[0], bytes[19]);
    }

    #[test]
    fn values_that_are_not_finite_do_not_panic() {
        for row in [
            [f32::NAN; 16],
            [f32::INFINITY; 16],
            [f32::MAX; 16],
            [f32::MIN_POSITIVE; 16],
        ] {
            quantize(&row);
        }
    }
}
