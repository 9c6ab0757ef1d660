//! Types of columns of delimited text, from their values.

use arrow::datatypes::{DataType, TimeUnit};

use super::literal;
use crate::sources::number_range::NumberRange;

/// Type of a column of delimited text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    pub data_type: DataType,
    /// Whether its numbers have decimal commas.
    pub decimal_comma: bool,
}

/// Kinds of the values of a column.
#[derive(Clone, Debug, Default)]
pub struct ColumnEvidence {
    text: bool,
    boolean: bool,
    date: bool,
    /// Unit that holds the digits of all times.
    time_unit: Option<TimeUnit>,
    /// Whether a time is beyond the range of nanoseconds.
    beyond_nanoseconds: bool,
    numbers: NumberRange,
    /// Numbers with a decimal point.
    points: bool,
    /// Numbers with a comma, and those whose comma is a decimal comma for certain.
    commas: bool,
    decimal_commas: bool,
}

impl ColumnEvidence {
    /// Adds a value that is not empty. `commas` allows decimal commas.
    pub fn add(&mut self, value: &str, commas: bool) {
        if self.text {
            return;
        }
        if literal::is_number(value) && !literal::is_code(value) {
            self.points |= value.contains('.');
            self.numbers.add(value);
        } else if let Some(number) = commas.then(|| literal::comma_number(value)).flatten() {
            self.commas = true;
            self.decimal_commas |= !number.ambiguous;
            self.numbers.add(&number.text);
        } else if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
            self.boolean = true;
        } else if literal::date(value).is_some() {
            self.date = true;
        } else if let Some(unit) = literal::time_unit(value)
            && literal::timestamp(value, TimeUnit::Second).is_some()
        {
            self.time_unit = self.time_unit.max(Some(unit));
            self.beyond_nanoseconds |= literal::timestamp(value, TimeUnit::Nanosecond).is_none();
        } else {
            self.text = true;
        }
    }

    /// Adds the values of another part of the column.
    pub fn merge(&mut self, other: &Self) {
        self.text |= other.text;
        self.boolean |= other.boolean;
        self.date |= other.date;
        self.time_unit = self.time_unit.max(other.time_unit);
        self.beyond_nanoseconds |= other.beyond_nanoseconds;
        self.numbers.merge(other.numbers);
        self.points |= other.points;
        self.commas |= other.commas;
        self.decimal_commas |= other.decimal_commas;
    }

    /// Whether all values are numbers, times or Boolean values.
    pub fn is_typed(&self) -> bool {
        !self.text
    }

    /// Narrowest type that holds every value as it is written; otherwise text.
    pub fn column_type(&self) -> ColumnType {
        let times = self.date || self.time_unit.is_some();
        let kinds = [self.boolean, !self.numbers.is_empty(), times];
        let data_type = match kinds {
            _ if self.text => DataType::Utf8,
            [true, false, false] => DataType::Boolean,
            [false, true, false] => self.number_type(),
            [false, false, true] => self.time_type(),
            _ => DataType::Utf8,
        };
        ColumnType {
            decimal_comma: self.commas && data_type != DataType::Utf8,
            data_type,
        }
    }

    fn number_type(&self) -> DataType {
        if self.commas && (self.points || !self.decimal_commas) {
            return DataType::Utf8;
        }
        match self.numbers.data_type() {
            DataType::Int64 | DataType::UInt64 | DataType::Float64 => self.numbers.data_type(),
            _ if self.commas => DataType::Utf8,
            decimal => decimal,
        }
    }

    fn time_type(&self) -> DataType {
        match self.time_unit {
            None => DataType::Date32,
            Some(TimeUnit::Nanosecond) if self.beyond_nanoseconds => DataType::Utf8,
            Some(unit) => DataType::Timestamp(unit, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> DataType {
        let mut evidence = ColumnEvidence::default();
        for value in values {
            let mut single = ColumnEvidence::default();
            single.add(value, true);
            evidence.merge(&single);
        }
        evidence.column_type().data_type
    }

    #[test]
    fn a_column_has_the_type_of_all_its_values() {
        assert_eq!(of(&[]), DataType::Utf8);
        assert_eq!(of(&["true", "FALSE"]), DataType::Boolean);
        assert_eq!(of(&["true", "1"]), DataType::Utf8);
        assert_eq!(of(&["1", "2024-01-01"]), DataType::Utf8);
        assert_eq!(of(&["0012", "7"]), DataType::Utf8);
        assert_eq!(of(&["18446744073709551615", "0"]), DataType::UInt64);
        assert_eq!(of(&["2024-13-01"]), DataType::Utf8);
    }

    #[test]
    fn times_beyond_2262_have_a_unit_that_holds_them() {
        let micro = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(of(&["9999-12-31 23:59:59.999999", "2024-01-01"]), micro);
        let nano = DataType::Timestamp(TimeUnit::Nanosecond, None);
        assert_eq!(of(&["2024-01-01 00:00:00.1234567"]), nano);
        assert_eq!(
            of(&["2024-01-01 00:00:00.1234567", "3000-01-01 00:00:00"]),
            DataType::Utf8
        );
    }

    #[test]
    fn decimal_commas_are_numbers_only_if_all_values_are() {
        assert_eq!(of(&["1,5", "3", "-0,25"]), DataType::Float64);
        assert_eq!(of(&["1,5", "1.5"]), DataType::Utf8);
        assert_eq!(of(&["1,5", "1.234,50"]), DataType::Utf8);
        assert_eq!(of(&["1,234", "12,500"]), DataType::Utf8);
        assert_eq!(of(&["1,234", "12,5"]), DataType::Float64);
    }
}
