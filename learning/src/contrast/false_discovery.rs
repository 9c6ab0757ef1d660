//! The Benjamini-Yekutieli procedure: q-values of many tests.

/// Natural logarithms of the q-values of the smallest p-values of `tests` tests, given
/// their natural logarithms in ascending order.
///
/// Rejecting all tests with a q-value of at most `q` keeps the expected share of false
/// rejections at `q` or below, however the tests depend on each other. P-values that are
/// left out must exceed the wanted `q`.
///
/// Y. Benjamini, D. Yekutieli, "The control of the false discovery rate in multiple
/// testing under dependency", Annals of Statistics 29 (2001).
pub fn ln_q_values(ln_p_values: &[f64], tests: u64) -> Vec<f64> {
    debug_assert!(ln_p_values.is_sorted());
    let penalty = (tests as f64).ln() + harmonic_number(tests).ln();
    let mut least = 0.0_f64;
    let mut ln_q_values: Vec<f64> = ln_p_values
        .iter()
        .enumerate()
        .rev()
        .map(|(position, ln_p_value)| {
            let rank = (position + 1) as f64;
            least = least.min(ln_p_value + penalty - rank.ln());
            least
        })
        .collect();
    ln_q_values.reverse();
    ln_q_values
}

/// Sum of `1 / i` for `i` from 1 to `n`; 1 for 0.
fn harmonic_number(n: u64) -> f64 {
    const EXACT: u64 = 1_000;
    const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;
    if n <= EXACT {
        let sum: f64 = (1..=n).map(|i| 1.0 / i as f64).sum();
        return sum.max(1.0);
    }
    let n = n as f64;
    n.ln() + EULER_MASCHERONI + 1.0 / (2.0 * n) - 1.0 / (12.0 * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.false_discovery_control(p, method='by')` of SciPy 1.17.1.
    #[test]
    fn q_values_equal_those_of_scipy() {
        let p_values: [f64; 8] = [1e-9, 0.0001, 0.0002, 0.004, 0.004, 0.03, 0.5, 0.9];
        let golden = [
            2.174285714285714e-08,
            0.001087142857142857,
            0.0014495238095238094,
            0.017394285714285713,
            0.017394285714285713,
            0.10871428571428568,
            1.0,
            1.0,
        ];
        let ln_p_values = p_values.map(f64::ln);
        for (ln_q_value, expected) in ln_q_values(&ln_p_values, 8).iter().zip(golden) {
            assert!((ln_q_value.exp() - expected).abs() < 1e-12);
        }
        // Tests with large p-values count, and need not be given.
        let small = ln_q_values(&ln_p_values[..3], 8);
        assert!((small[2].exp() - golden[2]).abs() < 1e-12);
    }

    #[test]
    fn harmonic_numbers_are_continuous() {
        let exact: f64 = (1..=1_001).map(|i| 1.0 / f64::from(i)).sum();
        assert!((harmonic_number(1_001) - exact).abs() < 1e-12);
        assert_eq!(harmonic_number(0), 1.0);
        assert!(ln_q_values(&[], 0).is_empty());
    }
}
