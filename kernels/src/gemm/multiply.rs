//! Product of rows with all panels, in the instruction set of the machine.

use super::kernel::{Kernel, PANEL, PanelGroup, multiply_panel};
use crate::isa::per_isa;

#[inline(always)]
fn multiply_generic<K: Kernel>(
    rows: usize,
    a: &[u8],
    a_stride: usize,
    panels: &[PanelGroup],
    groups: usize,
    c: &mut [i32],
    c_stride: usize,
) {
    for (index, panel) in panels.chunks_exact(groups).enumerate() {
        multiply_panel::<K>(rows, a, a_stride, panel, &mut c[index * PANEL..], c_stride);
    }
}

per_isa! {
    /// Multiplies `rows` rows of `a` with all panels of `groups` groups each; row i of the result starts at `i * c_stride` of `c`.
    pub(crate) fn multiply(
        rows: usize,
        a: &[u8],
        a_stride: usize,
        panels: &[PanelGroup],
        groups: usize,
        c: &mut [i32],
        c_stride: usize,
    ) = multiply_generic
}
