//! Dates and times read from a text by a format.

use super::date_template::{DateField, DatePart};
use super::text_reader::TextReader;
use super::write_date::{DAYS, MONTHS, ROMAN_MONTHS};
use crate::functions::times::calendar::{
    CivilDate, NANOS_PER_DAY, days_of_month, start_of_iso_week,
};

/// Clock time of a text, and its offset if the text has one.
#[derive(Debug, PartialEq, Eq)]
pub struct ReadTime {
    /// Nanoseconds after 1 January 1970 of the clock time.
    pub nanos: i128,
    /// Seconds east of Greenwich.
    pub offset: Option<i64>,
}

/// Reads a text by a format. Blanks and separators of the text may differ from those of
/// the format.
///
/// # Errors
/// What the text lacks, or has out of range.
pub fn read(text: &str, parts: &[DatePart]) -> Result<ReadTime, String> {
    let mut reader = TextReader { rest: text };
    let mut fields = ReadFields::default();
    for (at, part) in parts.iter().enumerate() {
        match part {
            DatePart::Text(text) => text.chars().for_each(|ch| reader.skip_like(ch)),
            DatePart::Field {
                field,
                is_bare,
                ordinal,
            } => {
                reader.rest = reader.rest.trim_start();
                let reads_all =
                    *is_bare || !matches!(parts.get(at + 1), Some(DatePart::Field { .. }));
                fields.read(&mut reader, *field, reads_all)?;
                if ordinal.is_some() {
                    reader.skip_chars(2);
                }
            }
        }
    }
    fields.time()
}

#[derive(Default)]
struct ReadFields {
    year: Option<i64>,
    iso_year: Option<i64>,
    is_bc: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    iso_week: Option<i64>,
    iso_weekday: Option<i64>,
    julian_day: Option<i64>,
    hour: i64,
    is_hour12: bool,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanos: i64,
    offset: Option<i64>,
    offset_minutes: i64,
}

impl ReadFields {
    fn read(
        &mut self,
        reader: &mut TextReader<'_>,
        field: DateField,
        all: bool,
    ) -> Result<(), String> {
        use DateField as F;

        let width = |digits: usize| if all { 18 } else { digits };
        match field {
            F::Hour12 => {
                self.hour = reader.number(width(2), field)?;
                self.is_hour12 = true;
                within(self.hour, 1, 12, field)?;
            }
            F::Hour24 => {
                self.hour = reader.number(width(2), field)?;
                self.is_hour12 = false;
                within(self.hour, 0, 24, field)?;
            }
            F::Minute => {
                self.minute = reader.number(width(2), field)?;
                within(self.minute, 0, 59, field)?;
            }
            F::Second => {
                self.second = reader.number(width(2), field)?;
                within(self.second, 0, 60, field)?;
            }
            F::Fraction(digits) => {
                // Digits after a decimal point: `5` is five tenths.
                let text = reader
                    .digits(if all { 9 } else { digits as usize })
                    .to_string();
                let count = text.len() as u32;
                let value: i64 = text
                    .parse()
                    .map_err(|_| format!("digits of {field:?} are missing"))?;
                self.nanos = value * 10_i64.pow(9 - count);
            }
            F::SecondsOfDay => {
                let seconds = reader.number(width(5), field)?;
                within(seconds, 0, 86_400, field)?;
                (self.hour, self.minute, self.second) =
                    (seconds / 3600, seconds / 60 % 60, seconds % 60);
                self.is_hour12 = false;
            }
            F::Meridiem(..) => {
                let at = reader.name(&["AM", "PM", "A.M.", "P.M."], None, field)?;
                self.is_afternoon = Some(at % 2 == 1);
            }
            F::Year(4) => {
                let is_negative = reader.rest.starts_with('-');
                if is_negative {
                    reader.skip_chars(1);
                }
                let year = reader.number(if all { 9 } else { 4 }, field)?;
                self.year = Some(year);
                self.is_bc |= is_negative;
            }
            F::Year(digits) => {
                let before = reader.rest.len();
                let year = reader.number(width(digits as usize), field)?;
                let read = before - reader.rest.len();
                self.year = Some(if read < 4 { near_2020(year) } else { year });
            }
            F::YearWithComma => {
                let thousands = reader.number(3, field)?;
                reader.skip_like(',');
                self.year = Some(thousands * 1000 + reader.number(3, field)?);
            }
            F::IsoYear(digits) => {
                let year = reader.number(if all { 9 } else { digits as usize }, field)?;
                self.iso_year = Some(if digits < 4 { near_2020(year) } else { year });
            }
            F::Era(..) => {
                let at = reader.name(&["AD", "BC", "A.D.", "B.C."], None, field)?;
                self.is_bc = at % 2 == 1;
            }
            F::MonthName(_) => self.month = Some(reader.name(&MONTHS, None, field)? + 1),
            F::MonthShort(_) => self.month = Some(reader.name(&MONTHS, Some(3), field)? + 1),
            F::RomanMonth(_) => self.month = Some(reader.name(&ROMAN_MONTHS, None, field)? + 1),
            F::Month => {
                let month = reader.number(width(2), field)?;
                within(month, 1, 12, field)?;
                self.month = Some(month);
            }
            F::DayName(_) => {
                reader.name(&DAYS, None, field)?;
            }
            F::DayShort(_) => {
                reader.name(&DAYS, Some(3), field)?;
            }
            F::Day => self.day = Some(reader.number(width(2), field)?),
            F::DayOfYear => self.day_of_year = Some(reader.number(width(3), field)?),
            F::IsoWeek => self.iso_week = Some(reader.number(width(2), field)?),
            F::IsoWeekday => self.iso_weekday = Some(reader.number(1, field)?),
            F::JulianDay => self.julian_day = Some(reader.number(9, field)?),
            F::ZoneName(_) => {
                reader.name(&["UTC", "GMT", "Z"], None, field)?;
                self.offset = Some(0);
            }
            F::Offset | F::OffsetHours => {
                let sign = match reader.rest.chars().next() {
                    Some('-') => -1,
                    Some('+') => 1,
                    _ => return Err("an offset starts with + or -".to_string()),
                };
                reader.skip_chars(1);
                self.offset = Some(sign * reader.number(2, field)? * 3600);
                if field == F::Offset && reader.rest.starts_with(':') {
                    reader.skip_chars(1);
                    self.offset_minutes = sign * reader.number(2, field)?;
                }
            }
            F::OffsetMinutes => {
                let minutes = reader.number(2, field)?;
                let is_west = self.offset.is_some_and(|offset| offset < 0);
                self.offset_minutes = if is_west { -minutes } else { minutes };
            }
            F::Quarter | F::Century | F::WeekOfMonth | F::WeekOfYear | F::Weekday => {
                // Postgres ignores these too, next to a month or a day.
                reader.number(width(2), field)?;
            }
            F::DayOfIsoYear => {
                return Err("the field IDDD cannot be read; use IYYY, IW and ID".to_string());
            }
        }
        Ok(())
    }

    fn time(&self) -> Result<ReadTime, String> {
        let mut hour = self.hour;
        if self.is_afternoon.is_some() && !(1..=12).contains(&hour) {
            return Err(format!("the hour {hour} has no AM or PM"));
        }
        if self.is_hour12 || self.is_afternoon.is_some() {
            hour %= 12;
            hour += if self.is_afternoon == Some(true) {
                12
            } else {
                0
            };
        }
        if self.is_hour12 && self.is_afternoon.is_none() && self.hour == 12 {
            hour = 0;
        }
        let days = self.days()?;
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        if seconds > 86_400 || (seconds == 86_400 && self.nanos > 0) {
            return Err("the time is after 24:00".to_string());
        }
        Ok(ReadTime {
            nanos: i128::from(days) * NANOS_PER_DAY
                + i128::from(seconds) * 1_000_000_000
                + i128::from(self.nanos),
            offset: self.offset.map(|offset| offset + self.offset_minutes * 60),
        })
    }

    fn days(&self) -> Result<i64, String> {
        if let Some(julian_day) = self.julian_day {
            return Ok(julian_day - 2_440_588);
        }
        if let Some(year) = self.iso_year {
            let (week, day) = (self.iso_week.unwrap_or(1), self.iso_weekday.unwrap_or(1));
            within(week, 1, 53, DateField::IsoWeek)?;
            within(day, 1, 7, DateField::IsoWeekday)?;
            return Ok(start_of_iso_week(year, week) + day - 1);
        }
        let year = match (self.year, self.is_bc) {
            (Some(year), true) => 1 - year,
            (Some(year), false) => year,
            (None, _) => 0,
        };
        if let (Some(day), None) = (self.day_of_year, self.month) {
            within(day, 1, 366, DateField::DayOfYear)?;
            let date = CivilDate {
                year,
                month: 1,
                day,
            };
            return Ok(date.days());
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if !(1..=days_of_month(year, month)).contains(&day) {
            return Err(format!("{year:04}-{month:02} has no day {day}"));
        }
        Ok(CivilDate { year, month, day }.days())
    }
}

/// Completes a year of fewer than four digits to the one nearest to 2020.
fn near_2020(year: i64) -> i64 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

fn within(value: i64, min: i64, max: i64, field: DateField) -> Result<(), String> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(format!(
            "{value} is out of range for {field:?}, from {min} to {max}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::date_template::parse;
    use super::*;
    use crate::functions::times::timestamp_text::clock_time_text;

    fn read_text(text: &str, format: &str) -> String {
        let parts = parse(format).unwrap();
        match read(text, &parts) {
            Ok(time) => {
                let offset = time.offset.map(|offset| format!(" {offset}"));
                format!(
                    "{}{}",
                    clock_time_text(time.nanos),
                    offset.unwrap_or_default()
                )
            }
            Err(error) => error,
        }
    }

    #[test]
    fn texts_are_read_as_in_postgres() {
        for (text, format, expected) in [
            (
                "2024-01-02 00:00:00.000000",
                "YYYY-MM-DD HH24:MI:SS.US",
                "2024-01-02 00:00:00",
            ),
            ("2024-05-01", "YYYY-MM-DD", "2024-05-01 00:00:00"),
            ("20240501", "YYYYMMDD", "2024-05-01 00:00:00"),
            ("5 Dec 2000", "DD Mon YYYY", "2000-12-05 00:00:00"),
            ("05  december  2000", "DD Month YYYY", "2000-12-05 00:00:00"),
            (
                "1/2/2024 3:04 PM",
                "MM/DD/YYYY HH12:MI PM",
                "2024-01-02 15:04:00",
            ),
            ("12:30 am", "HH:MI AM", "0001-01-01 00:30:00 BC"),
            ("24-02-29", "YY-MM-DD", "2024-02-29 00:00:00"),
            ("99", "YY", "1999-01-01 00:00:00"),
            ("2024-060", "YYYY-DDD", "2024-02-29 00:00:00"),
            ("2024-19-1", "IYYY-IW-ID", "2024-05-06 00:00:00"),
            (
                "2024-01-02T03:04:05.5",
                "YYYY-MM-DD\"T\"HH24:MI:SS.MS",
                "2024-01-02 03:04:05.5",
            ),
            (
                "2024-01-02 03:04 -05:30",
                "YYYY-MM-DD HH24:MI TZH:TZM",
                "2024-01-02 03:04:00 -19800",
            ),
            ("44 BC", "YYYY BC", "0044-01-01 00:00:00 BC"),
            ("2024-02-30", "YYYY-MM-DD", "2024-02 has no day 30"),
            (
                "2024-13-01",
                "YYYY-MM-DD",
                "13 is out of range for Month, from 1 to 12",
            ),
            ("abc", "YYYY", "'abc' is no value of Year(4)"),
            ("", "YYYY", "'' is no value of Year(4)"),
            ("13:00 PM", "HH24:MI PM", "the hour 13 has no AM or PM"),
            ("2024 é", "YYYY Mon", "'é' is no value of MonthShort(Title)"),
        ] {
            assert_eq!(read_text(text, format), expected, "{text} by {format}");
        }
    }
}
