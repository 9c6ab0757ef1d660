//! Dates, times and intervals in a format.

use super::date_template::{DateField, DatePart, LetterCase, Ordinal};
use crate::functions::times::calendar::{
    CivilDate, NANOS_PER_DAY, iso_week, julian_day, start_of_iso_week, weekday,
};

pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
pub const ROMAN_MONTHS: [&str; 12] = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII",
];

/// Length of the longest name of a month and of a day, to which names are padded.
const NAME_WIDTH: usize = 9;

/// Date and time, or the parts of an interval.
pub struct TimeParts {
    pub date: CivilDate,
    /// Days after 1 January 1970; `None` for an interval.
    pub days: Option<i64>,
    /// Nanoseconds of the day, or of an interval: these may exceed a day.
    pub nanos: i64,
    /// Offset in seconds, and the name of the zone.
    pub zone: Option<(i64, String)>,
}

impl TimeParts {
    /// Parts of a clock time, given in nanoseconds after 1 January 1970.
    pub fn of_clock(nanos: i128, zone: Option<(i64, String)>) -> Self {
        let days = nanos.div_euclid(NANOS_PER_DAY) as i64;
        Self {
            date: CivilDate::of_days(days),
            days: Some(days),
            nanos: nanos.rem_euclid(NANOS_PER_DAY) as i64,
            zone,
        }
    }

    pub fn of_interval(months: i64, days: i64, nanos: i64) -> Self {
        Self {
            date: CivilDate {
                year: months / 12,
                month: months % 12,
                day: days,
            },
            days: None,
            nanos,
            zone: None,
        }
    }

    fn seconds(&self) -> i64 {
        self.nanos / 1_000_000_000
    }

    fn hour(&self) -> i64 {
        self.seconds() / 3600
    }

    /// Year without a sign; negative years are BC.
    fn year(&self) -> i64 {
        match self.days {
            Some(_) if self.date.year <= 0 => 1 - self.date.year,
            _ => self.date.year,
        }
    }
}

/// Writes a time in a format.
///
/// # Errors
/// A field that an interval does not have.
pub fn write(time: &TimeParts, parts: &[DatePart]) -> Result<String, String> {
    let mut out = String::new();
    for part in parts {
        match part {
            DatePart::Text(text) => out.push_str(text),
            DatePart::Field {
                field,
                is_bare,
                ordinal,
            } => {
                let text = field_text(time, *field, *is_bare)?;
                out.push_str(&text);
                if let Some(ordinal) = ordinal {
                    out.push_str(ordinal_suffix(&text, *ordinal));
                }
            }
        }
    }
    Ok(out)
}

fn field_text(time: &TimeParts, field: DateField, is_bare: bool) -> Result<String, String> {
    use DateField as F;

    let number = |value: i64, width: usize| match is_bare {
        true => value.to_string(),
        false if value < 0 => format!("-{:0width$}", -value),
        false => format!("{value:0width$}"),
    };
    let name = |name: &str, case: LetterCase| match is_bare {
        true => spelled(name, case),
        false => format!("{:NAME_WIDTH$}", spelled(name, case)),
    };
    let days = || {
        time.days
            .ok_or_else(|| format!("an interval has no field {field:?} of a date"))
    };
    let year_digits = |year: i64, digits: u32| match digits {
        4 => number(year, 4),
        digits => number(year.rem_euclid(10_i64.pow(digits)), digits as usize),
    };
    let (date, seconds) = (time.date, time.seconds());
    Ok(match field {
        F::Hour12 => number(
            match time.hour() % 12 {
                0 => 12,
                hour => hour,
            },
            2,
        ),
        F::Hour24 => number(time.hour(), 2),
        F::Minute => number(seconds / 60 % 60, 2),
        F::Second => number(seconds % 60, 2),
        F::Fraction(digits) => {
            let fraction = (time.nanos % 1_000_000_000).abs() / 10_i64.pow(9 - digits);
            format!("{fraction:0width$}", width = digits as usize)
        }
        F::SecondsOfDay => seconds.to_string(),
        F::Meridiem(case, has_dots) => {
            let mark = match (time.hour() % 24 >= 12, has_dots) {
                (false, false) => "AM",
                (false, true) => "A.M.",
                (true, false) => "PM",
                (true, true) => "P.M.",
            };
            mark_text(mark, case)
        }
        F::Year(digits) => year_digits(time.year(), digits),
        F::YearWithComma => format!("{},{:03}", time.year() / 1000, time.year() % 1000),
        F::IsoYear(digits) => year_digits(iso_week(days()?).0, digits),
        F::Era(case, has_dots) => {
            let mark = match (date.year > 0, has_dots) {
                (true, false) => "AD",
                (true, true) => "A.D.",
                (false, false) => "BC",
                (false, true) => "B.C.",
            };
            mark_text(mark, case)
        }
        F::MonthName(case) => match days() {
            Ok(_) => name(MONTHS[(date.month - 1) as usize], case),
            Err(error) => return Err(error),
        },
        F::MonthShort(case) => {
            days()?;
            spelled(&MONTHS[(date.month - 1) as usize][..3], case)
        }
        F::Month => number(date.month, 2),
        F::DayName(case) => name(DAYS[weekday(days()?) as usize], case),
        F::DayShort(case) => spelled(&DAYS[weekday(days()?) as usize][..3], case),
        F::DayOfYear => match time.days {
            Some(_) => number(date.day_of_year(), 3),
            None => number(date.year * 360 + date.month * 30 + date.day, 3),
        },
        F::DayOfIsoYear => {
            let days = days()?;
            let (year, _) = iso_week(days);
            number(days - start_of_iso_week(year, 1) + 1, 3)
        }
        F::Day => number(date.day, 2),
        F::Weekday => number(weekday(days()?) + 1, 1),
        F::IsoWeekday => number((weekday(days()?) + 6) % 7 + 1, 1),
        F::WeekOfMonth => number((date.day - 1) / 7 + 1, 1),
        F::WeekOfYear => {
            days()?;
            number((date.day_of_year() - 1) / 7 + 1, 2)
        }
        F::IsoWeek => number(iso_week(days()?).1, 2),
        F::Century => {
            let year = date.year;
            let century = match year > 0 {
                true => (year - 1) / 100 + 1,
                false => year / 100 - 1,
            };
            number(century, 2)
        }
        F::JulianDay => julian_day(days()?).to_string(),
        F::Quarter => match date.month {
            1.. => number((date.month - 1) / 3 + 1, 1),
            _ => String::new(),
        },
        F::RomanMonth(case) => match date.month {
            month @ 1..=12 => {
                let roman = mark_text(ROMAN_MONTHS[(month - 1) as usize], case);
                match is_bare {
                    true => roman,
                    false => format!("{roman:4}"),
                }
            }
            _ => String::new(),
        },
        F::ZoneName(case) => {
            let zone = time.zone.as_ref();
            mark_text(zone.map_or("", |(_, name)| name), case)
        }
        F::Offset => crate::functions::times::timestamp_text::offset_text(offset(time)),
        F::OffsetHours => {
            let sign = if offset(time) < 0 { '-' } else { '+' };
            format!("{sign}{:02}", offset(time).abs() / 3600)
        }
        F::OffsetMinutes => format!("{:02}", offset(time).abs() / 60 % 60),
    })
}

fn offset(time: &TimeParts) -> i64 {
    time.zone.as_ref().map_or(0, |(seconds, _)| *seconds)
}

fn spelled(name: &str, case: LetterCase) -> String {
    match case {
        LetterCase::Upper => name.to_uppercase(),
        LetterCase::Title => name.to_string(),
        LetterCase::Lower => name.to_lowercase(),
    }
}

/// Marks such as `AM` and `TZ` are in capitals unless the pattern is in small letters.
fn mark_text(mark: &str, case: LetterCase) -> String {
    match case {
        LetterCase::Lower => mark.to_lowercase(),
        LetterCase::Upper | LetterCase::Title => mark.to_uppercase(),
    }
}

/// `st`, `nd`, `rd`, `th`.
fn ordinal_suffix(number: &str, ordinal: Ordinal) -> &'static str {
    let tens = number.len() >= 2 && number.as_bytes()[number.len() - 2] == b'1';
    let (lower, upper) = match number.as_bytes().last() {
        Some(b'1') if !tens => ("st", "ST"),
        Some(b'2') if !tens => ("nd", "ND"),
        Some(b'3') if !tens => ("rd", "RD"),
        _ => ("th", "TH"),
    };
    match ordinal {
        Ordinal::Upper => upper,
        Ordinal::Lower => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::super::date_template::parse;
    use super::*;

    fn written(format: &str) -> String {
        let date = CivilDate {
            year: 2024,
            month: 5,
            day: 6,
        };
        let nanos = i128::from(date.days()) * NANOS_PER_DAY + 25_689_123_456_000;
        let time = TimeParts::of_clock(nanos, Some((7200, "CEST".to_string())));
        match parse(format).and_then(|parts| write(&time, &parts)) {
            Ok(text) => text,
            Err(error) => error,
        }
    }

    #[test]
    fn times_are_written_as_in_postgres() {
        for (format, expected) in [
            ("YYYY-MM-DD", "2024-05-06"),
            ("YYYY-MM-DD HH24:MI:SS.US", "2024-05-06 07:08:09.123456"),
            ("HH12:MI AM MS", "07:08 AM 123"),
            ("Day, DDth Month YYYY", "Monday   , 06th May       2024"),
            ("FMDay, FMDDth FMMonth YYYY", "Monday, 6th May 2024"),
            ("DAY dy Dy MON mon Mon", "MONDAY    mon Mon MAY may May"),
            ("IYYY-IW-ID", "2024-19-1"),
            ("Q WW W D DDD CC J", "2 19 1 2 127 21 2460437"),
            ("YY Y,YYY SSSS", "24 2,024 25689"),
            ("TZ tz OF TZH:TZM", "CEST cest +02 +02:00"),
            ("\"YYYY is\" YYYY", "YYYY is 2024"),
            ("YYYY\"T\"HH24 RM ad", "2024T07 V    ad"),
            ("YYYY年MM月", "2024年05月"),
            (
                "TMMonth",
                "the modifier TM of the format 'TMMonth' (names in the language of a locale) is not supported",
            ),
        ] {
            assert_eq!(written(format), expected, "{format}");
        }
    }

    #[test]
    fn intervals_have_no_date() {
        let parts = |format| parse(format).unwrap();
        let time = TimeParts::of_interval(14, 3, 100 * 3_600_000_000_000);
        assert_eq!(
            write(&time, &parts("YYYY MM DD HH24:MI")).unwrap(),
            "0001 02 03 100:00"
        );
        assert!(write(&time, &parts("Day")).is_err());
    }
}
