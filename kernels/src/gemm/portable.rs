use super::kernel::{GROUP, Kernel, PANEL, PanelGroup};
use crate::floats::FloatsPortable;

/// Plain Rust, for CPUs without a kernel of their instruction set.
pub(crate) struct Portable;

impl Kernel for Portable {
    type Floats = FloatsPortable;

    #[inline(always)]
    unsafe fn tile(
        rows: usize,
        a: &[u8],
        a_stride: usize,
        panel: &[PanelGroup],
        c: &mut [i32],
        c_stride: usize,
    ) {
        for row in 0..rows {
            let a = &a[row * a_stride..][..panel.len() * GROUP];
            let mut sums = [0i32; PANEL];
            for (x, group) in a.as_chunks::<GROUP>().0.iter().zip(panel) {
                let x = x.map(i32::from);
                for (sum, w) in sums.iter_mut().zip(&group.0) {
                    let w = w.map(i32::from);
                    *sum += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
                }
            }
            c[row * c_stride..][..PANEL].copy_from_slice(&sums);
        }
    }
}
