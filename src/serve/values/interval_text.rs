//! Intervals in text, as Postgres reads them: `1 year 2 mons 3 days 04:05:06.7`,
//! `@ 1 hour ago`, `P1Y2M3DT4H5M6.7S`.

/// Months, days and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntervalParts {
    pub months: i32,
    pub days: i32,
    pub nanos: i64,
}

/// What one of a unit adds.
#[derive(Clone, Copy)]
enum UnitSize {
    Months(f64),
    Days(f64),
    Nanos(f64),
}

const NANOS_PER_SECOND: f64 = 1e9;
const DAYS_PER_MONTH: f64 = 30.0;
const NANOS_PER_DAY: f64 = 86_400.0 * NANOS_PER_SECOND;

/// Units and their names.
const UNITS: &[(&[&str], UnitSize)] = &[
    (
        &["millennium", "millennia", "millenniums", "mil", "mils"],
        UnitSize::Months(12_000.0),
    ),
    (
        &["century", "centuries", "cent", "c"],
        UnitSize::Months(1_200.0),
    ),
    (
        &["decade", "decades", "dec", "decs"],
        UnitSize::Months(120.0),
    ),
    (&["year", "years", "yr", "yrs", "y"], UnitSize::Months(12.0)),
    (&["month", "months", "mon", "mons"], UnitSize::Months(1.0)),
    (&["week", "weeks", "w"], UnitSize::Days(7.0)),
    (&["day", "days", "d"], UnitSize::Days(1.0)),
    (
        &["hour", "hours", "hr", "hrs", "h"],
        UnitSize::Nanos(3_600.0 * NANOS_PER_SECOND),
    ),
    (
        &["minute", "minutes", "min", "mins", "m"],
        UnitSize::Nanos(60.0 * NANOS_PER_SECOND),
    ),
    (
        &["second", "seconds", "sec", "secs", "s"],
        UnitSize::Nanos(NANOS_PER_SECOND),
    ),
    (
        &["millisecond", "milliseconds", "msec", "msecs", "ms"],
        UnitSize::Nanos(1e6),
    ),
    (
        &["microsecond", "microseconds", "usec", "usecs", "us"],
        UnitSize::Nanos(1e3),
    ),
];

/// Units of ISO 8601 before and after the `T`.
const ISO_DATE: &[(char, UnitSize)] = &[
    ('Y', UnitSize::Months(12.0)),
    ('M', UnitSize::Months(1.0)),
    ('W', UnitSize::Days(7.0)),
    ('D', UnitSize::Days(1.0)),
];
const ISO_TIME: &[(char, UnitSize)] = &[
    ('H', UnitSize::Nanos(3_600.0 * NANOS_PER_SECOND)),
    ('M', UnitSize::Nanos(60.0 * NANOS_PER_SECOND)),
    ('S', UnitSize::Nanos(NANOS_PER_SECOND)),
];

/// Reads an interval; `None` for any other text, and beyond the range.
pub fn parse(text: &str) -> Option<IntervalParts> {
    let text = text.trim();
    let mut sum = IntervalSum::default();
    match text.strip_prefix(['P', 'p']) {
        Some(iso) => sum.add_iso(iso)?,
        None => sum.add_words(text)?,
    }
    sum.parts()
}

#[derive(Default)]
struct IntervalSum {
    months: f64,
    days: f64,
    nanos: i128,
}

impl IntervalSum {
    /// Adds an amount. The fraction of a month goes to the days, that of a day to the
    /// time, as in Postgres.
    fn add(&mut self, amount: f64, size: UnitSize) {
        match size {
            UnitSize::Months(months) => {
                let months = amount * months;
                self.months += months.trunc();
                self.add(months.fract(), UnitSize::Days(DAYS_PER_MONTH));
            }
            UnitSize::Days(days) => {
                let days = amount * days;
                self.days += days.trunc();
                self.nanos += (days.fract() * NANOS_PER_DAY).round() as i128;
            }
            UnitSize::Nanos(nanos) => self.nanos += (amount * nanos).round() as i128,
        }
    }

    fn add_words(&mut self, text: &str) -> Option<()> {
        let text = text.replace(',', " ");
        let mut words = text.trim_start_matches('@').split_whitespace().peekable();
        words.peek()?;
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case("ago") {
                self.months = -self.months;
                self.days = -self.days;
                self.nanos = -self.nanos;
                return words.next().is_none().then_some(());
            }
            if word.contains(':') {
                self.add_clock(word)?;
                continue;
            }
            // A unit may follow its number without a blank.
            let end = word
                .find(|c: char| c.is_ascii_alphabetic())
                .unwrap_or(word.len());
            let (number, unit) = word.split_at(end);
            let amount: f64 = number.parse().ok().filter(|n: &f64| n.is_finite())?;
            let unit = match unit.is_empty() {
                false => Some(unit),
                true => words.next_if(|next| next.starts_with(|c: char| c.is_ascii_alphabetic())),
            };
            // A number without a unit is seconds.
            let unit = unit.unwrap_or("s").to_lowercase();
            let (_, size) = UNITS
                .iter()
                .find(|(names, _)| names.contains(&unit.as_str()))?;
            self.add(amount, *size);
        }
        Some(())
    }

    /// Adds `[-]hours:minutes[:seconds]`.
    fn add_clock(&mut self, word: &str) -> Option<()> {
        let (sign, word) = match word.strip_prefix('-') {
            Some(word) => (-1.0, word),
            None => (1.0, word.strip_prefix('+').unwrap_or(word)),
        };
        let mut parts = word.split(':');
        for (at, (_, size)) in ISO_TIME.iter().enumerate() {
            let Some(part) = parts.next() else {
                return (at == 2).then_some(());
            };
            if !part.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            let amount: f64 = part.parse().ok().filter(|n: &f64| n.is_finite())?;
            self.add(sign * amount, *size);
        }
        parts.next().is_none().then_some(())
    }

    fn add_iso(&mut self, text: &str) -> Option<()> {
        let mut units = ISO_DATE;
        let mut number = String::new();
        let mut is_empty = true;
        for c in text.chars() {
            match c.to_ascii_uppercase() {
                'T' if number.is_empty() => units = ISO_TIME,
                '0'..='9' | '.' | '-' | '+' => number.push(c),
                unit => {
                    let amount: f64 = number.parse().ok().filter(|n: &f64| n.is_finite())?;
                    let (_, size) = units.iter().find(|(known, _)| *known == unit)?;
                    self.add(amount, *size);
                    number.clear();
                    is_empty = false;
                }
            }
        }
        (number.is_empty() && !is_empty).then_some(())
    }

    fn parts(&self) -> Option<IntervalParts> {
        let whole = |value: f64| -> Option<i32> {
            let fits = value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX);
            fits.then_some(value as i32)
        };
        Some(IntervalParts {
            months: whole(self.months)?,
            days: whole(self.days)?,
            nanos: i64::try_from(self.nanos).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_many_forms() {
        for (text, months, days, nanos) in [
            ("1 year 2 mons 3 days 04:05:06.7", 14, 3, 14_706_700_000_000),
            ("1 day, 2:00:00", 0, 1, 7_200_000_000_000),
            ("-1 days +02:00:00", 0, -1, 7_200_000_000_000),
            ("@ 1 hour 2 mins ago", 0, 0, -3_720_000_000_000),
            ("P1Y2M3DT4H5M6.7S", 14, 3, 14_706_700_000_000),
            ("PT-1S", 0, 0, -1_000_000_000),
            ("1.5 years", 18, 0, 0),
            ("1.5 days", 0, 1, 43_200_000_000_000),
            ("90", 0, 0, 90_000_000_000),
            ("2h", 0, 0, 7_200_000_000_000),
            ("-00:00:00.000001", 0, 0, -1_000),
        ] {
            let expected = IntervalParts {
                months,
                days,
                nanos,
            };
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_intervals() {
        for text in [
            "",
            "soon",
            "1 fortnight",
            "1:2:3:4",
            "ago 1 day",
            "P",
            "PT",
            "P1X",
            "1e400 days",
            "999999999999 years",
            ":::",
            "1 day ago ago",
        ] {
            let found = parse(text);
            assert_eq!(found, None, "{text}");
        }
    }
}
