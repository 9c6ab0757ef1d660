//! How two vectors of equal length compare.

use std::cell::OnceCell;

use super::dot::{dot, dot_and_square, squared_distance};

/// A type of the values of vectors.
pub trait Number: Copy + Into<f64> {
    /// The inner product.
    fn inner_product(a: &[Self], b: &[Self]) -> f64;

    /// The inner products of `a` with `b` and with itself.
    fn inner_products(a: &[Self], b: &[Self]) -> (f64, f64) {
        (Self::inner_product(a, b), Self::inner_product(a, a))
    }

    /// The square of the Euclidean distance.
    fn squared_distance(a: &[Self], b: &[Self]) -> f64;
}

impl Number for f32 {
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

impl Number for f64 {
    fn inner_product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
    }
}

/// A vector with which others are compared: what has to be known of it beside
/// its values is worked out once.
pub struct Reference<'a, T> {
    pub values: &'a [T],
    square: OnceCell<f64>,
}

impl<'a, T: Number> Reference<'a, T> {
    pub fn new(values: &'a [T]) -> Self {
        Self {
            values,
            square: OnceCell::new(),
        }
    }

    /// The inner product with itself.
    fn square(&self) -> f64 {
        let square = || T::inner_product(self.values, self.values);
        *self.square.get_or_init(square)
    }
}

/// The cosine of the angle between two vectors, -1 to 1; `None` where one has
/// no direction.
pub fn cosine<T: Number>(a: &[T], b: &Reference<'_, T>) -> Option<f64> {
    let (product, square) = T::inner_products(a, b.values);
    // So that a vector's cosine with itself is 1.
    let lengths = (square * b.square()).sqrt();
    // Of NaN there is no clamp, and none is wanted.
    (lengths > 0.0).then(|| (product / lengths).clamp(-1.0, 1.0))
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
            let cosine = |a: &[T], b: &[T]| cosine(a, &Reference::new(b));
            assert!((cosine(a, b).unwrap() - 0.96).abs() < 1e-7);
            assert_eq!(cosine(a, a), Some(1.0));
            assert_eq!(cosine(a, zero), None);
            assert_eq!(cosine(zero, a), None);
        }
        check(&[3f32, 4.0], &[4.0, 3.0], &[0.0, 0.0]);
        check(&[3f64, 4.0], &[4.0, 3.0], &[0.0, 0.0]);
        assert_eq!(cosine(&[f32::NAN], &Reference::new(&[1.0])), None);
    }
}
