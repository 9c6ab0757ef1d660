//! Formats of dates and times: `YYYY-MM-DD HH24:MI:SS`.

/// Part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatePart {
    Field {
        field: DateField,
        /// `FM`: no padding.
        is_bare: bool,
        /// `TH` or `th` after a number.
        ordinal: Option<Ordinal>,
    },
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordinal {
    Upper,
    Lower,
}

/// Spelling of a name or a mark: `MONTH`, `Month`, `month`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterCase {
    Upper,
    Title,
    Lower,
}

/// Field of a date or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateField {
    Hour12,
    Hour24,
    Minute,
    Second,
    /// Digits of the fraction of a second.
    Fraction(u32),
    SecondsOfDay,
    Meridiem(LetterCase, bool),
    /// Digits of the year, and whether a comma follows the thousands.
    Year(u32),
    YearWithComma,
    IsoYear(u32),
    Era(LetterCase, bool),
    MonthName(LetterCase),
    MonthShort(LetterCase),
    Month,
    DayName(LetterCase),
    DayShort(LetterCase),
    DayOfYear,
    DayOfIsoYear,
    Day,
    /// Sunday is 1.
    Weekday,
    /// Monday is 1.
    IsoWeekday,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Century,
    JulianDay,
    Quarter,
    RomanMonth(LetterCase),
    ZoneName(LetterCase),
    Offset,
    OffsetHours,
    OffsetMinutes,
}

use DateField as F;
use LetterCase::{Lower, Title, Upper};

/// Patterns, the longest first where one begins another.
const PATTERNS: &[(&str, DateField)] = &[
    ("SSSSS", F::SecondsOfDay),
    ("SSSS", F::SecondsOfDay),
    ("HH24", F::Hour24),
    ("HH12", F::Hour12),
    ("HH", F::Hour12),
    ("MI", F::Minute),
    ("SS", F::Second),
    ("MS", F::Fraction(3)),
    ("US", F::Fraction(6)),
    ("FF1", F::Fraction(1)),
    ("FF2", F::Fraction(2)),
    ("FF3", F::Fraction(3)),
    ("FF4", F::Fraction(4)),
    ("FF5", F::Fraction(5)),
    ("FF6", F::Fraction(6)),
    ("Y,YYY", F::YearWithComma),
    ("YYYY", F::Year(4)),
    ("YYY", F::Year(3)),
    ("YY", F::Year(2)),
    ("Y", F::Year(1)),
    ("IYYY", F::IsoYear(4)),
    ("IYY", F::IsoYear(3)),
    ("IY", F::IsoYear(2)),
    ("IDDD", F::DayOfIsoYear),
    ("ID", F::IsoWeekday),
    ("IW", F::IsoWeek),
    ("I", F::IsoYear(1)),
    ("DDD", F::DayOfYear),
    ("DD", F::Day),
    ("D", F::Weekday),
    ("MM", F::Month),
    ("WW", F::WeekOfYear),
    ("W", F::WeekOfMonth),
    ("CC", F::Century),
    ("J", F::JulianDay),
    ("Q", F::Quarter),
    ("OF", F::Offset),
    ("TZH", F::OffsetHours),
    ("TZM", F::OffsetMinutes),
];

/// Field of a pattern, in the case of its letters.
type FieldOfCase = fn(LetterCase) -> DateField;

/// Patterns whose letters have a case: the first two letters choose it.
const WORDS: &[(&str, FieldOfCase)] = &[
    ("MONTH", F::MonthName),
    ("MON", F::MonthShort),
    ("DAY", F::DayName),
    ("DY", F::DayShort),
    ("A.M.", |case| F::Meridiem(case, true)),
    ("P.M.", |case| F::Meridiem(case, true)),
    ("AM", |case| F::Meridiem(case, false)),
    ("PM", |case| F::Meridiem(case, false)),
    ("A.D.", |case| F::Era(case, true)),
    ("B.C.", |case| F::Era(case, true)),
    ("AD", |case| F::Era(case, false)),
    ("BC", |case| F::Era(case, false)),
    ("RM", F::RomanMonth),
    ("TZ", F::ZoneName),
];

/// Modifiers of Postgres that depend on a locale or on a calendar of another kind.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("TM", "names in the language of a locale"),
    ("SP", "numbers as words"),
];

/// Parts of a format. Letters outside patterns and quotes stand for themselves.
///
/// # Errors
/// A modifier without a meaning here.
pub fn parse(format: &str) -> Result<Vec<DatePart>, String> {
    let mut parts: Vec<DatePart> = Vec::new();
    let mut rest = format;
    let mut is_bare = false;
    while let Some(ch) = rest.chars().next() {
        if let Some((modifier, meaning)) = UNSUPPORTED.iter().find(|(name, _)| starts(rest, name)) {
            return Err(format!(
                "the modifier {modifier} of the format '{format}' ({meaning}) is not supported"
            ));
        }
        if starts(rest, "FM") {
            is_bare = true;
            rest = &rest[2..];
            continue;
        }
        if starts(rest, "FX") {
            rest = &rest[2..];
            continue;
        }
        let word = WORDS
            .iter()
            .find(|(name, _)| starts(rest, name) && !is_other_pattern(rest, name));
        if let Some((name, field)) = word {
            let field = field(case_of(&rest[..name.len()]));
            rest = &rest[name.len()..];
            parts.push(DatePart::Field {
                field,
                is_bare,
                ordinal: None,
            });
            is_bare = false;
            continue;
        }
        let pattern = PATTERNS.iter().find(|(name, _)| starts(rest, name));
        if let Some((name, field)) = pattern {
            rest = &rest[name.len()..];
            let ordinal = match rest.get(..2) {
                Some("TH") => Some(Ordinal::Upper),
                Some("th") => Some(Ordinal::Lower),
                _ => None,
            };
            if ordinal.is_some() {
                rest = &rest[2..];
            }
            parts.push(DatePart::Field {
                field: *field,
                is_bare,
                ordinal,
            });
            is_bare = false;
            continue;
        }
        if ch == '"' {
            let (text, after) = quoted(&rest[1..]);
            push_text(&mut parts, &text);
            rest = after;
            continue;
        }
        let mut length = ch.len_utf8();
        if ch == '\\' && rest[1..].starts_with('"') {
            rest = &rest[1..];
            length = 1;
        }
        push_text(&mut parts, &rest[..length]);
        rest = &rest[length..];
    }
    Ok(parts)
}

/// `TZH` and `TZM` begin as `TZ` does.
fn is_other_pattern(rest: &str, name: &str) -> bool {
    name == "TZ" && (starts(rest, "TZH") || starts(rest, "TZM"))
}

fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn case_of(pattern: &str) -> LetterCase {
    let mut letters = pattern.chars().filter(|ch| ch.is_alphabetic());
    let is_lower = |ch: Option<char>| ch.is_some_and(char::is_lowercase);
    match (is_lower(letters.next()), is_lower(letters.next())) {
        (true, _) => Lower,
        (false, true) => Title,
        (false, false) => Upper,
    }
}

/// The text up to the closing quote, and the rest behind it.
fn quoted(rest: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, ch)) = chars.next() {
        match ch {
            '"' => return (text, &rest[at + 1..]),
            '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    (text, "")
}

fn push_text(parts: &mut Vec<DatePart>, text: &str) {
    match parts.last_mut() {
        Some(DatePart::Text(last)) => last.push_str(text),
        _ => parts.push(DatePart::Text(text.to_string())),
    }
}
