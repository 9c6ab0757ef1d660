//! Texts of intervals: `1 year 2 mons -3 days 04:05:06.7`.

/// Text of an interval, as Postgres writes it.
pub fn interval_text(months: i64, days: i64, nanos: i64) -> String {
    let (years, months) = (months / 12, months % 12);
    let mut text = String::new();
    let mut was_negative = false;
    for (count, unit) in [(years, "year"), (months, "mon"), (days, "day")] {
        if count == 0 {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        // A sign after a negative part shows that this one is positive.
        if was_negative && count > 0 {
            text.push('+');
        }
        was_negative = count < 0;
        let s = if count == 1 { "" } else { "s" };
        text.push_str(&format!("{count} {unit}{s}"));
    }
    if nanos != 0 || text.is_empty() {
        if !text.is_empty() {
            text.push(' ');
        }
        match (nanos < 0, was_negative) {
            (true, _) => text.push('-'),
            (false, true) => text.push('+'),
            (false, false) => {}
        }
        text.push_str(&clock_text(nanos.unsigned_abs()));
    }
    text
}

/// `04:05:06.7`, of nanoseconds.
pub fn clock_text(nanos: u64) -> String {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{hours:02}:{minutes:02}:{seconds:02}{}",
        fraction_text(fraction)
    )
}

/// `.7` of the nanoseconds within a second, without zeros at the end.
pub fn fraction_text(nanos: u64) -> String {
    match nanos {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_the_texts_of_postgres() {
        const HOUR: i64 = 3_600_000_000_000;
        for (months, days, nanos, expected) in [
            (0, 0, 0, "00:00:00"),
            (
                14,
                3,
                4 * HOUR + 5_000_000_000,
                "1 year 2 mons 3 days 04:00:05",
            ),
            (1, 1, 0, "1 mon 1 day"),
            (-1, 2, 3 * HOUR, "-1 mons +2 days 03:00:00"),
            (0, -1, HOUR, "-1 days +01:00:00"),
            (0, 1, -HOUR, "1 day -01:00:00"),
            (0, 0, 30 * HOUR + 500_000_000, "30:00:00.5"),
        ] {
            assert_eq!(interval_text(months, days, nanos), expected);
        }
    }
}
