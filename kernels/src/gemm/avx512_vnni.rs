use std::arch::x86_64::*;

use super::kernel::{GROUP, Kernel, PanelGroup, for_rows};
use crate::floats::FloatsAvx512;

/// 512-bit VPDPBUSD.
pub(crate) struct Avx512Vnni;

impl Kernel for Avx512Vnni {
    type Floats = FloatsAvx512;

    #[inline(always)]
    unsafe fn tile(
        rows: usize,
        a: &[u8],
        a_stride: usize,
        panel: &[PanelGroup],
        c: &mut [i32],
        c_stride: usize,
    ) {
        let (a, c) = (a.as_ptr(), c.as_mut_ptr());
        // SAFETY: as promised by the caller.
        unsafe {
            for_rows!(rows, tile(a, a_stride, panel, c, c_stride); 1 2 3 4 5 6 7 8 9 10 11 12)
        }
    }
}

/// Accumulators: two registers of 16 columns per row.
///
/// # Safety
/// `a` has `ROWS` rows of `panel.len() * GROUP` bytes; `c` has `ROWS` rows of 32 values.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn tile<const ROWS: usize>(
    a: *const u8,
    a_stride: usize,
    panel: &[PanelGroup],
    c: *mut i32,
    c_stride: usize,
) {
    let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
    let (pairs, last) = panel.as_chunks::<2>();
    for (index, pair) in pairs.iter().enumerate() {
        // SAFETY: the caller promises the bytes of `a`.
        unsafe { accumulate(&mut sums, a.add(2 * index * GROUP), a_stride, pair) };
    }
    if let [group] = last {
        // SAFETY: as above.
        unsafe {
            accumulate(
                &mut sums,
                a.add((panel.len() - 1) * GROUP),
                a_stride,
                &[*group],
            )
        };
    }
    for (row, sum) in sums.iter().enumerate() {
        // SAFETY: the caller promises 32 values per row of `c`.
        unsafe {
            let out = c.add(row * c_stride);
            _mm512_storeu_si512(out.cast(), sum[0]);
            _mm512_storeu_si512(out.add(16).cast(), sum[1]);
        }
    }
}

/// Adds the products of `N` groups. More than one group per row saves address arithmetic.
///
/// # Safety
/// `a` has `ROWS` rows of `N * GROUP` bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn accumulate<const ROWS: usize, const N: usize>(
    sums: &mut [[__m512i; 2]; ROWS],
    a: *const u8,
    a_stride: usize,
    groups: &[PanelGroup; N],
) {
    let weights: [[__m512i; 2]; N] = std::array::from_fn(|n| {
        let group = groups[n].0.as_ptr().cast::<__m512i>();
        // SAFETY: a group has 128 bytes and is aligned to 64.
        unsafe { [_mm512_load_si512(group), _mm512_load_si512(group.add(1))] }
    });
    // Written out: the compiler does not unroll a loop of this size reliably, and `sums` must stay in registers.
    macro_rules! for_each_row {
        ($($row:literal)*) => { $(
            if $row < ROWS {
                for (n, weights) in weights.iter().enumerate() {
                    // SAFETY: the caller promises the bytes.
                    let word = unsafe {
                        a.add($row * a_stride + n * GROUP).cast::<i32>().read_unaligned()
                    };
                    let x = _mm512_set1_epi32(word);
                    sums[$row][0] = _mm512_dpbusd_epi32(sums[$row][0], x, weights[0]);
                    sums[$row][1] = _mm512_dpbusd_epi32(sums[$row][1], x, weights[1]);
                }
            }
        )* };
    }
    for_each_row!(0 1 2 3 4 5 6 7 8 9 10 11);
}
