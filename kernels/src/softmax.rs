//! Softmax of one row of attention scores, quantized to u8 weights of the value rows.

use crate::floats::{Floats, chunks, chunks_mut};
use crate::quantize::ROUND_MAGIC;

/// Largest weight. The errors of [`log2`] and [`exp2`] and rounding stay below 255.
const LARGEST_WEIGHT: f32 = 254.0;

/// Lower exponents count as this one. Far enough from -126 that no subnormal number slows the arithmetic.
const MIN_EXPONENT: f32 = -120.0;

/// 2^x for x <= 126, relative error below 1e-4. Below -120: 2^-120.
#[inline(always)]
pub(crate) fn exp2<F: Floats>(x: F) -> F {
    let magic = F::splat(ROUND_MAGIC);
    let x = x.max(F::splat(MIN_EXPONENT));
    let integer = x.add(magic);
    let fraction = x.sub(integer.sub(magic));
    let mut p = F::splat(0.055_171_67);
    for c in [0.242_611_14, 0.693_260_97, 0.999_928_06] {
        p = p.mul_add(fraction, F::splat(c));
    }
    p.add_exponent(integer)
}

/// log2 of a positive normal number, absolute error below 1e-3.
#[inline(always)]
pub(crate) fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let mantissa = f32::from_bits(bits & 0x007F_FFFF | 0x3F80_0000);
    let mut p = LOG2_COEFFICIENTS[4];
    for c in LOG2_COEFFICIENTS[..4].iter().rev() {
        p = p * mantissa + *c;
    }
    exponent as f32 + p
}

/// log2 on 1 to 2, with exact values at both ends.
const LOG2_COEFFICIENTS: [f32; 5] = [
    -2.519_829,
    4.086_382_4,
    -2.134_134_3,
    0.649_711_4,
    -0.082_130_64,
];

/// What the softmax reads per key, for one text and head.
pub(crate) struct KeyRows<'a> {
    /// Scale of the key row.
    pub scale: &'a [f32],
    /// Corrects the offset of the query bytes.
    pub offset: &'a [f32],
    /// log2 of the scale of the value row; [`PADDING_LOG2`] for padding.
    pub value_log2: &'a [f32],
    /// Inverse of the scale of the value row; 0 for padding.
    pub value_inverse: &'a [f32],
}

/// Makes the weight of a padded key 0 beside any real key.
pub(crate) const PADDING_LOG2: f32 = -1e30;

/// Turns the integer scores of one query into `weights` of the quantized value rows.
///
/// `weights[k]` is proportional to probability * scale of the value row. With the scale folded in, the 8 bits
/// resolve what the row contributes. `query_scale` includes log2(e), so that powers of 2 replace exp.
/// The lengths are multiples of whole chunks. Returns the factor from the weighted integer sum of value rows
/// to the attention output.
#[inline(always)]
pub(crate) fn softmax_row<F: Floats>(
    sums: &[i32],
    query_scale: f32,
    keys: &KeyRows<'_>,
    scores: &mut [f32],
    weights: &mut [u8],
) -> f32 {
    let query_scale = F::splat(query_scale);
    let mut largest = F::splat(f32::MIN);
    let rows = chunks(keys.scale)
        .iter()
        .zip(chunks(keys.offset))
        .zip(chunks(keys.value_log2));
    for ((score, sums), ((scale, offset), value_log2)) in
        chunks_mut(scores).iter_mut().zip(chunks(sums)).zip(rows)
    {
        let product = F::from_integers(sums).mul_add(F::load(scale), F::load(offset));
        let value = product.mul_add(query_scale, F::load(value_log2));
        value.store(score);
        largest = value.max(largest);
    }
    let largest = F::splat(largest.largest());
    let (factor, magic) = (F::splat(LARGEST_WEIGHT), F::splat(ROUND_MAGIC));
    let mut total = F::splat(0.0);
    let chunks = chunks(scores)
        .iter()
        .zip(chunks(keys.value_inverse))
        .zip(chunks_mut(weights));
    for ((score, value_inverse), bytes) in chunks {
        let weight = exp2(F::load(score).sub(largest));
        total = weight.mul_add(F::load(value_inverse), total);
        weight.mul_add(factor, magic).store_low_bytes(bytes);
    }
    (total.sum() * LARGEST_WEIGHT).recip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floats::{FloatsPortable, LANES};
    use crate::test_support::Random;

    fn exp2_of(x: f32) -> f32 {
        let mut out = [0.0; LANES];
        exp2(FloatsPortable::splat(x)).store(&mut out);
        out[0]
    }

    #[test]
    fn exp2_is_within_1e_4() {
        for i in -118_000..126_000 {
            let x = i as f32 * 1e-3;
            let (found, expected) = (f64::from(exp2_of(x)), f64::from(x).exp2());
            assert!(
                (found / expected - 1.0).abs() < 1e-4,
                "{x}: {found} {expected}"
            );
        }
        assert!(
            [-121.0, -1e6, -1e30, f32::MIN]
                .iter()
                .all(|x| exp2_of(*x) < 1e-36)
        );
    }

    #[test]
    fn log2_is_within_1e_3() {
        for i in 0..20_000 {
            let x = (f64::from(i) * 0.01 - 100.0).exp2() as f32;
            assert!(
                (f64::from(log2(x)) - f64::from(x).log2()).abs() < 1e-3,
                "{x}"
            );
        }
    }

    /// Attention weights times value scales, against f64. The scores reach `range`.
    fn check(
        random: &mut Random,
        keys: usize,
        range: f32,
        value_scales: impl Fn(&mut Random) -> f32,
    ) {
        let padded = keys.next_multiple_of(LANES);
        let sums: Vec<i32> = (0..padded).map(|_| (random.next() as i32) >> 12).collect();
        let scale = range / (1 << 19) as f32;
        let mut key_scale = vec![scale; padded];
        let mut values: Vec<f32> = (0..keys).map(|_| value_scales(random)).collect();
        let mut value_log2: Vec<f32> = values.iter().map(|v| log2(*v)).collect();
        let mut value_inverse: Vec<f32> = values.iter().map(|v| v.recip()).collect();
        key_scale[keys..].fill(0.0);
        value_log2.resize(padded, PADDING_LOG2);
        value_inverse.resize(padded, 0.0);
        values.resize(padded, 0.0);
        let rows = KeyRows {
            scale: &key_scale,
            offset: &vec![0.0; padded],
            value_log2: &value_log2,
            value_inverse: &value_inverse,
        };
        let (mut scores, mut weights) = (vec![0.0; padded], vec![0; padded]);
        let factor = softmax_row::<FloatsPortable>(&sums, 1.0, &rows, &mut scores, &mut weights);
        let exact: Vec<f64> = sums
            .iter()
            .map(|s| f64::from(*s) * f64::from(scale))
            .collect();
        let largest = exact[..keys].iter().fold(f64::MIN, |a, b| a.max(*b));
        let total: f64 = exact[..keys].iter().map(|s| (s - largest).exp2()).sum();
        let expected: Vec<f64> = exact
            .iter()
            .zip(&values)
            .map(|(s, v)| (s - largest).exp2() / total * f64::from(*v))
            .collect();
        let step = expected[..keys].iter().fold(0.0f64, |a, b| a.max(*b)) / 254.0;
        for k in 0..padded {
            let found = f64::from(weights[k]) * f64::from(factor);
            let expected = if k < keys { expected[k] } else { 0.0 };
            assert!(
                (found - expected).abs() <= step * 1.0,
                "{keys} {range} {k}: {found} {expected} {step}"
            );
        }
    }

    #[test]
    fn weights_are_within_a_step() {
        let mut random = Random::new(5);
        for keys in [1, 2, 15, 16, 17, 93, 512] {
            for range in [0.0, 1.0, 20.0, 90.0] {
                check(&mut random, keys, range, |_| 0.01);
                check(&mut random, keys, range, |random| {
                    0.01 + random.float(0.009)
                });
                check(&mut random, keys, range, |random| {
                    if random.below(2) == 0 { 1e-9 } else { 1.0 }
                });
            }
        }
    }
}
