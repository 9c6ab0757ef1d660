//! Layer normalization of one row.

use crate::floats::{Floats, chunks, chunks_mut};
use crate::quantize::Range;

/// Normalizes `row` in place: `n` values whose sum is `sum`, padded to whole chunks. `weights` and `bias` are
/// padded with zeros. Returns the range of the result.
#[inline(always)]
pub(crate) fn normalize_row<F: Floats>(
    row: &mut [f32],
    n: usize,
    sum: F,
    weights: &[f32],
    bias: &[f32],
    epsilon: f32,
) -> Range<F> {
    let mean = F::splat(sum.sum() / n as f32);
    // The second accumulator hides the latency of the first.
    let mut squares = [F::splat(0.0); 2];
    for (index, values) in chunks_mut(row).iter_mut().enumerate() {
        let centred = F::load(values).sub(mean);
        centred.store(values);
        squares[index % 2] = centred.mul_add(centred, squares[index % 2]);
    }
    let mut total = squares[0].add(squares[1]).sum();
    let padding = row.len() - n;
    if padding > 0 {
        // Padded values were 0 and became minus the mean.
        let last = row[row.len() - 1];
        total -= padding as f32 * last * last;
    }
    let inverse = F::splat((total.max(0.0) / n as f32 + epsilon).sqrt().recip());
    let mut range = Range::new();
    for ((values, weights), bias) in chunks_mut(row)
        .iter_mut()
        .zip(chunks(weights))
        .zip(chunks(bias))
    {
        let value = F::load(values)
            .mul(inverse)
            .mul_add(F::load(weights), F::load(bias));
        value.store(values);
        range.include(value);
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floats::{FloatsPortable, LANES};
    use crate::test_support::Random;

    #[test]
    fn agrees_with_f64() {
        let mut random = Random::new(1);
        for n in [1, 3, 16, 17, 384, 1000] {
            let row = random.floats(n, 3.0);
            let (weights, bias) = (random.floats(n, 2.0), random.floats(n, 1.0));
            let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / n as f64;
            let variance = row
                .iter()
                .map(|v| (f64::from(*v) - mean).powi(2))
                .sum::<f64>()
                / n as f64;
            let pad = |mut values: Vec<f32>| {
                values.resize(n.next_multiple_of(LANES), 0.0);
                values
            };
            let (mut found, weights, bias) = (pad(row.clone()), pad(weights), pad(bias));
            let sum = chunks(&found)
                .iter()
                .fold(FloatsPortable::splat(0.0), |a, c| {
                    a.add(FloatsPortable::load(c))
                });
            normalize_row(&mut found, n, sum, &weights, &bias, 1e-5);
            for j in 0..n {
                let unit = (f64::from(row[j]) - mean) / (variance + 1e-5).sqrt();
                let expected = unit * f64::from(weights[j]) + f64::from(bias[j]);
                assert!(
                    (f64::from(found[j]) - expected).abs() < 1e-4,
                    "{n} {j}: {} {expected}",
                    found[j]
                );
            }
        }
    }
}
