//! Random numbers of a binomial distribution.

use semql_inference::random::Random;

/// Expected events up to which each event is drawn. Beyond, the normal distribution is
/// near enough for a bootstrap.
const MAX_DRAWN: f64 = 30.0;

/// Number of successes among `trials` with the probability `share`, in 0..1.
pub(super) fn binomial(trials: u64, share: f64, random: &mut Random) -> u64 {
    if share > 0.5 {
        return trials - binomial(trials, 1.0 - share, random);
    }
    if share <= 0.0 || trials == 0 {
        return 0;
    }
    let mean = trials as f64 * share;
    if mean > MAX_DRAWN {
        let deviation = (mean * (1.0 - share)).sqrt();
        let drawn = (mean + deviation * normal(random)).round();
        return drawn.clamp(0.0, trials as f64) as u64;
    }
    // The trials up to the next success are geometric.
    let log_failure = (-share).ln_1p();
    let (mut successes, mut at) = (0, 0.0);
    loop {
        at += ((1.0 - random.unit()).ln() / log_failure).floor() + 1.0;
        if at > trials as f64 {
            return successes;
        }
        successes += 1;
    }
}

/// A number of the standard normal distribution, by Box and Muller.
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance_are_those_of_the_distribution() {
        let mut random = Random::new(3);
        for (trials, share) in [(10, 0.3), (1_000, 0.002), (500, 0.98), (10_000, 0.4)] {
            let draws: Vec<f64> = (0..20_000)
                .map(|_| binomial(trials, share, &mut random) as f64)
                .collect();
            let (mean, variance) = (trials as f64 * share, trials as f64 * share * (1.0 - share));
            let count = draws.len() as f64;
            let drawn = draws.iter().sum::<f64>() / count;
            let spread = draws.iter().map(|d| (d - drawn).powi(2)).sum::<f64>() / count;
            assert!(
                (drawn - mean).abs() < 0.04 * variance.sqrt(),
                "{drawn} {mean}"
            );
            assert!(
                (spread / variance - 1.0).abs() < 0.06,
                "{spread} {variance}"
            );
        }
        assert_eq!(binomial(0, 0.5, &mut random), 0);
        assert_eq!(binomial(7, 1.0, &mut random), 7);
        assert_eq!(binomial(7, 0.0, &mut random), 0);
    }
}
