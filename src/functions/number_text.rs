//! Texts of floats, as Postgres writes them: the fewest digits that read back as the
//! same number.

/// Text of a double.
pub fn double_text(value: f64) -> String {
    match special(value) {
        Some(text) => text.to_string(),
        None => layout(&format!("{value:e}"), 15),
    }
}

/// Text of a float of 32 bits.
pub fn float_text(value: f32) -> String {
    match special(f64::from(value)) {
        Some(text) => text.to_string(),
        None => layout(&format!("{value:e}"), 6),
    }
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Lays out `1.234e5`: with an exponent below -4, and from `max_exponent` on.
fn layout(scientific: &str, max_exponent: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_string();
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    if exponent < -4 || exponent >= max_exponent {
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{mark}{:02}", exponent.abs());
    }
    let digits: String = mantissa.chars().filter(|digit| *digit != '.').collect();
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    match digits.len() <= whole {
        true => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
        false => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_the_texts_of_postgres() {
        for (value, expected) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-10, "-2.5e-10"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(value), expected);
        }
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(1e6), "1e+06");
        assert_eq!(float_text(123_456.0), "123456");
    }
}
