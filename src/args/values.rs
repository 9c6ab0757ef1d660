//! Parsers of option values.

use crate::error::ShellError;
use crate::output::OutputFormat;

/// Parses `NAME=VALUE`.
///
/// # Errors
/// The expected form.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_string(), value.to_string()))
        }
        _ => Err("expected name=value".to_string()),
    }
}

/// Parses the name of an output format.
///
/// # Errors
/// The known names.
pub fn format(text: &str) -> Result<OutputFormat, String> {
    text.parse().map_err(|error: ShellError| error.message)
}

/// Parses a number of bytes with an optional K, M, G or T (or KB, KiB, ...).
///
/// # Errors
/// The expected form.
pub fn size(text: &str) -> Result<usize, String> {
    let invalid = || "expected a size such as 512M or 2G".to_string();
    let upper = text.trim().to_uppercase();
    let split = upper
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(upper.len());
    let (number, unit) = upper.split_at(split);
    let scale = match unit.trim().trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(invalid()),
    };
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let bytes = number * f64::from(2u32).powi(scale);
    if bytes < 1.0 || bytes > 2f64.powi(50) {
        return Err(invalid());
    }
    Ok(bytes as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("1.5 MiB"), Ok(3 << 19));
        assert_eq!(size("100"), Ok(100));
        for invalid in ["", "G", "-1G", "2X", "0", "1e3"] {
            assert!(size(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn values_keep_their_equals_signs() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("a").is_err());
        assert!(pair("=a").is_err());
    }
}
