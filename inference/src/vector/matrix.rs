//! Products of row-major matrices in slices.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Rows, inner dimension and columns of a product.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub rows: usize,
    pub inner: usize,
    pub columns: usize,
}

/// `out = a b`: `a` is rows x inner, `b` is inner x columns.
pub fn multiply(out: &mut [f32], a: &[f32], b: &[f32], shape: Shape) {
    product(
        out,
        row_major(a, shape.rows),
        row_major(b, shape.inner),
        Accum::Replace,
    );
}

/// `out += a b`, shaped as in [`multiply`].
pub fn multiply_add(out: &mut [f32], a: &[f32], b: &[f32], shape: Shape) {
    product(
        out,
        row_major(a, shape.rows),
        row_major(b, shape.inner),
        Accum::Add,
    );
}

/// `out = a bᵀ`: `a` is rows x inner, `b` is columns x inner.
pub fn multiply_transposed(out: &mut [f32], a: &[f32], b: &[f32], shape: Shape) {
    let b = row_major(b, shape.columns).transpose();
    product(out, row_major(a, shape.rows), b, Accum::Replace);
}

/// `out = aᵀ b`: `a` is inner x rows, `b` is inner x columns.
pub fn transposed_multiply(out: &mut [f32], a: &[f32], b: &[f32], shape: Shape) {
    let a = row_major(a, shape.inner).transpose();
    product(out, a, row_major(b, shape.inner), Accum::Replace);
}

/// `out = lᵀ r`: `l` and `r` are the columns `left` and `right` of a matrix of
/// `columns` columns.
pub fn column_products(
    out: &mut [f32],
    matrix: &[f32],
    columns: usize,
    left: Range<usize>,
    right: Range<usize>,
) {
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    let slice = |range: Range<usize>| row_major(matrix, rows).subcols(range.start, range.len());
    product(out, slice(left).transpose(), slice(right), Accum::Replace);
}

/// A slice as a matrix of `rows` rows.
fn row_major(values: &[f32], rows: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(values, rows, values.len().checked_div(rows).unwrap_or(0))
}

fn product(out: &mut [f32], a: MatRef<'_, f32>, b: MatRef<'_, f32>, accumulate: Accum) {
    if a.nrows() == 0 || b.ncols() == 0 || a.ncols() == 0 {
        return empty_product(out, accumulate);
    }
    let out = MatMut::from_row_major_slice_mut(out, a.nrows(), b.ncols());
    matmul(out, accumulate, a, b, 1.0, Par::Seq);
}

/// Product without an inner dimension or without values.
fn empty_product(out: &mut [f32], accumulate: Accum) {
    if matches!(accumulate, Accum::Replace) {
        out.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        rows: 2,
        inner: 3,
        columns: 2,
    };

    #[test]
    fn products_match_known_values() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let b_transposed = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0];
        let a_transposed = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let expected = [4.0, 5.0, 10.0, 11.0];
        let mut out = [1.0; 4];
        multiply(&mut out, &a, &b, SHAPE);
        assert_eq!(out, expected);
        multiply_transposed(&mut out, &a, &b_transposed, SHAPE);
        assert_eq!(out, expected);
        transposed_multiply(&mut out, &a_transposed, &b, SHAPE);
        assert_eq!(out, expected);
        // The columns of both matrices, side by side.
        let both = [1.0, 4.0, 1.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0, 1.0, 1.0];
        column_products(&mut out, &both, 4, 0..2, 2..4);
        assert_eq!(out, expected);
        multiply_add(&mut out, &a, &b, SHAPE);
        multiply_add(&mut out, &a, &b, SHAPE);
        assert_eq!(out, expected.map(|v| 3.0 * v));
    }

    #[test]
    fn empty_products_are_zero() {
        let no_rows = Shape { rows: 0, ..SHAPE };
        multiply(&mut [], &[], &[0.0; 6], no_rows);
        let mut out = [1.0; 4];
        let no_inner = Shape { inner: 0, ..SHAPE };
        multiply_add(&mut out, &[], &[], no_inner);
        assert_eq!(out, [1.0; 4]);
        multiply(&mut out, &[], &[], no_inner);
        assert_eq!(out, [0.0; 4]);
    }
}
