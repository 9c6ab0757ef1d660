//! Quantities and their normalized form.

use serde::{Deserialize, Serialize};

use super::unit::{Dimension, Unit};

/// Axis of a dimension, from its letter or its place in `30 x 40 x 20 cm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    Length,
    Width,
    Height,
    Depth,
}

/// One number or range of a [`Quantity`].
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// Bytes of the number with its unit or axis letter, where they are next to it.
    pub start: usize,
    pub end: usize,
    /// Bounds; equal unless the text gives a range.
    pub low: f64,
    pub high: f64,
    /// Axis that the text names.
    pub axis: Option<Axis>,
}

/// A number with a unit, a range, dimensions such as `30 x 40 cm`, or a number of pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Bytes of the text, from the first number to the last unit.
    pub start: usize,
    pub end: usize,
    /// One, or two to four for dimensions.
    pub amounts: Vec<Amount>,
    /// Unit of all amounts. A plain count has [`Dimension::Count`].
    pub unit: &'static Unit,
}

impl Quantity {
    /// The dimension of the unit.
    pub fn dimension(&self) -> Dimension {
        self.unit.dimension
    }

    /// Canonical form in `unit`: `330 ml`, `5..10 kg`, `30 x 40 cm`, `12`. `None` if the
    /// dimensions differ or a value is not finite.
    pub fn normalized(&self, unit: &Unit) -> Option<String> {
        let mut form = String::new();
        for (position, amount) in self.amounts.iter().enumerate() {
            if position > 0 {
                form.push_str(" x ");
            }
            form.push_str(&amount.numbers(self.unit, unit)?);
        }
        push_unit(&mut form, unit);
        Some(form)
    }
}

impl Amount {
    /// Canonical form in `target` of an amount in `unit`: `330 ml`, `5..10 kg`.
    pub fn normalized(&self, unit: &Unit, target: &Unit) -> Option<String> {
        let mut form = self.numbers(unit, target)?;
        push_unit(&mut form, target);
        Some(form)
    }

    fn numbers(&self, unit: &Unit, target: &Unit) -> Option<String> {
        let digits = if unit == target {
            MAX_DIGITS
        } else {
            CONVERTED_DIGITS
        };
        let low = shortest_decimal(unit.convert(self.low, target)?, digits)?;
        let high = shortest_decimal(unit.convert(self.high, target)?, digits)?;
        Some(if low == high {
            low
        } else {
            format!("{low}..{high}")
        })
    }
}

fn push_unit(form: &mut String, unit: &Unit) {
    if !unit.name.is_empty() {
        form.push(' ');
        form.push_str(unit.name);
    }
}

/// Largest absolute value with a normalized form.
const MAX_ABSOLUTE: f64 = 1e18;

/// Significant digits of numbers in their own unit, and of converted ones.
const MAX_DIGITS: usize = 15;
const CONVERTED_DIGITS: usize = 6;

/// The shortest decimal form with at most `digits` significant digits, without exponent;
/// `None` for numbers out of range.
fn shortest_decimal(value: f64, digits: usize) -> Option<String> {
    if !value.is_finite() || value.abs() > MAX_ABSOLUTE {
        return None;
    }
    let rounded: f64 = format!("{value:.*e}", digits.saturating_sub(1))
        .parse()
        .ok()?;
    // Adding zero turns -0 into 0.
    Some(format!("{}", rounded + 0.0))
}

#[cfg(test)]
mod tests {
    use super::super::{find_unit, parse_quantities};
    use super::*;

    #[test]
    fn normalized_forms_are_short_decimals() {
        for (text, unit, expected) in [
            ("330 ml", "ml", Some("330 ml")),
            ("330 ml", "l", Some("0.33 l")),
            ("5-10 kg", "kg", Some("5..10 kg")),
            ("5 to 10 lb", "kg", Some("2.26796..4.53592 kg")),
            ("30 x 40cm", "cm", Some("30 x 40 cm")),
            ("1,000/Box", "count", Some("1000")),
            ("4 3/4 in", "in", Some("4.75 in")),
            ("1TB", "GB", Some("1000 GB")),
            ("-40 °F", "°C", Some("-40 °C")),
            ("5 kg", "cm", None),
            ("$5", "EUR", None),
            ("123456789.123 kg", "kg", Some("123456789.123 kg")),
        ] {
            let quantities = parse_quantities(text);
            let form = quantities[0].normalized(find_unit(unit).unwrap());
            assert_eq!(form.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_out_of_range_have_no_form() {
        for value in [f64::NAN, f64::INFINITY, 1e19] {
            assert_eq!(shortest_decimal(value, MAX_DIGITS), None);
        }
        assert_eq!(shortest_decimal(-0.0, MAX_DIGITS).as_deref(), Some("0"));
        assert_eq!(
            shortest_decimal(0.1 + 0.2, MAX_DIGITS).as_deref(),
            Some("0.3")
        );
    }
}
