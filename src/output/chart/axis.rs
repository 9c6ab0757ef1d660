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
        number((value / unit).round() * unit)
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
    fn edges_have_no_more_digits_than_they_need() {
        assert_eq!(Axis::Numbers.edge(1.234_567, 0.3), "1.235");
        assert_eq!(Axis::Numbers.edge(1.234_567, 30.0), "1.2");
        assert_eq!(Axis::Numbers.edge(1_234.567, 5_000.0), "1230");
    }
}
