//! Sums over the values of two vectors: the inner product, and the square of
//! the distance.

/// Sums that the compiler may keep apart and so vectorise.
const LANES: usize = 32;

/// The inner product of two slices of equal length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { with_avx2(a, b) };
    }
    sum(a, b, |x, y, sum| sum + x * y)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y, sum| x.mul_add(y, sum))
}

/// The square of the Euclidean distance of two slices of equal length.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { distance_with_avx2(a, b) };
    }
    sum(a, b, |x, y, sum| sum + (x - y) * (x - y))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn distance_with_avx2(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y, sum| (x - y).mul_add(x - y, sum))
}

#[inline(always)]
fn sum(a: &[f32], b: &[f32], add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut sums = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] = add(x[lane], y[lane], sums[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    let rest = rest.fold(0.0, |sum, (x, y)| add(*x, *y, sum));
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_sum_at_any_length() {
        for len in [0, 1, 31, 32, 33, 384, 1000] {
            let a: Vec<f32> = (0..len).map(|i| (i % 7) as f32).collect();
            let b: Vec<f32> = (0..len).map(|i| (i % 5) as f32).collect();
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot(&a, &b), plain);
            assert_eq!(sum(&a, &b, |x, y, sum| sum + x * y), plain);
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
            assert_eq!(squared_distance(&a, &b), plain);
        }
    }
}
