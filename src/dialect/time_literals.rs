//! Date and time literals as Postgres reads them: without seconds, with the zone of a
//! timestamp that has none, `now` and `today`.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TimezoneInfo};
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{call, cast, number, text};
use crate::functions::times::literal_parts::{TimeLiteralParts, offset_of};

/// Type of a time literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeKind {
    Date,
    Timestamp,
    TimestampTz,
}

/// Words in place of a time.
#[derive(Clone, Copy)]
enum SpecialTime {
    Now,
    /// Days after today.
    Day(i64),
    Epoch,
}

const SPECIAL_TIMES: &[(&str, SpecialTime)] = &[
    ("now", SpecialTime::Now),
    ("today", SpecialTime::Day(0)),
    ("tomorrow", SpecialTime::Day(1)),
    ("yesterday", SpecialTime::Day(-1)),
    ("epoch", SpecialTime::Epoch),
];

/// Words of Postgres that the engine has no value for.
const INFINITE_TIMES: &[&str] = &["infinity", "-infinity"];

/// The expression that a literal stands for; `None` if the engine reads it as Postgres
/// does, or reports its error.
///
/// # Errors
/// `infinity`.
pub fn replacement_of(kind: TimeKind, literal: &str) -> Result<Option<Expr>, ParserError> {
    let word = literal.trim().to_lowercase();
    if INFINITE_TIMES.contains(&word.as_str()) {
        return Err(ParserError::ParserError(format!(
            "the time '{word}' of Postgres has no value here; write a far date, such as '2200-01-01'"
        )));
    }
    if let Some((_, special)) = SPECIAL_TIMES.iter().find(|(name, _)| *name == word) {
        return Ok(Some(special_time(*special)));
    }
    let Some(parts) = TimeLiteralParts::read(literal.trim()) else {
        return Ok(None);
    };
    Ok(Some(literal_of(&parts, kind)))
}

fn special_time(special: SpecialTime) -> Expr {
    match special {
        SpecialTime::Now => call("now", Vec::new()),
        SpecialTime::Day(days) => call(
            "date_plus_days",
            vec![call("current_date", Vec::new()), number(days)],
        ),
        SpecialTime::Epoch => text("1970-01-01T00:00:00"),
    }
}

/// The literal that the engine reads as Postgres reads these parts.
fn literal_of(parts: &TimeLiteralParts<'_>, kind: TimeKind) -> Expr {
    let date = parts.date;
    let Some((hours, minutes, seconds)) = parts.time else {
        return text(date);
    };
    let local = format!("{date}T{hours}:{minutes}:{seconds}");
    match (kind, parts.zone) {
        (TimeKind::Date, _) => text(date),
        (TimeKind::Timestamp, _) | (TimeKind::TimestampTz, None) => text(local),
        (TimeKind::TimestampTz, Some(zone)) => match offset_of(zone) {
            Some(offset) => text(format!("{local}{offset}")),
            None => call(
                "timezone",
                vec![
                    text(zone),
                    cast(text(local), DataType::Timestamp(None, TimezoneInfo::None)),
                ],
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: TimeKind, literal: &str) -> String {
        match replacement_of(kind, literal) {
            Ok(Some(expr)) => expr.to_string(),
            Ok(None) => "as written".to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn literals_are_read_as_in_postgres() {
        use TimeKind::{Date, Timestamp, TimestampTz};
        for (kind, literal, expected) in [
            (Timestamp, "2024-01-02 03:04", "'2024-01-02T03:04:00'"),
            (
                Timestamp,
                "2024-01-02 03:04:05.678",
                "'2024-01-02T03:04:05.678'",
            ),
            (Timestamp, "2024-01-02 03:04:05+02", "'2024-01-02T03:04:05'"),
            (
                TimestampTz,
                "2024-01-02 03:04:05+02",
                "'2024-01-02T03:04:05+02:00'",
            ),
            (
                TimestampTz,
                "2024-01-02T03:04-0530",
                "'2024-01-02T03:04:00-05:30'",
            ),
            (
                TimestampTz,
                "2024-01-02 03:04:05Z",
                "'2024-01-02T03:04:05+00:00'",
            ),
            (TimestampTz, "2024-01-02 03:04:05", "'2024-01-02T03:04:05'"),
            (
                TimestampTz,
                "2024-01-02 03:04:05 Europe/Berlin",
                "timezone('Europe/Berlin', CAST('2024-01-02T03:04:05' AS TIMESTAMP))",
            ),
            (Date, "2024-01-02 03:04:05", "'2024-01-02'"),
            (Date, "today", "date_plus_days(current_date(), 0)"),
            (Timestamp, " NOW ", "now()"),
            (Date, "1/2/2024", "as written"),
            (Timestamp, "2024-01-02 3", "as written"),
            (Timestamp, "2024-01-é", "as written"),
            (TimestampTz, "", "as written"),
        ] {
            assert_eq!(read(kind, literal), expected, "{literal}");
        }
        assert!(read(Date, "infinity").contains("no value here"));
    }
}
