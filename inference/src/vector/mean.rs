//! Mean of vectors.

/// Mean of `vectors` (count x `dims`, row-major); zeros without any.
pub fn mean(vectors: &[f32], dims: usize) -> Vec<f32> {
    let mut sum = vec![0f64; dims];
    for vector in vectors.chunks_exact(dims.max(1)) {
        sum.iter_mut()
            .zip(vector)
            .for_each(|(s, v)| *s += f64::from(*v));
    }
    let count = (vectors.len() / dims.max(1)).max(1) as f64;
    sum.iter().map(|sum| (sum / count) as f32).collect()
}

/// Subtracts `mean` from each of `vectors` (count x dims of `mean`).
pub fn subtract(vectors: &mut [f32], mean: &[f32]) {
    for vector in vectors.chunks_exact_mut(mean.len().max(1)) {
        vector.iter_mut().zip(mean).for_each(|(v, m)| *v -= m);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_minus_their_mean_have_the_mean_zero() {
        let mut vectors = [1.0, 2.0, 3.0, 6.0];
        let of_all = mean(&vectors, 2);
        assert_eq!(of_all, [2.0, 4.0]);
        subtract(&mut vectors, &of_all);
        assert_eq!(vectors, [-1.0, -2.0, 1.0, 2.0]);
        assert_eq!(mean(&[], 2), [0.0, 0.0]);
        assert!(mean(&[], 0).is_empty());
    }
}
