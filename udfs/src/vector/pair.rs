//! How two vectors of equal length compare.

use super::dot;

/// A type of the values of vectors.
pub trait Number: Copy + Into<f64> {
    /// The inner product.
    fn inner_product(a: &[Self], b: &[Self]) -> f64;

    /// The square of the Euclidean distance.
    fn squared_distance(a: &[Self], b: &[Self]) -> f64;
}

impl Number for f32 {
    fn inner_product(a: &[f32], b: &[f32]) -> f64 {
        f64::from(dot(a, b))
    }

    fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
        f64::from(super::dot::squared_distance(a, b))
    }
}

impl Number for f64 {
    fn inner_product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
    }
}

/// The cosine of the angle between two vectors, -1 to 1; `None` where one has
/// no direction.
pub fn cosine<T: Number>(a: &[T], b: &[T]) -> Option<f64> {
    // So that a vector's cosine with itself is 1.
    let lengths = (T::inner_product(a, a) * T::inner_product(b, b)).sqrt();
    let cosine = T::inner_product(a, b) / lengths;
    // Of NaN there is no clamp, and none is wanted.
    (lengths > 0.0).then(|| cosine.clamp(-1.0, 1.0))
}

/// The Euclidean distance.
pub fn distance<T: Number>(a: &[T], b: &[T]) -> f64 {
    T::squared_distance(a, b).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_widths_give_the_figures_of_paper_and_pencil() {
        fn check<T: Number>(a: &[T], b: &[T], zero: &[T]) {
            assert_eq!(T::inner_product(a, b), 24.0);
            assert_eq!(distance(a, b), 2f64.sqrt());
            assert!((cosine(a, b).unwrap() - 0.96).abs() < 1e-7);
            assert_eq!(cosine(a, zero), None);
        }
        check(&[3f32, 4.0], &[4.0, 3.0], &[0.0, 0.0]);
        check(&[3f64, 4.0], &[4.0, 3.0], &[0.0, 0.0]);
        assert_eq!(cosine(&[f32::NAN], &[1.0]), None);
    }
}
