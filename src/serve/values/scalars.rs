//! Decimals and arrays as values of the engine.

use arrow::datatypes::{DataType, i256};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::numeric::Digits;
use super::wire_type::parameter_type;

/// Maximum digits of a decimal of 128 bits.
const MAX_DIGITS_128: usize = 38;
/// Maximum digits of a decimal of 256 bits.
const MAX_DIGITS_256: usize = 76;

/// A decimal with the scale of its digits.
pub fn decimal(digits: &Digits) -> Result<ScalarValue, String> {
    let unscaled = digits.unscaled();
    let count = unscaled
        .trim_start_matches('-')
        .trim_start_matches('0')
        .len();
    let precision = count.max(digits.scale()).max(1);
    let (precision_stored, scale) = (precision as u8, digits.scale() as i8);
    match precision {
        _ if precision <= MAX_DIGITS_128 => {
            let value: i128 = unscaled.parse().map_err(|_| "it is no decimal number")?;
            Ok(ScalarValue::Decimal128(
                Some(value),
                precision_stored,
                scale,
            ))
        }
        _ if precision <= MAX_DIGITS_256 => {
            let value = i256::from_string(&unscaled).ok_or("it is no decimal number")?;
            Ok(ScalarValue::Decimal256(
                Some(value),
                precision_stored,
                scale,
            ))
        }
        _ => Err(format!("it has more than {MAX_DIGITS_256} digits")),
    }
}

/// An array of elements, of which `None` is NULL.
pub fn list(element: &Type, elements: Vec<Option<ScalarValue>>) -> Result<ScalarValue, String> {
    let data_type = match *element {
        Type::NUMERIC => common_decimal(&elements),
        _ => parameter_type(element).unwrap_or(DataType::Utf8),
    };
    let elements = elements.into_iter().map(|element| match element {
        Some(element) => element
            .cast_to(&data_type)
            .map_err(|error| error.to_string()),
        None => ScalarValue::try_new_null(&data_type).map_err(|error| error.to_string()),
    });
    let elements = elements.collect::<Result<Vec<_>, String>>()?;
    let list = ScalarValue::new_list_nullable(&elements, &data_type);
    Ok(ScalarValue::List(list))
}

/// The decimal type that holds all elements.
fn common_decimal(elements: &[Option<ScalarValue>]) -> DataType {
    let types = elements
        .iter()
        .flatten()
        .filter_map(|element| match element {
            ScalarValue::Decimal128(_, precision, scale)
            | ScalarValue::Decimal256(_, precision, scale) => Some((*precision, *scale)),
            _ => None,
        });
    let (whole, scale) = types.fold((1, 0), |(whole, wanted), (precision, scale)| {
        (
            whole.max(precision.saturating_sub(scale as u8)),
            wanted.max(scale),
        )
    });
    let precision = whole.saturating_add(scale as u8);
    match usize::from(precision) <= MAX_DIGITS_128 {
        true => DataType::Decimal128(precision, scale),
        false => DataType::Decimal256(precision.min(MAX_DIGITS_256 as u8), scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_the_scale_of_their_digits() {
        let of = |text: &str| decimal(&Digits::parse(text).unwrap()).unwrap().data_type();
        assert_eq!(of("0"), DataType::Decimal128(1, 0));
        assert_eq!(of("0.00"), DataType::Decimal128(2, 2));
        assert_eq!(of("-12.50"), DataType::Decimal128(4, 2));
        assert_eq!(of(&"9".repeat(39)), DataType::Decimal256(39, 0));
        assert!(decimal(&Digits::parse(&"9".repeat(77)).unwrap()).is_err());
    }
}
