//! Quantiles of the beta, normal and Student's t distributions.

use std::f64::consts::PI;

/// Steps of a bisection; more would not change a float.
const BISECTIONS: usize = 120;
/// Terms of the continued fraction of the incomplete beta function.
const MAX_TERMS: usize = 20_000;

/// Logarithm of the gamma function, for `x` above 0.
fn ln_gamma(x: f64) -> f64 {
    // Stirling's series is exact to 1e-14 from 10 on.
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series =
        inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - shift
}

/// Regularised incomplete beta function: the share of a beta distribution below `x`.
fn beta_share_below(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean.
    let mirrored = x > (a + 1.0) / (a + b + 2.0);
    let (x, a, b) = if mirrored { (1.0 - x, b, a) } else { (x, a, b) };
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let below = (front.exp() / a * continued_fraction(x, a, b)).clamp(0.0, 1.0);
    if mirrored { 1.0 - below } else { below }
}

/// Continued fraction of the incomplete beta function, by Lentz's method.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..MAX_TERMS {
        let m = term as f64;
        let even = m * (b - m) * x / ((a - 1.0 + 2.0 * m) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 1.0 + 2.0 * m));
        let mut factor = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / nonzero(1.0 + numerator * d);
            c = nonzero(1.0 + numerator / c);
            factor = c * d;
            fraction *= factor;
        }
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The value below which the share `share` of a beta distribution lies.
pub(super) fn beta_quantile(share: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_share_below(x, a, b) < share)
}

/// The end of `low..high` up to which `below` holds.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low + (high - low) / 2.0
}

/// Two-sided quantile of Student's t: the value that `confidence` of the distribution
/// does not exceed in absolute value.
pub(super) fn student_t_quantile(confidence: f64, degrees: f64) -> f64 {
    // t^2 / (degrees + t^2) has a beta distribution.
    let squared = beta_quantile(confidence, 0.5, degrees / 2.0);
    (degrees * squared / (1.0 - squared)).sqrt()
}

/// Two-sided quantile of the normal distribution.
pub(super) fn normal_quantile(confidence: f64) -> f64 {
    // Degrees of freedom at which Student's t differs by less than 1e-5.
    let limit = |degrees: f64| student_t_quantile(confidence, degrees);
    // The difference falls with 1 / degrees: extrapolate to infinitely many.
    2.0 * limit(20_000.0) - limit(10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(value: f64, expected: f64) {
        let error = (value - expected).abs();
        assert!(
            error <= 1e-7 * expected.abs().max(1e-9),
            "{value} {expected}"
        );
    }

    #[test]
    fn quantiles_equal_those_of_scipy() {
        for (share, a, b, expected) in BETA_QUANTILES {
            assert_near(beta_quantile(share, a, b), expected);
        }
        for (confidence, degrees, expected) in T_QUANTILES {
            assert_near(student_t_quantile(confidence, degrees), expected);
        }
        for (confidence, expected) in NORMAL_QUANTILES {
            assert_near(normal_quantile(confidence), expected);
        }
    }

    #[test]
    fn extreme_parameters_stay_within_the_distribution() {
        for (a, b) in [(1e-3, 1e3), (1e3, 1e-3), (0.5, 1e7), (1e7, 1e7)] {
            for share in [1e-9, 0.025, 0.5, 0.975, 1.0 - 1e-9] {
                let value = beta_quantile(share, a, b);
                assert!((0.0..=1.0).contains(&value), "{share} {a} {b} {value}");
            }
        }
    }

    /// From scipy 1.17: share, a, b, quantile.
    const BETA_QUANTILES: [(f64, f64, f64, f64); 7] = [
        (0.025, 0.5, 0.5, 0.00154133313344),
        (0.975, 0.5, 9.5, 0.237610098633),
        (0.025, 3.5, 197.5, 0.00424227914683),
        (0.975, 120.25, 80.75, 0.664862992862),
        (0.5, 0.2, 0.3, 0.239135036148),
        (0.005, 2000.0, 5000.0, 0.271923913273),
        (0.9, 100000.0, 300000.0, 0.250877685246),
    ];
    /// Confidence, degrees of freedom, quantile.
    const T_QUANTILES: [(f64, f64, f64); 4] = [
        (0.95, 1.0, 12.7062047362),
        (0.95, 3.0, 3.18244630528),
        (0.9, 17.0, 1.73960672608),
        (0.99, 250.0, 2.59563763047),
    ];
    /// Confidence, quantile.
    const NORMAL_QUANTILES: [(f64, f64); 4] = [
        (0.5, 0.674489750196),
        (0.9, 1.64485362695),
        (0.95, 1.95996398454),
        (0.999, 3.29052673149),
    ];
}
