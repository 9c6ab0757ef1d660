//! Ranges of values.

/// The least and the greatest value, widened where they are equal.
pub fn value_range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most > least {
        (least, most)
    } else {
        (least - 0.5, most + 0.5)
    }
}

/// Position of `value` within `range`, from 0 to 1.
pub fn fraction(value: f64, range: (f64, f64)) -> f64 {
    // Halves, since the difference may overflow.
    let fraction = (value / 2.0 - range.0 / 2.0) / (range.1 / 2.0 - range.0 / 2.0);
    if fraction.is_finite() { fraction } else { 0.5 }
}
