//! Inner products and squared distances.

/// Independent sums, which the compiler vectorises.
const LANES: usize = 32;

/// Inner product of two slices of equal length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let [product] = sums(a, b, |x, y| [(x, y)]);
    product
}

/// Inner products of `a` with `b`, of equal length, and with itself. One pass is
/// faster, since memory bandwidth is the limit.
pub fn dot_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
    let [product, square] = sums(a, b, |x, y| [(x, y), (x, x)]);
    (product, square)
}

/// Squared Euclidean distance of two slices of equal length.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let [square] = sums(a, b, |x, y| [(x - y, x - y)]);
    square
}

/// Sums of the products of `factors` over the values of both slices.
fn sums<const N: usize>(
    a: &[f32],
    b: &[f32],
    factors: impl Fn(f32, f32) -> [(f32, f32); N],
) -> [f32; N] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has the features of the function.
        return unsafe { with_avx2(a, b, factors) };
    }
    add_up(a, b, factors, |(x, y), sum| sum + x * y)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<const N: usize>(
    a: &[f32],
    b: &[f32],
    factors: impl Fn(f32, f32) -> [(f32, f32); N],
) -> [f32; N] {
    add_up(a, b, factors, |(x, y), sum| x.mul_add(y, sum))
}

#[inline(always)]
fn add_up<const N: usize>(
    a: &[f32],
    b: &[f32],
    factors: impl Fn(f32, f32) -> [(f32, f32); N],
    add: impl Fn((f32, f32), f32) -> f32,
) -> [f32; N] {
    let mut sums = [[0f32; LANES]; N];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a.iter().zip(b) {
        for lane in 0..LANES {
            let factors = factors(x[lane], y[lane]);
            for at in 0..N {
                sums[at][lane] = add(factors[at], sums[at][lane]);
            }
        }
    }
    let mut totals = sums.map(total);
    for (x, y) in a_rest.iter().zip(b_rest) {
        let factors = factors(*x, *y);
        for at in 0..N {
            totals[at] = add(factors[at], totals[at]);
        }
    }
    totals
}

/// Sum of all lanes by halving, which shortens the chain of dependent additions.
#[inline(always)]
fn total(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
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
            let slowly = add_up(&a, &b, |x, y| [(x, y)], |(x, y), sum| sum + x * y);
            assert_eq!(slowly, [plain]);
            assert_eq!(dot_and_square(&a, &b), (plain, dot(&a, &a)));
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
            assert_eq!(squared_distance(&a, &b), plain);
        }
    }
}
