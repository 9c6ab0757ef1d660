//! Means, variances and covariance of pairs of numbers.

/// Number of pairs, their means, and sums of squared deviations and of products.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairMoments {
    pub pairs: u64,
    pub mean_x: f64,
    pub mean_y: f64,
    pub xx: f64,
    pub yy: f64,
    pub xy: f64,
}

impl PairMoments {
    /// Moments of one pair.
    pub fn of(x: f64, y: f64) -> Self {
        Self {
            pairs: 1,
            mean_x: x,
            mean_y: y,
            ..Self::default()
        }
    }

    /// Moments of the pairs of both.
    pub fn merged(self, other: Self) -> Self {
        if self.pairs == 0 || other.pairs == 0 {
            return if self.pairs == 0 { other } else { self };
        }
        let pairs = self.pairs + other.pairs;
        let share = other.pairs as f64 / pairs as f64;
        let weight = self.pairs as f64 * share;
        let (x, y) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        Self {
            pairs,
            mean_x: self.mean_x + share * x,
            mean_y: self.mean_y + share * y,
            xx: self.xx + other.xx + weight * x * x,
            yy: self.yy + other.yy + weight * y * y,
            xy: self.xy + other.xy + weight * x * y,
        }
    }

    /// Sum of squared residuals of `y - slope * x`.
    pub fn residuals(&self, slope: f64) -> f64 {
        (self.yy - 2.0 * slope * self.xy + slope * slope * self.xx).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_parts_are_those_of_the_whole() {
        let pairs = [
            (1e9, 1.0),
            (1e9 + 1.0, 3.0),
            (1e9 + 4.0, -2.0),
            (1e9 + 7.0, 8.0),
        ];
        let of = |pairs: &[(f64, f64)]| {
            let each = pairs.iter().map(|(x, y)| PairMoments::of(*x, *y));
            each.fold(PairMoments::default(), PairMoments::merged)
        };
        let parts = of(&pairs[..1]).merged(of(&pairs[1..]));
        for moments in [of(&pairs), parts] {
            assert_eq!(
                (moments.pairs, moments.mean_x, moments.mean_y),
                (4, 1e9 + 3.0, 2.5)
            );
            // By hand: deviations -3, -2, 1, 4 and -1.5, 0.5, -4.5, 5.5.
            assert!((moments.xx - 30.0).abs() < 1e-6, "{moments:?}");
            assert!((moments.yy - 53.0).abs() < 1e-6, "{moments:?}");
            assert!((moments.xy - 21.0).abs() < 1e-6, "{moments:?}");
            assert!((moments.residuals(0.7) - (53.0 - 29.4 + 14.7)).abs() < 1e-6);
        }
    }
}
