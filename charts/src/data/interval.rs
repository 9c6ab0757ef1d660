//! Columns with the interval of a value.

use arrow::datatypes::Schema;

use crate::value::is_number;

/// Names of the ends of an interval; `{}` is the name of the value.
const NAMED_ENDS: &[(&str, &str)] = &[("{}_low", "{}_high"), ("{}_lower", "{}_upper")];

/// Names of the ends of the interval of the first number column.
const PLAIN_ENDS: &[(&str, &str)] = &[("low", "high"), ("lower", "upper")];

/// The columns with the ends of the interval of the column `y`.
pub fn interval_columns(schema: &Schema, y: usize) -> Option<(usize, usize)> {
    let column = |name: &str| {
        let mut fields = schema.fields().iter();
        let found = fields.position(|field| field.name().eq_ignore_ascii_case(name))?;
        is_number(schema.field(found).data_type()).then_some(found)
    };
    let name = schema.field(y).name();
    let named = NAMED_ENDS.iter().find_map(|(low, high)| {
        Some((
            column(&low.replace("{}", name))?,
            column(&high.replace("{}", name))?,
        ))
    });
    let first = schema
        .fields()
        .iter()
        .position(|field| is_number(field.data_type()));
    let plain = || {
        let mut ends = PLAIN_ENDS.iter();
        ends.find_map(|(low, high)| Some((column(low)?, column(high)?)))
    };
    named
        .or_else(|| plain().filter(|_| first == Some(y)))
        .filter(|(low, high)| *low != y && *high != y)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn intervals_belong_to_the_value_of_that_name_or_the_first() {
        let of = |names: &[&str], y: usize| {
            let field = |name: &&str| {
                let text = *name == "label";
                let number = if text {
                    DataType::Utf8
                } else {
                    DataType::Float64
                };
                Field::new(*name, number, true)
            };
            interval_columns(&Schema::new(names.iter().map(field).collect::<Vec<_>>()), y)
        };
        let all = [
            "label",
            "share",
            "count",
            "Low",
            "high",
            "count_low",
            "count_high",
            "n",
        ];
        assert_eq!(of(&all, 1), Some((3, 4)));
        assert_eq!(of(&all, 2), Some((5, 6)));
        assert_eq!(of(&all, 7), None);
        assert_eq!(of(&all, 3), None);
        assert_eq!(of(&["label", "n", "low"], 1), None);
        assert_eq!(of(&["low", "high"], 0), None);
        assert_eq!(of(&["n", "lower", "upper"], 0), Some((1, 2)));
    }
}
