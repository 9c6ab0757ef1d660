//! Durations as text: `500ms`, `5s`, `2min`, `1h`.

use std::time::Duration;

const UNITS: &[(&str, f64)] = &[
    ("us", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("sec", 1.0),
    ("min", 60.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];

/// Maximum duration, in seconds: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Parses a duration with a unit.
///
/// # Errors
/// A message with examples.
pub fn parse(text: &str) -> Result<Duration, String> {
    match text.trim().ends_with(|c: char| c.is_ascii_digit()) {
        true => Err(expected(text)),
        false => parse_with(text, Duration::from_secs(1)),
    }
}

/// Parses a duration; a number without a unit counts `unit`s.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(text: &str, unit: Duration) -> Result<Duration, String> {
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, name) = trimmed.split_at(split);
    let name = name.trim();
    let scale = match name {
        "" => Some(unit.as_secs_f64()),
        _ => UNITS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, scale)| *scale),
    };
    let seconds = number
        .parse::<f64>()
        .ok()
        .zip(scale)
        .map(|(number, scale)| number * scale);
    match seconds {
        Some(seconds) if (0.0..=MAX_SECONDS).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(expected(text)),
    }
}

/// Formats a duration as Postgres does, in the largest unit that divides it.
pub fn shown(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("min", 60_000),
        ("s", 1_000),
    ];
    match units
        .iter()
        .find(|(_, unit)| milliseconds.is_multiple_of(*unit))
    {
        _ if milliseconds == 0 => "0".to_string(),
        Some((name, unit)) => format!("{}{name}", milliseconds / unit),
        None => format!("{milliseconds}ms"),
    }
}

fn expected(text: &str) -> String {
    format!("'{text}' is not a duration; write one such as 500ms, 30s, 5m or 1h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse(" 1.5 h "), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "5", "s", "-1s", "5 years", "1e3s", "99999999h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        for (milliseconds, text) in [
            (0, "0"),
            (200, "200ms"),
            (5_000, "5s"),
            (90_000, "90s"),
            (120_000, "2min"),
        ] {
            assert_eq!(shown(Duration::from_millis(milliseconds)), text);
        }
        let milliseconds = Duration::from_millis(1);
        assert_eq!(
            parse_with("250", milliseconds),
            Ok(Duration::from_millis(250))
        );
        assert_eq!(parse_with("0", milliseconds), Ok(Duration::ZERO));
        assert_eq!(
            parse_with("0.2s", milliseconds),
            Ok(Duration::from_millis(200))
        );
    }
}
