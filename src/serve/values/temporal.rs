//! Dates, times and intervals in text, as Postgres writes them with the settings
//! `datestyle = ISO`, `intervalstyle = postgres` and `timezone = UTC`.

use std::fmt::Write;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Days from 1970-01-01, where dates of Arrow begin, to 2000-01-01, where those of
/// Postgres begin.
pub const EPOCH_DAYS: i32 = 10_957;

/// The same in microseconds.
pub const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * MICROS_PER_DAY;

/// Writes a day, counted from 1970-01-01.
pub fn write_date(out: &mut impl Write, days: i64) -> std::fmt::Result {
    let (year, month, day) = civil(days);
    write_year(out, year, month, day)?;
    write_era(out, year)
}

/// Writes a time of day in microseconds.
pub fn write_time(out: &mut impl Write, micros: i64) -> std::fmt::Result {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
    write_fraction(out, micros.rem_euclid(MICROS_PER_SECOND))
}

/// Writes a moment in microseconds from 1970-01-01. With a zone it is followed by
/// that of the session, UTC.
pub fn write_timestamp(out: &mut impl Write, micros: i64, zoned: bool) -> std::fmt::Result {
    let (year, month, day) = civil(micros.div_euclid(MICROS_PER_DAY));
    write_year(out, year, month, day)?;
    out.write_char(' ')?;
    write_time(out, micros.rem_euclid(MICROS_PER_DAY))?;
    if zoned {
        out.write_str("+00")?;
    }
    write_era(out, year)
}

/// Writes an interval, such as `1 year 2 mons -3 days 04:05:06.7`.
pub fn write_interval(
    out: &mut impl Write,
    months: i32,
    days: i32,
    micros: i64,
) -> std::fmt::Result {
    let parts = [
        (i64::from(months / 12), "year"),
        (i64::from(months % 12), "mon"),
        (i64::from(days), "day"),
    ];
    let mut is_first = true;
    let mut after_negative = false;
    for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
        if !is_first {
            out.write_char(' ')?;
        }
        // A positive part behind a negative one bears its sign.
        let sign = if after_negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        write!(out, "{sign}{count} {unit}{plural}")?;
        is_first = false;
        after_negative = count < 0;
    }
    if micros == 0 && !is_first {
        return Ok(());
    }
    if !is_first {
        out.write_char(' ')?;
    }
    match micros {
        ..0 => out.write_char('-')?,
        _ if after_negative => out.write_char('+')?,
        _ => {}
    }
    let micros = micros.unsigned_abs();
    let seconds = micros / MICROS_PER_SECOND as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
    write_fraction(out, (micros % MICROS_PER_SECOND as u64) as i64)
}

fn write_year(out: &mut impl Write, year: i64, month: u32, day: u32) -> std::fmt::Result {
    // The year before 1 is 1 BC.
    let year = if year > 0 { year } else { 1 - year };
    write!(out, "{year:04}-{month:02}-{day:02}")
}

fn write_era(out: &mut impl Write, year: i64) -> std::fmt::Result {
    match year > 0 {
        true => Ok(()),
        false => out.write_str(" BC"),
    }
}

/// Writes microseconds as a fraction of a second, without zeros at its end.
fn write_fraction(out: &mut impl Write, micros: i64) -> std::fmt::Result {
    if micros == 0 {
        return Ok(());
    }
    let digits = format!("{micros:06}");
    write!(out, ".{}", digits.trim_end_matches('0'))
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, u32, u32) {
    const DAYS_PER_ERA: i64 = 146_097;
    // Years begin in March here, so that a leap day is the last one.
    let days = days + 719_468;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut String) -> std::fmt::Result) -> String {
        let mut out = String::new();
        write(&mut out).unwrap();
        out
    }

    #[test]
    fn dates_reach_beyond_four_digits_and_before_christ() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "10000-01-01"),
            (-719_162, "0001-01-01"),
            (-719_163, "0001-12-31 BC"),
        ] {
            assert_eq!(text(|out| write_date(out, days)), expected);
        }
    }

    #[test]
    fn moments_before_1970_keep_their_fraction() {
        assert_eq!(
            text(|out| write_timestamp(out, -1, false)),
            "1969-12-31 23:59:59.999999"
        );
        assert_eq!(
            text(|out| write_timestamp(out, 1_500_000, true)),
            "1970-01-01 00:00:01.5+00"
        );
        assert_eq!(
            text(|out| write_time(out, 36_000_000_120)),
            "10:00:00.00012"
        );
    }

    #[test]
    fn intervals_are_written_as_postgres_does() {
        for (interval, expected) in [
            ((0, 0, 0), "00:00:00"),
            ((14, 3, 14_706_700_000), "1 year 2 mons 3 days 04:05:06.7"),
            ((-1, 1, 0), "-1 mons +1 day"),
            ((0, -1, 7_200_000_000), "-1 days +02:00:00"),
            ((0, 0, -1), "-00:00:00.000001"),
            ((0, 0, 360_000_000_000), "100:00:00"),
            ((-13, 0, 0), "-1 years -1 mons"),
        ] {
            let (months, days, micros) = interval;
            assert_eq!(
                text(|out| write_interval(out, months, days, micros)),
                expected
            );
        }
    }
}
