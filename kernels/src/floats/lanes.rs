//! The contract of the vectors.

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

/// Values of one vector.
pub(crate) type Chunk = [f32; LANES];

/// Vector of sixteen f32.
///
/// The methods need the instruction set of the implementation; call them only from functions behind `per_isa`.
pub(crate) trait Floats: Copy {
    fn splat(value: f32) -> Self;
    fn load(values: &Chunk) -> Self;
    fn store(self, out: &mut Chunk);
    fn from_integers(values: &[i32; LANES]) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, fused where that is one instruction.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `other` in lanes where either value is NaN.
    fn min(self, other: Self) -> Self;
    /// `other` in lanes where either value is NaN.
    fn max(self, other: Self) -> Self;
    fn abs(self) -> Self;
    /// Adds the integer in the low bits of `integer` to the exponent of `self`.
    fn add_exponent(self, integer: Self) -> Self;
    /// Stores the lowest byte of the bits of each lane.
    fn store_low_bytes(self, out: &mut [u8; LANES]);

    /// Sum of the lanes: lane i plus lane i + 8, then i + 4, i + 2, i + 1.
    fn sum(self) -> f32;
    fn largest(self) -> f32;
    fn smallest(self) -> f32;

    /// Loads up to sixteen values; the other lanes are 0.
    #[inline(always)]
    fn load_partial(values: &[f32]) -> Self {
        let mut chunk = [0.0; LANES];
        chunk[..values.len()].copy_from_slice(values);
        Self::load(&chunk)
    }

    /// Stores the first `out.len()` lanes.
    #[inline(always)]
    fn store_partial(self, out: &mut [f32]) {
        let mut chunk = [0.0; LANES];
        self.store(&mut chunk);
        out.copy_from_slice(&chunk[..out.len()]);
    }
}

/// `values` as chunks; the length is a multiple of [`LANES`].
#[inline(always)]
pub(crate) fn chunks<T>(values: &[T]) -> &[[T; LANES]] {
    values.as_chunks().0
}

/// As [`chunks`].
#[inline(always)]
pub(crate) fn chunks_mut<T>(values: &mut [T]) -> &mut [[T; LANES]] {
    values.as_chunks_mut().0
}
