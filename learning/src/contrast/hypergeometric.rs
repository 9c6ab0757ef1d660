//! Fisher's exact test of one term in one group.

use std::f64::consts::PI;

/// Numbers of texts of a group and of all groups, with a term and in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermCounts {
    /// Texts of the group with the term.
    pub with_term: u64,
    /// Texts of the group.
    pub texts: u64,
    /// Texts of all groups with the term.
    pub all_with_term: u64,
    /// Texts of all groups.
    pub all_texts: u64,
}

impl TermCounts {
    /// Whether the term has a larger share in the group than in all texts.
    pub fn is_frequent_in_group(&self) -> bool {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        product(self.with_term, self.all_texts) > product(self.all_with_term, self.texts)
    }

    /// Natural logarithm of the one-sided p-value: the probability of `with_term` texts or
    /// more, if the texts of the group were drawn at random from all texts. Requires that
    /// no count exceeds its total.
    pub fn ln_p_value(&self) -> f64 {
        let least = (self.texts + self.all_with_term).saturating_sub(self.all_texts);
        if self.with_term <= least {
            return 0.0;
        }
        if self.is_frequent_in_group() {
            let first = self.ln_probability(self.with_term);
            return (first + self.sum_upwards().ln()).min(0.0);
        }
        let below = Self {
            with_term: self.with_term - 1,
            ..*self
        };
        let lower_tail = below.ln_probability(below.with_term).exp() * below.sum_downwards(least);
        (-lower_tail.min(1.0)).ln_1p()
    }

    /// The smallest possible [`TermCounts::ln_p_value`] of a group and a term with these
    /// totals.
    pub fn best_ln_p_value(&self) -> f64 {
        let best = Self {
            with_term: self.all_with_term.min(self.texts),
            ..*self
        };
        best.ln_p_value()
    }

    /// Share of the term in the group, divided by its share in the other texts. Half a
    /// text is added to each count with the term and to each without, so that the ratio is
    /// finite.
    pub fn smoothed_ratio(&self) -> f64 {
        let share = |with_term: u64, texts: u64| (with_term as f64 + 0.5) / (texts as f64 + 1.0);
        let others = share(
            self.all_with_term - self.with_term,
            self.all_texts - self.texts,
        );
        share(self.with_term, self.texts) / others
    }

    /// Logarithm of the hypergeometric probability of `with_term` texts.
    fn ln_probability(&self, with_term: u64) -> f64 {
        let without_term = self.all_texts - self.all_with_term;
        ln_binomial(self.all_with_term, with_term)
            + ln_binomial(without_term, self.texts - with_term)
            - ln_binomial(self.all_texts, self.texts)
    }

    /// Sum of the probabilities from `with_term` up, divided by the first.
    fn sum_upwards(&self) -> f64 {
        let most = self.all_with_term.min(self.texts);
        let without_term = self.all_texts - self.all_with_term;
        let (mut sum, mut term) = (1.0, 1.0);
        for count in self.with_term..most {
            let other = self.texts - count;
            term *= (self.all_with_term - count) as f64 * other as f64
                / ((count + 1) as f64 * (without_term + count + 1 - self.texts) as f64);
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        sum
    }

    /// Sum of the probabilities from `with_term` down to `least`, divided by the first.
    fn sum_downwards(&self, least: u64) -> f64 {
        let without_term = self.all_texts - self.all_with_term;
        let (mut sum, mut term) = (1.0, 1.0);
        for count in (least + 1..=self.with_term).rev() {
            let other = self.texts - count;
            term *= count as f64 * (without_term - other) as f64
                / ((self.all_with_term + 1 - count) as f64 * (other + 1) as f64);
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        sum
    }
}

/// Logarithm of the number of ways to choose `k` of `n`.
fn ln_binomial(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return ((2..=n).product::<u64>() as f64).ln();
    }
    // Stirling's series.
    let n = n as f64;
    let inverse = 1.0 / n;
    let square = inverse * inverse;
    (n + 0.5) * n.ln() - n
        + 0.5 * (2.0 * PI).ln()
        + inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(with_term: u64, texts: u64, all_with_term: u64, all_texts: u64) -> TermCounts {
        TermCounts {
            with_term,
            texts,
            all_with_term,
            all_texts,
        }
    }

    /// `scipy.stats.hypergeom.logsf(with_term - 1, all_texts, all_with_term, texts)` of
    /// SciPy 1.17.1.
    #[test]
    fn p_values_equal_those_of_scipy() {
        let golden = [
            (counts(3, 10, 5, 40), -2.4158918943080923),
            (counts(8, 10, 9, 20), -5.900254645314991),
            (counts(1, 10, 5, 40), -0.24407590612821234),
            (counts(0, 10, 5, 40), 0.0),
            (counts(5, 5, 5, 10), -5.529429087511424),
            (counts(7, 9, 8, 10), 0.0),
            (counts(120, 1_000, 500, 10_000), -46.470244332377796),
            (counts(50, 1_000, 500, 10_000), -0.647831040915482),
            (counts(40, 1_000, 500, 10_000), -0.051954009922695644),
            (counts(900, 20_000, 1_000, 200_000), -1779.0010829912637),
            (
                counts(30_000, 100_000, 50_000, 1_000_000),
                -41524.84705709793,
            ),
        ];
        for (counts, expected) in golden {
            let error = (counts.ln_p_value() - expected).abs();
            assert!(error < 1e-8, "{counts:?}: {}", counts.ln_p_value());
        }
    }

    #[test]
    fn both_tails_add_up_to_one() {
        for with_term in 1..=20 {
            let upper = counts(with_term, 60, 20, 200);
            let lower = upper.ln_probability(with_term - 1).exp()
                * counts(with_term - 1, 60, 20, 200).sum_downwards(0);
            let sum = upper.ln_p_value().exp() + lower;
            assert!((sum - 1.0).abs() < 1e-10, "{with_term}: {sum}");
        }
    }

    #[test]
    fn totals_bound_the_p_value() {
        let best = counts(0, 10, 5, 40).best_ln_p_value();
        assert_eq!(best, counts(5, 10, 5, 40).ln_p_value());
        // The group holds all texts: no count is surprising.
        assert_eq!(counts(5, 40, 5, 40).ln_p_value(), 0.0);
        assert_eq!(counts(0, 0, 0, 0).ln_p_value(), 0.0);
    }

    #[test]
    fn ratios_are_finite() {
        assert_eq!(counts(5, 5, 5, 10).smoothed_ratio(), 11.0);
        assert_eq!(counts(0, 5, 0, 10).smoothed_ratio(), 1.0);
    }
}
