//! Ridge regression in dual form, for fewer rows than features.

use faer::linalg::solvers::DenseSolveCore;
use faer::{MatRef, Side};

use semql_inference::vector::matrix::{Shape, multiply};

/// Fitted ridge regression with several targets.
pub struct Ridge {
    /// By target: the mean over the rows.
    pub mean: Vec<f32>,
    /// Rows x targets: dual coefficients, the weights of the kernel values of a
    /// prediction.
    pub coefficients: Vec<f32>,
    /// Rows x targets: leave-one-out predictions minus the mean of all rows, in
    /// closed form.
    pub held_out: Vec<f32>,
}

impl Ridge {
    /// Fits `targets` (rows x `columns`) to rows with the inner products `kernel`
    /// (rows x rows) and the penalty `alpha`. `None` if the kernel is not positive
    /// definite.
    pub fn fit(mut kernel: Vec<f32>, targets: &[f32], columns: usize, alpha: f32) -> Option<Self> {
        let rows = targets.len() / columns;
        let mut mean = vec![0f32; columns];
        for target in targets.chunks_exact(columns) {
            mean.iter_mut().zip(target).for_each(|(m, t)| *m += t);
        }
        mean.iter_mut().for_each(|m| *m /= rows as f32);
        let centred: Vec<f32> = targets
            .chunks_exact(columns)
            .flat_map(|target| target.iter().zip(&mean).map(|(t, m)| t - m))
            .collect();
        for row in 0..rows {
            kernel[row * rows + row] += alpha;
        }
        let kernel = MatRef::from_row_major_slice(&kernel, rows, rows);
        let inverse = kernel.llt(Side::Lower).ok()?.inverse();
        // The inverse is symmetric: its columns are its rows.
        let dense: Vec<f32> = (0..rows)
            .flat_map(|column| inverse.col(column).iter().copied())
            .collect();
        let mut coefficients = vec![0.0; rows * columns];
        let shape = Shape {
            rows,
            inner: rows,
            columns,
        };
        multiply(&mut coefficients, &dense, &centred, shape);
        let mut held_out = centred;
        let residuals = coefficients.chunks_exact(columns);
        for (row, (own, residual)) in held_out
            .chunks_exact_mut(columns)
            .zip(residuals)
            .enumerate()
        {
            let weight = 1.0 / dense[row * rows + row];
            own.iter_mut()
                .zip(residual)
                .for_each(|(o, r)| *o -= r * weight);
        }
        let sound = coefficients.iter().all(|c| c.is_finite());
        sound.then_some(Self {
            mean,
            coefficients,
            held_out,
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
        let weighted = rows.iter().zip(&ridge.coefficients);
        ridge.mean[0]
            + weighted
                .map(|(r, c)| (r[0] * at[0] + r[1] * at[1]) * c)
                .sum::<f32>()
    }

    #[test]
    fn a_small_penalty_fits_and_a_large_one_predicts_the_mean() {
        let fit = |alpha| Ridge::fit(kernel(&ROWS), &TARGETS, 1, alpha).unwrap();
        let error = |ridge: &Ridge| -> f32 {
            let pairs = ROWS.iter().zip(TARGETS);
            pairs
                .map(|(row, t)| (predict(&ROWS, ridge, *row) - t).powi(2))
                .sum()
        };
        assert!(error(&fit(0.01)) < error(&fit(1.0)));
        assert!((predict(&ROWS, &fit(1e6), [1.0, 0.0]) - fit(1e6).mean[0]).abs() < 1e-3);
    }

    #[test]
    fn held_out_predictions_equal_fits_without_the_row() {
        // With the mean of all rows, like the closed form.
        let ridge = Ridge::fit(kernel(&ROWS), &TARGETS, 1, 0.3).unwrap();
        for (out, held) in ROWS.iter().enumerate() {
            let others: Vec<usize> = (0..ROWS.len()).filter(|i| *i != out).collect();
            let rows: Vec<[f32; 2]> = others.iter().map(|i| ROWS[*i]).collect();
            // Targets minus the mean of all rows, without further centring.
            let centred: Vec<f64> = others
                .iter()
                .map(|i| f64::from(TARGETS[*i] - ridge.mean[0]))
                .collect();
            let solved = solve(&kernel(&rows), &centred, 0.3);
            let expected: f64 = rows
                .iter()
                .zip(solved)
                .map(|(r, c)| f64::from(r[0] * held[0] + r[1] * held[1]) * c)
                .sum();
            let shortcut = f64::from(ridge.held_out[out]);
            assert!((shortcut - expected).abs() < 1e-4, "{shortcut} {expected}");
        }
    }

    /// Gauss-Jordan on `kernel + alpha`.
    fn solve(kernel: &[f32], targets: &[f64], alpha: f64) -> Vec<f64> {
        let n = targets.len();
        let mut rows: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let mut row: Vec<f64> = (0..n).map(|j| f64::from(kernel[i * n + j])).collect();
                row[i] += alpha;
                row.push(targets[i]);
                row
            })
            .collect();
        for pivot in 0..n {
            let own = rows[pivot].clone();
            for (i, row) in rows.iter_mut().enumerate() {
                let factor = if i == pivot {
                    1.0 - 1.0 / own[pivot]
                } else {
                    row[pivot] / own[pivot]
                };
                row.iter_mut().zip(&own).for_each(|(v, o)| *v -= factor * o);
            }
        }
        rows.iter().map(|row| row[n]).collect()
    }
}
