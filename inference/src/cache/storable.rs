//! Check of vectors before they are stored and after they are read.

/// Whether `vector` is a possible output of a model of `dims` numbers.
pub(super) fn is_storable(vector: &[f32], dims: usize) -> bool {
    dims > 0 && vector.len() == dims && vector.iter().all(|number| number.is_finite())
}
