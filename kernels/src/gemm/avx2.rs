use std::arch::x86_64::*;

use super::kernel::{GROUP, Kernel, PANEL, PanelGroup, for_rows};
use crate::floats::FloatsAvx2;

/// AVX2: widens bytes to 16 bits, so that no sum saturates.
pub(crate) struct Avx2;

impl Kernel for Avx2 {
    type Floats = FloatsAvx2;

    #[inline(always)]
    unsafe fn tile(
        rows: usize,
        a: &[u8],
        a_stride: usize,
        panel: &[PanelGroup],
        c: &mut [i32],
        c_stride: usize,
    ) {
        let (mut a, mut c, mut left) = (a.as_ptr(), c.as_mut_ptr(), rows);
        while left > 0 {
            let count = left.min(6);
            for column in (0..PANEL).step_by(8) {
                // SAFETY: as promised by the caller: `left` rows remain behind `a` and `c`.
                unsafe {
                    for_rows!(count, tile(a, a_stride, panel, column, c.add(column), c_stride); 1 2 3 4 5 6)
                }
            }
            left -= count;
            // Wrapping: the pointers are not used after the last row.
            a = a.wrapping_add(count * a_stride);
            c = c.wrapping_add(count * c_stride);
        }
    }
}

/// Columns `column..column + 8` of the panel: two registers of four columns per row, each column as two partial sums.
///
/// # Safety
/// `a` has `ROWS` rows of `panel.len() * GROUP` bytes; `c` has `ROWS` rows of 8 values; `column + 8` is at most 32.
#[inline(never)]
#[target_feature(enable = "avx2")]
unsafe fn tile<const ROWS: usize>(
    a: *const u8,
    a_stride: usize,
    panel: &[PanelGroup],
    column: usize,
    c: *mut i32,
    c_stride: usize,
) {
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    for (index, group) in panel.iter().enumerate() {
        let weights = group.0.as_ptr().wrapping_add(column).cast::<__m128i>();
        // SAFETY: 8 columns of a group are 32 aligned bytes; the caller promises the bytes of `a`.
        unsafe {
            let w0 = _mm256_cvtepi8_epi16(_mm_load_si128(weights));
            let w1 = _mm256_cvtepi8_epi16(_mm_load_si128(weights.add(1)));
            for (row, sum) in sums.iter_mut().enumerate() {
                let word = a
                    .add(row * a_stride + index * GROUP)
                    .cast::<i32>()
                    .read_unaligned();
                let x = _mm256_cvtepu8_epi16(_mm_set1_epi32(word));
                sum[0] = _mm256_add_epi32(sum[0], _mm256_madd_epi16(x, w0));
                sum[1] = _mm256_add_epi32(sum[1], _mm256_madd_epi16(x, w1));
            }
        }
    }
    for (row, sum) in sums.iter().enumerate() {
        // Adds neighbours; the 128-bit lanes come out as columns 0 1 4 5 | 2 3 6 7.
        let pairs = _mm256_hadd_epi32(sum[0], sum[1]);
        let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
        // SAFETY: the caller promises 8 values per row of `c`.
        unsafe { _mm256_storeu_si256(c.add(row * c_stride).cast(), ordered) }
    }
}
