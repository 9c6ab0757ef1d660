//! Types that hold the values of two types, for files of one table.

use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, IntervalUnit,
    TimeUnit,
};

/// A rule: the common type of two different types, or `None` if it does not apply.
type Rule = fn(&DataType, &DataType) -> Option<DataType>;

/// Rules in the order in which they are tried. Each is tried with its arguments in
/// both orders.
const RULES: &[Rule] = &[
    nulls, encodings, integers, floats, decimals, texts, binaries, dates, timestamps, times,
    durations, intervals, lists, structs, maps,
];

/// Narrowest type that holds the values of both types; `None` if there is none.
///
/// Integers of 64 bits and decimals with floats are `Float64`, which does not hold
/// all of them: see [`may_round`].
pub fn common_type(a: &DataType, b: &DataType) -> Option<DataType> {
    if a == b {
        return Some(a.clone());
    }
    RULES
        .iter()
        .find_map(|rule| rule(a, b).or_else(|| rule(b, a)))
}

/// Whether a cast between these types may round: a float for an integer of 64 bits or
/// a decimal, at any depth.
pub fn may_round(from: &DataType, to: &DataType) -> bool {
    let wide = |data_type: &DataType| {
        matches!(
            data_type,
            DataType::Int64
                | DataType::UInt64
                | DataType::Decimal32(_, _)
                | DataType::Decimal64(_, _)
                | DataType::Decimal128(_, _)
                | DataType::Decimal256(_, _)
        )
    };
    from != to && contains(from, &wide) && contains(to, &DataType::is_floating)
}

/// Whether a type or one within it fulfils a condition.
fn contains(data_type: &DataType, condition: &dyn Fn(&DataType) -> bool) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => contains(item.data_type(), condition),
        DataType::Struct(fields) => fields
            .iter()
            .any(|field| contains(field.data_type(), condition)),
        DataType::Dictionary(_, value) => contains(value, condition),
        other => condition(other),
    }
}

fn nulls(a: &DataType, b: &DataType) -> Option<DataType> {
    matches!(a, DataType::Null).then(|| b.clone())
}

/// Encodings of the same values.
fn encodings(a: &DataType, b: &DataType) -> Option<DataType> {
    match a {
        DataType::Dictionary(_, value) => common_type(value, b),
        DataType::RunEndEncoded(_, values) => common_type(values.data_type(), b),
        _ => None,
    }
}

/// Whether an integer type has a sign, and its bits.
fn integer(data_type: &DataType) -> Option<(bool, u8)> {
    Some(match data_type {
        DataType::Int8 => (true, 8),
        DataType::Int16 => (true, 16),
        DataType::Int32 => (true, 32),
        DataType::Int64 => (true, 64),
        DataType::UInt8 => (false, 8),
        DataType::UInt16 => (false, 16),
        DataType::UInt32 => (false, 32),
        DataType::UInt64 => (false, 64),
        _ => return None,
    })
}

fn integers(a: &DataType, b: &DataType) -> Option<DataType> {
    let ((signed, bits), (other_signed, other_bits)) = (integer(a)?, integer(b)?);
    if signed == other_signed {
        return Some(if bits > other_bits { a } else { b }.clone());
    }
    if !signed {
        // The rule is tried with the signed type first, too.
        return None;
    }
    Some(match bits.max(other_bits.saturating_mul(2)) {
        16 => DataType::Int16,
        32 => DataType::Int32,
        64 => DataType::Int64,
        _ => DataType::Decimal128(20, 0),
    })
}

fn floats(a: &DataType, b: &DataType) -> Option<DataType> {
    let number = |data_type: &DataType| {
        data_type.is_floating() || data_type.is_decimal() || integer(data_type).is_some()
    };
    match (a, b) {
        (DataType::Float16, DataType::Float32) | (DataType::Float32, DataType::Float16) => {
            Some(DataType::Float32)
        }
        _ if a.is_floating() && number(b) => Some(DataType::Float64),
        _ => None,
    }
}

/// Digits before and after the point of a decimal or integer type.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    let (precision, scale) = match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (*precision, *scale),
        DataType::UInt64 => (20, 0),
        other => match integer(other)?.1 {
            8 => (3, 0),
            16 => (5, 0),
            32 => (10, 0),
            _ => (19, 0),
        },
    };
    Some((i16::from(precision) - i16::from(scale), i16::from(scale)))
}

fn decimals(a: &DataType, b: &DataType) -> Option<DataType> {
    let ((before, after), (other_before, other_after)) = (digits(a)?, digits(b)?);
    let scale = after.max(other_after);
    let precision = u8::try_from(before.max(other_before) + scale).ok()?;
    let scale = i8::try_from(scale).ok()?;
    if precision <= DECIMAL128_MAX_PRECISION {
        Some(DataType::Decimal128(precision, scale))
    } else {
        (precision <= DECIMAL256_MAX_PRECISION).then_some(DataType::Decimal256(precision, scale))
    }
}

fn texts(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (DataType::Utf8View, DataType::Utf8 | DataType::LargeUtf8) => Some(DataType::Utf8View),
        (DataType::LargeUtf8, DataType::Utf8) => Some(DataType::LargeUtf8),
        _ => None,
    }
}

fn binaries(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    match (a, b) {
        (BinaryView, Binary | LargeBinary | FixedSizeBinary(_)) => Some(BinaryView),
        (LargeBinary, Binary | FixedSizeBinary(_)) => Some(LargeBinary),
        (Binary | FixedSizeBinary(_), FixedSizeBinary(_)) => Some(Binary),
        _ => None,
    }
}

fn dates(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (DataType::Date32, DataType::Date64) => Some(DataType::Date64),
        (DataType::Date32, DataType::Timestamp(_, None)) => Some(b.clone()),
        (DataType::Date64, DataType::Timestamp(unit, None)) => Some(DataType::Timestamp(
            finer_unit(*unit, TimeUnit::Millisecond),
            None,
        )),
        _ => None,
    }
}

/// Times with and without a zone have no common type: the zone is unknown.
fn timestamps(a: &DataType, b: &DataType) -> Option<DataType> {
    let (DataType::Timestamp(unit, zone), DataType::Timestamp(other_unit, other_zone)) = (a, b)
    else {
        return None;
    };
    let zone = match (zone, other_zone) {
        _ if zone == other_zone => zone.clone(),
        // The same instants, shown in one zone.
        (Some(_), Some(_)) => Some(Arc::from("UTC")),
        _ => return None,
    };
    Some(DataType::Timestamp(finer_unit(*unit, *other_unit), zone))
}

fn times(a: &DataType, b: &DataType) -> Option<DataType> {
    let unit = |data_type: &DataType| match data_type {
        DataType::Time32(unit) | DataType::Time64(unit) => Some(*unit),
        _ => None,
    };
    Some(match finer_unit(unit(a)?, unit(b)?) {
        unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
        unit => DataType::Time64(unit),
    })
}

fn durations(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (DataType::Duration(unit), DataType::Duration(other)) => {
            Some(DataType::Duration(finer_unit(*unit, *other)))
        }
        _ => None,
    }
}

fn intervals(a: &DataType, b: &DataType) -> Option<DataType> {
    matches!((a, b), (DataType::Interval(_), DataType::Interval(_)))
        .then_some(DataType::Interval(IntervalUnit::MonthDayNano))
}

fn finer_unit(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit: TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) > rank(b) { a } else { b }
}

fn lists(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{FixedSizeList, LargeList, List};
    match (a, b) {
        (FixedSizeList(item, size), FixedSizeList(other, other_size)) if size == other_size => {
            Some(FixedSizeList(common_field(item, other)?, *size))
        }
        (LargeList(item), LargeList(other) | List(other) | FixedSizeList(other, _)) => {
            Some(LargeList(common_field(item, other)?))
        }
        (List(item), List(other) | FixedSizeList(other, _))
        | (FixedSizeList(item, _), FixedSizeList(other, _)) => {
            Some(List(common_field(item, other)?))
        }
        _ => None,
    }
}

/// Fields by name; a missing one is NULL.
fn structs(a: &DataType, b: &DataType) -> Option<DataType> {
    let (DataType::Struct(fields), DataType::Struct(others)) = (a, b) else {
        return None;
    };
    // The engine casts structs without a common field to nothing.
    if !fields
        .iter()
        .any(|field| others.find(field.name()).is_some())
    {
        return None;
    }
    let mut merged: Vec<FieldRef> = Vec::with_capacity(fields.len());
    for field in fields {
        merged.push(match others.find(field.name()) {
            Some((_, other)) => common_field(field, other)?,
            None => nullable(field),
        });
    }
    let added = others
        .iter()
        .filter(|other| fields.find(other.name()).is_none());
    merged.extend(added.map(nullable));
    Some(DataType::Struct(merged.into()))
}

fn maps(a: &DataType, b: &DataType) -> Option<DataType> {
    let (DataType::Map(entries, sorted), DataType::Map(others, other_sorted)) = (a, b) else {
        return None;
    };
    let (DataType::Struct(pair), DataType::Struct(other_pair)) =
        (entries.data_type(), others.data_type())
    else {
        return None;
    };
    let ([key, value], [other_key, other_value]) = (pair.as_ref(), other_pair.as_ref()) else {
        return None;
    };
    let data_type = common_type(key.data_type(), other_key.data_type())?;
    let key: FieldRef = Arc::new(Field::new(key.name(), data_type, false));
    let pair = DataType::Struct(vec![key, common_field(value, other_value)?].into());
    let entries = Field::new(entries.name(), pair, false);
    Some(DataType::Map(Arc::new(entries), *sorted && *other_sorted))
}

/// Field with the common type and with the name and the metadata of `a`.
fn common_field(a: &FieldRef, b: &FieldRef) -> Option<FieldRef> {
    let data_type = common_type(a.data_type(), b.data_type())?;
    let nullable = a.is_nullable() || b.is_nullable();
    let field = Field::new(a.name(), data_type, nullable);
    Some(Arc::new(field.with_metadata(a.metadata().clone())))
}

fn nullable(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_nullable(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;

    /// The common type, which must not depend on the order.
    fn common(a: DataType, b: DataType) -> Option<DataType> {
        let found = common_type(&a, &b);
        let (one, two) = (found.clone(), common_type(&b, &a));
        assert_eq!(one, two, "{a} and {b}");
        found
    }

    fn list(item: DataType) -> DataType {
        DataType::new_list(item, true)
    }

    fn record(fields: &[(&str, DataType)]) -> DataType {
        let fields = fields
            .iter()
            .map(|(name, data_type)| Field::new(*name, data_type.clone(), false));
        Struct(fields.collect())
    }

    #[test]
    fn numbers_widen_to_a_type_that_holds_both() {
        assert_eq!(common(Int32, Int64), Some(Int64));
        assert_eq!(common(Int8, UInt8), Some(Int16));
        assert_eq!(common(UInt32, Int32), Some(Int64));
        assert_eq!(common(Int64, UInt8), Some(Int64));
        assert_eq!(common(UInt64, Int8), Some(Decimal128(20, 0)));
        assert_eq!(common(Int64, Float64), Some(Float64));
        assert_eq!(common(Int16, Float32), Some(Float64));
        assert_eq!(common(Float32, Float64), Some(Float64));
        assert_eq!(common(Float16, Float32), Some(Float32));
        assert_eq!(common(Null, Boolean), Some(Boolean));
    }

    #[test]
    fn decimals_keep_all_digits() {
        let decimal = |precision, scale| Decimal128(precision, scale);
        assert_eq!(common(decimal(10, 2), decimal(12, 4)), Some(decimal(12, 4)));
        assert_eq!(common(decimal(10, 2), decimal(9, 4)), Some(decimal(12, 4)));
        assert_eq!(common(decimal(5, 2), Int64), Some(decimal(21, 2)));
        assert_eq!(
            common(decimal(38, 0), decimal(38, 10)),
            Some(Decimal256(48, 10))
        );
        assert_eq!(common(Decimal256(76, 0), decimal(38, 10)), None);
        assert_eq!(common(decimal(5, -2), decimal(5, 0)), Some(decimal(7, 0)));
    }

    #[test]
    fn times_take_the_finest_unit_and_need_equal_zones() {
        use TimeUnit::*;
        let zone = |name: &str| Some(Arc::from(name));
        assert_eq!(
            common(Timestamp(Second, None), Timestamp(Nanosecond, None)),
            Some(Timestamp(Nanosecond, None))
        );
        assert_eq!(
            common(Date32, Timestamp(Microsecond, None)),
            Some(Timestamp(Microsecond, None))
        );
        assert_eq!(
            common(
                Timestamp(Millisecond, zone("Asia/Tokyo")),
                Timestamp(Microsecond, zone("UTC"))
            ),
            Some(Timestamp(Microsecond, zone("UTC")))
        );
        let plain = Timestamp(Second, None);
        assert_eq!(common(plain.clone(), Timestamp(Second, zone("UTC"))), None);
        assert_eq!(common(Date32, Timestamp(Second, zone("UTC"))), None);
        assert_eq!(
            common(Time32(Second), Time64(Microsecond)),
            Some(Time64(Microsecond))
        );
    }

    #[test]
    fn texts_encodings_and_nested_values_widen() {
        assert_eq!(common(Utf8, LargeUtf8), Some(LargeUtf8));
        assert_eq!(common(Utf8View, LargeUtf8), Some(Utf8View));
        let words = Dictionary(Box::new(Int32), Box::new(Utf8));
        assert_eq!(common(words.clone(), Utf8), Some(Utf8));
        let other = Dictionary(Box::new(Int8), Box::new(LargeUtf8));
        assert_eq!(common(words, other), Some(LargeUtf8));
        assert_eq!(common(list(Int32), list(Float64)), Some(list(Float64)));
        assert_eq!(common(list(Null), list(Utf8)), Some(list(Utf8)));
        let (a, b) = (
            record(&[("x", Int32)]),
            record(&[("y", Utf8), ("x", Int64)]),
        );
        let Some(Struct(fields)) = common_type(&a, &b) else {
            panic!("structs have a common type");
        };
        let shown: Vec<_> = fields
            .iter()
            .map(|field| {
                (
                    field.name().as_str(),
                    field.data_type().clone(),
                    field.is_nullable(),
                )
            })
            .collect();
        assert_eq!(shown, [("x", Int64, false), ("y", Utf8, true)]);
    }

    #[test]
    fn unlike_values_have_no_common_type() {
        for (a, b) in [
            (Int32, Utf8),
            (Boolean, Int8),
            (Date32, Utf8),
            (Utf8, Binary),
            (list(Int32), Int32),
            (list(Int32), list(Utf8)),
            (record(&[("x", Int32)]), record(&[("y", Int32)])),
        ] {
            assert_eq!(common(a, b), None);
        }
    }

    #[test]
    fn casts_that_may_round_are_known_at_any_depth() {
        assert!(may_round(&Int64, &Float64));
        assert!(may_round(&list(UInt64), &list(Float64)));
        assert!(may_round(&Decimal128(38, 2), &Float64));
        assert!(!may_round(&Int32, &Float64));
        assert!(!may_round(&Int64, &Decimal128(20, 0)));
        assert!(!may_round(&Float32, &Float64));
    }
}
