//! Meaning of the positions on an axis, and their texts.

use arrow::datatypes::{DataType, TimeUnit};
use arrow::temporal_conversions::timestamp_s_to_datetime;

use super::number::format_number;

/// Meaning of the positions on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    Numbers,
    /// Points in time since 1970; the number is units per second.
    Times(f64),
}

impl Axis {
    /// The axis for a column of this type.
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

    /// The text of a position.
    pub fn text(self, value: f64) -> String {
        let Self::Times(per_second) = self else {
            return format_number(value);
        };
        match timestamp_s_to_datetime((value / per_second).round() as i64) {
            Some(time) => {
                let text = time.format("%Y-%m-%d %H:%M:%S").to_string();
                text.strip_suffix(" 00:00:00").unwrap_or(&text).to_string()
            }
            None => format_number(value),
        }
    }

    /// The text of an edge between bins `step` wide, with just enough digits to
    /// differ from its neighbours.
    pub fn edge_text(self, value: f64, step: f64) -> String {
        if self != Self::Numbers || step <= 0.0 {
            return self.text(value);
        }
        let unit = 10f64.powf((step / 100.0).log10().floor());
        let rounded = (value / unit).round() * unit;
        format_number(if rounded.is_finite() { rounded } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        assert_eq!(Axis::of(&DataType::Date32).text(19_723.0), "2024-01-01");
        let nanoseconds = Axis::of(&DataType::Timestamp(TimeUnit::Nanosecond, None));
        assert_eq!(nanoseconds.text(1.704_067_201e18), "2024-01-01 00:00:01");
        assert_eq!(nanoseconds.text(f64::MAX), format_number(f64::MAX));
    }

    #[test]
    fn edges_have_just_enough_digits() {
        assert_eq!(Axis::Numbers.edge_text(1.234_567, 0.3), "1.235");
        assert_eq!(Axis::Numbers.edge_text(1.234_567, 30.0), "1.2");
        assert_eq!(Axis::Numbers.edge_text(1_234.567, 5_000.0), "1230");
    }
}
