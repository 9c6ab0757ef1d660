use std::arch::x86_64::*;

use super::kernel::{GROUP, Kernel, PanelGroup, for_rows};
use crate::floats::FloatsAvx2;

/// 256-bit VPDPBUSD (CPUs with VNNI and without AVX-512).
pub(crate) struct AvxVnni;

impl Kernel for AvxVnni {
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
            for half in 0..2 {
                // SAFETY: as promised by the caller: `left` rows remain behind `a` and `c`.
                unsafe {
                    for_rows!(count, tile(a, a_stride, panel, half * 16, c.add(half * 16), c_stride); 1 2 3 4 5 6)
                }
            }
            left -= count;
            // Wrapping: the pointers are not used after the last row.
            a = a.wrapping_add(count * a_stride);
            c = c.wrapping_add(count * c_stride);
        }
    }
}

/// Columns `column..column + 16` of the panel: two registers of eight columns per row.
///
/// # Safety
/// `a` has `ROWS` rows of `panel.len() * GROUP` bytes; `c` has `ROWS` rows of 16 values; `column` is 0 or 16.
#[inline(never)]
#[target_feature(enable = "avx2,avxvnni")]
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
        let weights = group.0.as_ptr().wrapping_add(column).cast::<__m256i>();
        // SAFETY: 16 columns of a group are 64 aligned bytes; the caller promises the bytes of `a`.
        unsafe {
            let (w0, w1) = (
                _mm256_load_si256(weights),
                _mm256_load_si256(weights.add(1)),
            );
            for (row, sum) in sums.iter_mut().enumerate() {
                let word = a
                    .add(row * a_stride + index * GROUP)
                    .cast::<i32>()
                    .read_unaligned();
                let x = _mm256_set1_epi32(word);
                sum[0] = _mm256_dpbusd_avx_epi32(sum[0], x, w0);
                sum[1] = _mm256_dpbusd_avx_epi32(sum[1], x, w1);
            }
        }
    }
    for (row, sum) in sums.iter().enumerate() {
        // SAFETY: the caller promises 16 values per row of `c`.
        unsafe {
            let out = c.add(row * c_stride);
            _mm256_storeu_si256(out.cast(), sum[0]);
            _mm256_storeu_si256(out.add(8).cast(), sum[1]);
        }
    }
}
