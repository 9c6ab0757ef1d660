//! Key of a value that is a quantity.

use std::fmt::Write;

use crate::extraction::rules::quantities::{Dimension, parse_quantities};

/// Significant digits of equal quantities: rounding in a text is beyond them.
const SIGNIFICANT_DIGITS: usize = 4;

/// Longest value that is parsed, in bytes.
const MAX_QUANTITY_BYTES: usize = 200;

/// Key of a value that is one quantity with a unit; equal for equal quantities in
/// different units. `None` for other values.
pub fn quantity_key(value: &str) -> Option<String> {
    let value = value.trim();
    if value.len() > MAX_QUANTITY_BYTES {
        return None;
    }
    let quantities = parse_quantities(value);
    let [quantity] = quantities.as_slice() else {
        return None;
    };
    let dimension = quantity.dimension();
    let is_whole = quantity.start == 0
        && value
            .get(quantity.end..)
            .is_some_and(|rest| rest.chars().all(|c| matches!(c, '.' | ' ')));
    // A number without a unit says too little.
    if !is_whole || dimension == Dimension::Count {
        return None;
    }
    let mut key = format!("{dimension:?}");
    for amount in &quantity.amounts {
        let base = |number: f64| (number + quantity.unit.offset) * quantity.unit.factor;
        let (low, high) = (base(amount.low), base(amount.high));
        if !low.is_finite() || !high.is_finite() {
            return None;
        }
        let digits = SIGNIFICANT_DIGITS - 1;
        // A string takes any text.
        let _ = write!(key, " {:?} {low:.digits$e} {high:.digits$e}", amount.axis);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_quantities_have_equal_keys() {
        let key = quantity_key("1 kg");
        assert!(key.is_some());
        assert_eq!(quantity_key("1000 g"), key);
        assert_eq!(quantity_key(" 1,000g. "), key);
        assert_ne!(quantity_key("1001 g"), key);
        assert_ne!(quantity_key("1 l"), key);
    }

    #[test]
    fn other_values_have_no_key() {
        let long = "1 kg ".repeat(1_000_000);
        for value in [
            "",
            "red",
            "12",
            "1 kg of rice",
            "about 1 kg",
            "1 kg, 2 l",
            &long,
        ] {
            assert_eq!(quantity_key(value), None);
        }
    }
}
