//! Ridge regression in dual form, for fewer rows than features.

use faer::linalg::solvers::Solve;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, MatRef, Par, Side};

/// Fitted ridge regression with several targets.
pub struct Ridge {
    /// Rows x targets: dual coefficients, the weights of the kernel values of a
    /// prediction.
    pub coefficients: Vec<f32>,
    /// Held-out rows x targets: leave-one-out predictions, in closed form.
    pub held_out: Vec<f32>,
}

impl Ridge {
    /// Fits `targets` (rows x `columns`) to rows with the inner products `kernel`
    /// (rows x rows, of which the lower triangle counts) and the `penalties` by row. The
    /// last `held_out` rows are predicted from all others. `None` if the kernel is not
    /// positive definite.
    pub fn fit(
        mut kernel: Vec<f32>,
        penalties: &[f32],
        targets: &[f32],
        columns: usize,
        held_out: usize,
    ) -> Option<Self> {
        let rows = penalties.len();
        for (row, penalty) in penalties.iter().enumerate() {
            kernel[row * rows + row] += penalty;
        }
        let kernel = MatRef::from_row_major_slice(&kernel, rows, rows);
        let factor = kernel.llt(Side::Lower).ok()?;
        let solved = factor.solve(MatRef::from_row_major_slice(targets, rows, columns));
        let coefficients: Vec<f32> = (0..rows)
            .flat_map(|row| solved.row(row).iter().copied())
            .collect();
        if !coefficients.iter().all(|c| c.is_finite()) {
            return None;
        }

        // The end of the inverse's diagonal depends on the end of the factor only.
        let first = rows - held_out;
        let end = factor.L().submatrix(first, first, held_out, held_out);
        let mut inverse = Mat::<f32>::identity(held_out, held_out);
        solve_lower_triangular_in_place(end, inverse.as_mut(), Par::Seq);
        let mut predictions = targets[first * columns..].to_vec();
        let residuals = coefficients[first * columns..].chunks_exact(columns);
        for (at, (own, residual)) in predictions
            .chunks_exact_mut(columns)
            .zip(residuals)
            .enumerate()
        {
            let diagonal: f32 = inverse.col(at).iter().map(|v| v * v).sum();
            own.iter_mut()
                .zip(residual)
                .for_each(|(o, r)| *o -= r / diagonal);
        }
        Some(Self {
            coefficients,
            held_out: predictions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [[f32; 2]; 4] = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, -1.0]];
    const TARGETS: [f32; 4] = [2.0, -1.0, 1.5, 3.0];

    fn kernel(rows: &[[f32; 2]]) -> Vec<f32> {
        let product = |a: &[f32; 2], b: &[f32; 2]| a[0] * b[0] + a[1] * b[1];
        rows.iter()
            .flat_map(|a| rows.iter().map(move |b| product(a, b)))
            .collect()
    }

    fn predict(rows: &[[f32; 2]], ridge: &Ridge, at: [f32; 2]) -> f32 {
        rows.iter()
            .zip(&ridge.coefficients)
            .map(|(r, c)| (r[0] * at[0] + r[1] * at[1]) * c)
            .sum()
    }

    #[test]
    fn a_small_penalty_fits_and_a_large_one_predicts_zero() {
        let fit = |alpha| Ridge::fit(kernel(&ROWS), &[alpha; 4], &TARGETS, 1, 0).unwrap();
        let error = |ridge: &Ridge| -> f32 {
            let pairs = ROWS.iter().zip(TARGETS);
            pairs
                .map(|(row, t)| (predict(&ROWS, ridge, *row) - t).powi(2))
                .sum()
        };
        assert!(error(&fit(0.01)) < error(&fit(1.0)));
        assert!(predict(&ROWS, &fit(1e6), [1.0, 0.0]).abs() < 1e-3);
    }

    #[test]
    fn a_row_with_a_larger_penalty_counts_less() {
        let error_of_last = |penalty| {
            let penalties = [0.1, 0.1, 0.1, penalty];
            let ridge = Ridge::fit(kernel(&ROWS), &penalties, &TARGETS, 1, 0).unwrap();
            (predict(&ROWS, &ridge, ROWS[3]) - TARGETS[3]).abs()
        };
        assert!(error_of_last(0.1) < error_of_last(10.0));
    }

    #[test]
    fn held_out_predictions_equal_fits_without_the_row() {
        let penalties = [0.5, 0.25, 0.3, 0.4];
        let ridge = Ridge::fit(kernel(&ROWS), &penalties, &TARGETS, 1, 2).unwrap();
        for left_out in [2, 3] {
            let without = |at: &usize| *at != left_out;
            let rows: Vec<[f32; 2]> = (0..4).filter(without).map(|at| ROWS[at]).collect();
            let targets: Vec<f32> = (0..4).filter(without).map(|at| TARGETS[at]).collect();
            let others: Vec<f32> = (0..4).filter(without).map(|at| penalties[at]).collect();
            let other = Ridge::fit(kernel(&rows), &others, &targets, 1, 0).unwrap();
            let expected = predict(&rows, &other, ROWS[left_out]);
            let found = ridge.held_out[left_out - 2];
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn an_indefinite_kernel_is_an_error() {
        let indefinite = vec![0.0, 2.0, 2.0, 0.0];
        assert!(Ridge::fit(indefinite, &[0.1; 2], &[1.0, 1.0], 1, 0).is_none());
    }
}
