// SAFETY of all blocks: values of this type are made only behind `per_isa`, which checked for AVX2 and FMA.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::x86_64::*;

use super::lanes::{Chunk, Floats, LANES};

/// Two 256-bit registers.
#[derive(Clone, Copy)]
pub(crate) struct FloatsAvx2(pub(super) [__m256; 2]);

// Macros, because a closure that the compiler does not inline loses the target features of its caller.

/// Applies a binary intrinsic to both registers.
macro_rules! zip {
    ($function:ident, $a:expr, $b:expr) => {
        unsafe { Self([$function($a.0[0], $b.0[0]), $function($a.0[1], $b.0[1])]) }
    };
}

/// Folds the lanes pairwise: lane i with lane i + 8, then i + 4, i + 2, i + 1.
macro_rules! fold {
    ($function:ident, $value:expr) => {
        unsafe {
            let [a, b] = $value.0;
            let low = $function(_mm256_castps256_ps128(a), _mm256_castps256_ps128(b));
            let high = $function(_mm256_extractf128_ps::<1>(a), _mm256_extractf128_ps::<1>(b));
            let four = $function(low, high);
            let two = $function(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32($function(two, _mm_shuffle_ps::<1>(two, two)))
        }
    };
}

impl Floats for FloatsAvx2 {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        unsafe { Self([_mm256_set1_ps(value); 2]) }
    }

    #[inline(always)]
    fn load(values: &Chunk) -> Self {
        unsafe {
            Self([
                _mm256_loadu_ps(values.as_ptr()),
                _mm256_loadu_ps(values.as_ptr().add(8)),
            ])
        }
    }

    #[inline(always)]
    fn store(self, out: &mut Chunk) {
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), self.0[0]);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), self.0[1]);
        }
    }

    #[inline(always)]
    fn from_integers(values: &[i32; LANES]) -> Self {
        unsafe {
            let values = values.as_ptr().cast::<__m256i>();
            let (low, high) = (
                _mm256_loadu_si256(values),
                _mm256_loadu_si256(values.add(1)),
            );
            Self([_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)])
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        zip!(_mm256_add_ps, self, other)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        zip!(_mm256_sub_ps, self, other)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        zip!(_mm256_mul_ps, self, other)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let ([a0, a1], [b0, b1], [c0, c1]) = (self.0, factor.0, addend.0);
        unsafe { Self([_mm256_fmadd_ps(a0, b0, c0), _mm256_fmadd_ps(a1, b1, c1)]) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        zip!(_mm256_min_ps, self, other)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        zip!(_mm256_max_ps, self, other)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            Self([
                _mm256_andnot_ps(sign, self.0[0]),
                _mm256_andnot_ps(sign, self.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn add_exponent(self, integer: Self) -> Self {
        unsafe {
            let low = _mm256_slli_epi32::<23>(_mm256_castps_si256(integer.0[0]));
            let high = _mm256_slli_epi32::<23>(_mm256_castps_si256(integer.0[1]));
            Self([
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0[0]), low)),
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0[1]), high)),
            ])
        }
    }

    #[inline(always)]
    fn store_low_bytes(self, out: &mut [u8; LANES]) {
        unsafe {
            let lowest = _mm256_set1_epi32(0xFF);
            let low = _mm256_and_si256(_mm256_castps_si256(self.0[0]), lowest);
            let high = _mm256_and_si256(_mm256_castps_si256(self.0[1]), lowest);
            // The pack works within 128-bit lanes; the permutation restores the order.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(low, high));
            let bytes = _mm_packus_epi16(
                _mm256_castsi256_si128(words),
                _mm256_extracti128_si256::<1>(words),
            );
            _mm_storeu_si128(out.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        fold!(_mm_add_ps, self)
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        fold!(_mm_max_ps, self)
    }

    #[inline(always)]
    fn smallest(self) -> f32 {
        fold!(_mm_min_ps, self)
    }
}
