//! Texts of timestamps: `2024-01-02 03:04:05.6+02`.

use super::calendar::{CivilDate, NANOS_PER_DAY};
use super::interval_text::clock_text;

/// Nanoseconds after 1 January 1970, of a value in a unit of `per_second`.
pub fn nanos_of(value: i64, per_second: i64) -> i128 {
    i128::from(value) * i128::from(1_000_000_000 / per_second)
}

/// Text of a clock time, given in nanoseconds after 1 January 1970.
pub fn clock_time_text(nanos: i128) -> String {
    let (days, time) = (
        nanos.div_euclid(NANOS_PER_DAY),
        nanos.rem_euclid(NANOS_PER_DAY),
    );
    let (date, era) = date_text(days as i64);
    format!("{date} {}{era}", clock_text(time as u64))
}

/// Text of an instant: its clock time in a zone, and the offset of the zone.
pub fn instant_text(local: i128, offset_seconds: i64) -> String {
    let text = clock_time_text(local);
    let (text, era) = match text.strip_suffix(" BC") {
        Some(text) => (text, " BC"),
        None => (text.as_str(), ""),
    };
    format!("{text}{}{era}", offset_text(offset_seconds))
}

/// Text of a date, and of its era.
pub fn date_text(days: i64) -> (String, &'static str) {
    let date = CivilDate::of_days(days);
    let (year, era) = match date.year > 0 {
        true => (date.year, ""),
        false => (1 - date.year, " BC"),
    };
    (format!("{year:04}-{:02}-{:02}", date.month, date.day), era)
}

/// `+02`, `-05:30`.
pub fn offset_text(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("{sign}{hours:02}"),
        (hours, minutes) => format!("{sign}{hours:02}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_the_texts_of_postgres() {
        assert_eq!(clock_time_text(0), "1970-01-01 00:00:00");
        assert_eq!(clock_time_text(-1), "1969-12-31 23:59:59.999999999");
        assert_eq!(
            instant_text(nanos_of(1_704_103_200_500, 1000), 19_800),
            "2024-01-01 10:00:00.5+05:30"
        );
        assert_eq!(instant_text(0, 0), "1970-01-01 00:00:00+00");
        assert_eq!(
            clock_time_text(NANOS_PER_DAY * -719_528),
            "0001-01-01 00:00:00 BC"
        );
    }
}
