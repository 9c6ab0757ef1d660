//! JSON of values that the engine's writer refuses or loses: floats that are no
//! numbers, and maps whose keys are not text.

use std::sync::LazyLock;

use arrow::array::{Array, ArrowPrimitiveType, AsArray, MapArray, PrimitiveArray};
use arrow::datatypes::{DataType, FieldRef, Float16Type, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Options of the engine's encoders.
static ENGINE_OPTIONS: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);

/// Encoders of these values. `NaN` and the infinities are texts, as in Postgres'
/// `to_json`: `"NaN"`, `"Infinity"`, `"-Infinity"`.
#[derive(Debug)]
pub struct JsonValues;

impl EncoderFactory for JsonValues {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float16 => float::<Float16Type>(field, array, |value| value.to_f64())?,
            DataType::Float32 => float::<Float32Type>(field, array, f64::from)?,
            DataType::Float64 => float::<Float64Type>(field, array, |value| value)?,
            DataType::Map(_, _) if !array.as_map().keys().data_type().is_string() => {
                Box::new(KeyedMapEncoder::new(field, array.as_map(), options)?)
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

fn float<'a, T: ArrowPrimitiveType>(
    field: &'a FieldRef,
    array: &'a dyn Array,
    as_f64: fn(T::Native) -> f64,
) -> Result<Box<dyn Encoder + 'a>, ArrowError> {
    Ok(Box::new(FloatEncoder::<T> {
        values: array.as_primitive::<T>(),
        as_f64,
        finite: make_encoder(field, array, &ENGINE_OPTIONS)?,
    }))
}

struct FloatEncoder<'a, T: ArrowPrimitiveType> {
    values: &'a PrimitiveArray<T>,
    as_f64: fn(T::Native) -> f64,
    /// The engine's encoder, for numbers.
    finite: NullableEncoder<'a>,
}

impl<T: ArrowPrimitiveType> Encoder for FloatEncoder<'_, T> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = (self.as_f64)(self.values.value(row));
        let text = match value {
            _ if value.is_finite() => return self.finite.encode(row, out),
            _ if value.is_nan() => "\"NaN\"",
            _ if value > 0.0 => "\"Infinity\"",
            _ => "\"-Infinity\"",
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// Encoder of a map as an object, whose members are named by the texts of the keys.
struct KeyedMapEncoder<'a> {
    map: &'a MapArray,
    keys: ArrayFormatter<'a>,
    values: NullableEncoder<'a>,
}

impl<'a> KeyedMapEncoder<'a> {
    fn new(
        field: &'a FieldRef,
        map: &'a MapArray,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        const KEYS: FormatOptions<'static> = FormatOptions::new().with_display_error(true);
        Ok(Self {
            map,
            keys: ArrayFormatter::try_new(map.keys().as_ref(), &KEYS)?,
            values: make_encoder(field, map.values().as_ref(), options)?,
        })
    }
}

impl Encoder for KeyedMapEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        // Offsets of an array are not negative.
        let offsets = self.map.value_offsets();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        out.push(b'{');
        for (position, entry) in entries.enumerate() {
            if position > 0 {
                out.push(b',');
            }
            let key = serde_json::Value::String(self.keys.value(entry).to_string());
            out.extend_from_slice(key.to_string().as_bytes());
            out.push(b':');
            if self.values.is_null(entry) {
                out.extend_from_slice(b"null");
            } else {
                self.values.encode(entry, out);
            }
        }
        out.push(b'}');
    }
}
