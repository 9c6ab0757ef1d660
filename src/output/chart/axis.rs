//! Numbers and times as people write them on an axis.

use arrow::datatypes::{DataType, TimeUnit};
use arrow::temporal_conversions::timestamp_s_to_datetime;

/// What the positions on an axis mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    Numbers,
    /// Points in time since 1970, in units of which a second has so many.
    Times(f64),
}

impl Axis {
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Date32 => Self::Times(1.0 / 86_400.0),
            DataType::Date64 => Self::Times(1e3),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Times(1.0),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Self::Times(1e3),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Times(1e6),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Self::Times(1e9),
            _ => Self::Numbers,
        }
    }

    /// The text at a place of the axis.
    pub fn text(self, value: f64) -> String {
        let Self::Times(per_second) = self else {
            return number(value);
        };
        match timestamp_s_to_datetime((value / per_second).round() as i64) {
            Some(time) => {
                let text = time.format("%Y-%m-%d %H:%M:%S").to_string();
                text.strip_suffix(" 00:00:00").unwrap_or(&text).to_string()
            }
            None => number(value),
        }
    }

    /// The text of an edge between bins `step` wide: no more digits than tell
    /// it from its neighbour.
    pub fn edge(self, value: f64, step: f64) -> String {
        if self != Self::Numbers || step <= 0.0 {
            return self.text(value);
        }
        let unit = 10f64.powf((step / 100.0).log10().floor());
        let rounded = (value / unit).round() * unit;
        number(if rounded.is_finite() { rounded } else { value })
    }
}

/// A number with as many digits as people read.
pub fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        // Negative zero is zero.
        format!("{:.0}", value + 0.0)
    } else if value.abs() >= 0.01 && value.abs() < 1e6 {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        format!("{value:.3e}")
    }
}

/// Where digits are set in threes: years and short numbers are not.
pub const GROUPED_FROM: f64 = 10_000.0;

/// A number as text, its digits in threes from five digits on.
pub fn grouped(text: &str) -> String {
    let start = usize::from(text.starts_with('-'));
    let end = text[start..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(text.len(), |length| start + length);
    if end - start < 5 || text[end..].starts_with('e') {
        return text.to_string();
    }
    in_threes(text)
}

/// The same from four digits on, for texts beside longer ones.
pub fn in_threes(text: &str) -> String {
    let start = usize::from(text.starts_with('-'));
    let end = text[start..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(text.len(), |length| start + length);
    let mut grouped = text[..start].to_string();
    for (at, digit) in text[start..end].char_indices() {
        if at > 0 && (end - start - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(&text[end..]);
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_times_are_dates() {
        let numbers = [0.0, -0.0, 1_118_658.0, 2.5, 0.0625, 1e-7, -12.3456];
        let texts: Vec<String> = numbers.into_iter().map(number).collect();
        assert_eq!(
            texts,
            ["0", "0", "1118658", "2.5", "0.062", "1.000e-7", "-12.346"]
        );
        assert_eq!(Axis::of(&DataType::Date32).text(19_723.0), "2024-01-01");
        let nanoseconds = Axis::of(&DataType::Timestamp(TimeUnit::Nanosecond, None));
        assert_eq!(nanoseconds.text(1.704_067_201e18), "2024-01-01 00:00:01");
        assert_eq!(nanoseconds.text(f64::MAX), number(f64::MAX));
    }

    #[test]
    fn digits_stand_in_threes_where_there_are_many() {
        let numbers = ["2024", "1118658", "-12345.678", "999", "1.000e-7", ""];
        let texts: Vec<String> = numbers.into_iter().map(grouped).collect();
        assert_eq!(
            texts,
            ["2024", "1,118,658", "-12,345.678", "999", "1.000e-7", ""]
        );
        assert_eq!(in_threes("2024"), "2,024");
    }

    #[test]
    fn edges_have_no_more_digits_than_they_need() {
        assert_eq!(Axis::Numbers.edge(1.234_567, 0.3), "1.235");
        assert_eq!(Axis::Numbers.edge(1.234_567, 30.0), "1.2");
        assert_eq!(Axis::Numbers.edge(1_234.567, 5_000.0), "1230");
    }
}
