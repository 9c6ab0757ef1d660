//! The contract of the micro-kernels, and the product of rows with one panel.

use crate::floats::Floats;

/// Columns of a panel.
pub(crate) const PANEL: usize = 32;
/// Consecutive inputs that one instruction multiplies and adds.
pub(crate) const GROUP: usize = 4;
/// Most rows of a tile.
pub(crate) const TILE_ROWS: usize = 12;

/// Four consecutive inputs of the 32 columns of a panel. A panel is a slice of groups.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct PanelGroup(pub [[i8; GROUP]; PANEL]);

impl PanelGroup {
    pub const ZERO: Self = Self([[0; GROUP]; PANEL]);
}

/// Micro-kernels of one instruction set.
pub(crate) trait Kernel {
    /// Vectors of the element-wise parts.
    type Floats: Floats;

    /// Multiplies `rows` (1 to [`TILE_ROWS`]) rows of `a` with one panel and overwrites `c`.
    ///
    /// Row i of `a` starts at `i * a_stride` and has `panel.len() * GROUP` values.
    /// Row i of `c` starts at `i * c_stride` and has `PANEL` values.
    ///
    /// # Safety
    /// The machine supports the instruction set. All rows lie inside `a` and `c`.
    unsafe fn tile(
        rows: usize,
        a: &[u8],
        a_stride: usize,
        panel: &[PanelGroup],
        c: &mut [i32],
        c_stride: usize,
    );
}

/// Multiplies `rows` rows of `a` with one panel, in tiles of at most [`TILE_ROWS`] rows.
#[inline(always)]
pub(crate) fn multiply_panel<K: Kernel>(
    rows: usize,
    a: &[u8],
    a_stride: usize,
    panel: &[PanelGroup],
    c: &mut [i32],
    c_stride: usize,
) {
    if rows == 0 {
        return;
    }
    assert!((rows - 1) * a_stride + panel.len() * GROUP <= a.len());
    assert!((rows - 1) * c_stride + PANEL <= c.len());
    let mut row = 0;
    while row < rows {
        let count = (rows - row).min(TILE_ROWS);
        // SAFETY: `K` is only instantiated behind `per_isa`; the assertions above hold for all rows.
        unsafe {
            K::tile(
                count,
                &a[row * a_stride..],
                a_stride,
                panel,
                &mut c[row * c_stride..],
                c_stride,
            )
        };
        row += count;
    }
}

/// Expands to a call of `$tile::<rows>`.
macro_rules! for_rows {
    ($rows:expr, $tile:ident $arguments:tt; $($n:literal)*) => {
        match $rows {
            $($n => $tile::<$n> $arguments,)*
            _ => unreachable!("a tile has 1 to {} rows", $crate::gemm::TILE_ROWS),
        }
    };
}
pub(crate) use for_rows;
