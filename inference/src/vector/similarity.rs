//! Cosine and distance of two vectors of equal length.

use std::cell::OnceCell;

use super::dot::{dot, dot_and_square, squared_distance};

/// Type of the values of a vector.
pub trait VectorElement: Copy + Into<f64> {
    /// Inner product.
    fn inner_product(a: &[Self], b: &[Self]) -> f64;

    /// Inner products of `a` with `b` and with itself.
    fn inner_products(a: &[Self], b: &[Self]) -> (f64, f64) {
        (Self::inner_product(a, b), Self::inner_product(a, a))
    }

    /// Squared Euclidean distance.
    fn squared_distance(a: &[Self], b: &[Self]) -> f64;
}

impl VectorElement for f32 {
    fn inner_product(a: &[f32], b: &[f32]) -> f64 {
        f64::from(dot(a, b))
    }

    fn inner_products(a: &[f32], b: &[f32]) -> (f64, f64) {
        let (product, square) = dot_and_square(a, b);
        (f64::from(product), f64::from(square))
    }

    fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
        f64::from(squared_distance(a, b))
    }
}

impl VectorElement for f64 {
    fn inner_product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
    }
}

/// A vector that is compared with many others; its inner product with itself is
/// computed once.
pub struct ReferenceVector<'a, T> {
    pub values: &'a [T],
    square: OnceCell<f64>,
}

impl<'a, T: VectorElement> ReferenceVector<'a, T> {
    pub fn new(values: &'a [T]) -> Self {
        Self {
            values,
            square: OnceCell::new(),
        }
    }

    /// Inner product with itself.
    fn square(&self) -> f64 {
        let square = || T::inner_product(self.values, self.values);
        *self.square.get_or_init(square)
    }
}

/// Cosine of the angle between two vectors, -1 to 1; `None` if one has no direction.
pub fn cosine<T: VectorElement>(a: &[T], b: &ReferenceVector<'_, T>) -> Option<f64> {
    let (product, square) = T::inner_products(a, b.values);
    // One square root of the product: a vector's cosine with itself is exactly 1.
    let lengths = (square * b.square()).sqrt();
    // `clamp` leaves NaN unchanged.
    (lengths > 0.0).then(|| (product / lengths).clamp(-1.0, 1.0))
}

/// Euclidean distance.
pub fn distance<T: VectorElement>(a: &[T], b: &[T]) -> f64 {
    T::squared_distance(a, b).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_element_types_match_known_values() {
        fn check<T: VectorElement>(a: &[T], b: &[T], zero: &[T]) {
            assert_eq!(T::inner_product(a, b), 24.0);
            assert_eq!(distance(a, b), 2f64.sqrt());
            let cosine = |a: &[T], b: &[T]| cosine(a, &ReferenceVector::new(b));
            assert!((cosine(a, b).unwrap() - 0.96).abs() < 1e-7);
            assert_eq!(cosine(a, a), Some(1.0));
            assert_eq!(cosine(a, zero), None);
            assert_eq!(cosine(zero, a), None);
        }
        check(&[3f32, 4.0], &[4.0, 3.0], &[0.0, 0.0]);
        check(&[3f64, 4.0], &[4.0, 3.0], &[0.0, 0.0]);
        assert_eq!(cosine(&[f32::NAN], &ReferenceVector::new(&[1.0])), None);
    }
}
