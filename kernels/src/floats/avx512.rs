// SAFETY of all blocks: values of this type are made only behind `per_isa`, which checked for AVX-512.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::x86_64::*;

use super::avx2::FloatsAvx2;
use super::lanes::{Chunk, Floats, LANES};

/// One 512-bit register.
#[derive(Clone, Copy)]
pub(crate) struct FloatsAvx512(__m512);

impl FloatsAvx512 {
    /// Lower and upper half.
    #[inline(always)]
    fn halves(self) -> FloatsAvx2 {
        unsafe {
            FloatsAvx2([
                _mm512_castps512_ps256(self.0),
                _mm512_extractf32x8_ps::<1>(self.0),
            ])
        }
    }
}

impl Floats for FloatsAvx512 {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(values: &Chunk) -> Self {
        unsafe { Self(_mm512_loadu_ps(values.as_ptr())) }
    }

    #[inline(always)]
    fn store(self, out: &mut Chunk) {
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn from_integers(values: &[i32; LANES]) -> Self {
        unsafe {
            Self(_mm512_cvtepi32_ps(_mm512_loadu_si512(
                values.as_ptr().cast(),
            )))
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        unsafe { Self(_mm512_min_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe { Self(_mm512_max_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        unsafe { Self(_mm512_abs_ps(self.0)) }
    }

    #[inline(always)]
    fn add_exponent(self, integer: Self) -> Self {
        unsafe {
            let shifted = _mm512_slli_epi32::<23>(_mm512_castps_si512(integer.0));
            Self(_mm512_castsi512_ps(_mm512_add_epi32(
                _mm512_castps_si512(self.0),
                shifted,
            )))
        }
    }

    #[inline(always)]
    fn store_low_bytes(self, out: &mut [u8; LANES]) {
        unsafe {
            // The lowest bytes of four lanes each; then the four results side by side.
            let lowest = _mm512_set4_epi32(-1, -1, -1, 0x0C08_0400);
            let words = _mm512_shuffle_epi8(_mm512_castps_si512(self.0), lowest);
            let order = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            let bytes = _mm512_permutexvar_epi32(order, words);
            _mm_storeu_si128(out.as_mut_ptr().cast(), _mm512_castsi512_si128(bytes));
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.halves().sum()
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.halves().largest()
    }

    #[inline(always)]
    fn smallest(self) -> f32 {
        self.halves().smallest()
    }
}
