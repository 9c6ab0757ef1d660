//! Columns of vectors: their types, values and models.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::Result;

use super::call_syntax::{call_syntax, check_argument_count};
use crate::provenance::{MODEL, POOLING, REVISION};

/// Metadata that two vectors must share to be comparable.
const MODEL_METADATA: &[&str] = &[MODEL, REVISION, POOLING];

/// The type of a vector's values; `None` for other types.
pub fn vector_value_type(vector: &DataType) -> Option<&DataType> {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView};
    match vector {
        List(item)
        | LargeList(item)
        | FixedSizeList(item, _)
        | ListView(item)
        | LargeListView(item) => match item.data_type() {
            values if values.is_numeric() || values.is_null() => Some(values),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the values of a vector are 32-bit floats or narrower.
fn fits_float32(vector: &DataType) -> bool {
    matches!(
        vector_value_type(vector),
        Some(DataType::Float32 | DataType::Float16)
    )
}

/// The types that the vectors of a call are cast to: 32-bit floats if one vector has
/// them, else 64-bit floats.
///
/// # Errors
/// A wrong number of arguments, other types, different dimensions.
pub fn coerce_vectors(function: &str, names: &[&str], given: &[DataType]) -> Result<Vec<DataType>> {
    let syntax = call_syntax(function, names.iter().map(|name| (*name, true)));
    check_argument_count(function, given.len(), names.len(), names.len(), &syntax)?;
    let values = match given.iter().any(fits_float32) {
        true => DataType::Float32,
        false => DataType::Float64,
    };
    let item = Arc::new(Field::new_list_field(values, true));
    let dims: Vec<i32> = given.iter().filter_map(fixed_dims).collect();
    if let [first, others @ ..] = dims.as_slice()
        && let Some(other) = others.iter().find(|dims| *dims != first)
    {
        return plan_err!("{function} compares vectors of {first} and of {other} dimensions");
    }
    let mut types = Vec::new();
    for (name, given) in names.iter().zip(given) {
        types.push(match given {
            DataType::Null => DataType::List(Arc::clone(&item)),
            given if vector_value_type(given).is_none() => {
                return plan_err!(
                    "{name} of {function} must be a vector, that is a list of numbers, not {given}"
                );
            }
            DataType::FixedSizeList(_, dims) => DataType::FixedSizeList(Arc::clone(&item), *dims),
            DataType::LargeList(_) | DataType::LargeListView(_) => {
                DataType::LargeList(Arc::clone(&item))
            }
            _ => DataType::List(Arc::clone(&item)),
        });
    }
    Ok(types)
}

fn fixed_dims(vector: &DataType) -> Option<i32> {
    match vector {
        DataType::FixedSizeList(_, dims) => Some(*dims),
        _ => None,
    }
}

/// Checks that the vectors of columns can be compared.
///
/// # Errors
/// Those of [`coerce_vectors`] and [`check_same_model`].
pub fn check_vectors(function: &str, names: &[&str], fields: &[FieldRef]) -> Result<()> {
    let types: Vec<DataType> = fields.iter().map(|f| f.data_type().clone()).collect();
    coerce_vectors(function, names, &types)?;
    check_same_model(function, fields)
}

/// Checks that one model made the vectors of all columns with model metadata.
///
/// # Errors
/// Both models.
pub fn check_same_model(function: &str, fields: &[FieldRef]) -> Result<()> {
    let has_model = |field: &FieldRef| field.metadata().contains_key(MODEL_METADATA[0]);
    let mut embedded = fields.iter().filter(|field| has_model(field));
    let Some(first) = embedded.next() else {
        return Ok(());
    };
    for other in embedded {
        let differs = |key: &str| match (first.metadata().get(key), other.metadata().get(key)) {
            (None, _) | (_, None) if key == POOLING => false,
            (a, b) => a != b,
        };
        if MODEL_METADATA.iter().any(|key| differs(key)) {
            return plan_err!(
                "{function} cannot compare vectors of two models, {} and {}: embed both with one model",
                describe_model(first),
                describe_model(other)
            );
        }
    }
    Ok(())
}

fn describe_model(field: &FieldRef) -> String {
    let parts = MODEL_METADATA
        .iter()
        .filter_map(|key| field.metadata().get(*key));
    let parts: Vec<&str> = parts.map(String::as_str).collect();
    parts.join(" ")
}

/// The same list type of 32-bit floats; `None` for types other than vectors.
pub fn float32_vector_type(vector: &DataType) -> Option<DataType> {
    let item = |item: &FieldRef| match item.data_type() {
        // A cast that changes only the name of the item would copy for nothing.
        DataType::Float32 => Some(Arc::clone(item)),
        values if values.is_numeric() || values.is_null() => {
            Some(Arc::new(Field::new_list_field(DataType::Float32, true)))
        }
        _ => None,
    };
    match vector {
        DataType::List(of) | DataType::ListView(of) => item(of).map(DataType::List),
        DataType::LargeList(of) | DataType::LargeListView(of) => item(of).map(DataType::LargeList),
        DataType::FixedSizeList(of, size) => Some(DataType::FixedSizeList(item(of)?, *size)),
        DataType::Null => Some(DataType::new_list(DataType::Float32, true)),
        _ => None,
    }
}

/// Casts a column of vectors to 32-bit floats and keeps the type of list: arrow 59
/// casts a slice of one list type to another from a wrong offset.
///
/// # Errors
/// A column of another type.
pub fn to_float32_vectors(array: &ArrayRef) -> Result<ArrayRef> {
    match float32_vector_type(array.data_type()) {
        Some(same) if same == *array.data_type() => Ok(Arc::clone(array)),
        Some(float32) => Ok(cast(array, &float32)?),
        None => internal_err!("a vector of type {} was not planned", array.data_type()),
    }
}

/// The vectors of a column, one for each row.
pub struct Vectors<T: ArrowPrimitiveType> {
    rows: usize,
    values: PrimitiveArray<T>,
    /// NULL values, if there are any.
    null_values: Option<NullBuffer>,
    offsets: RowOffsets,
    nulls: Option<NullBuffer>,
}

/// Offsets of the rows in the values.
enum RowOffsets {
    Fixed(usize),
    Small(OffsetBuffer<i32>),
    Large(OffsetBuffer<i64>),
}

/// The vector of a row.
pub enum RowVector<'a, V> {
    Null,
    /// A vector with a value that is NULL.
    HasNull,
    Values(&'a [V]),
}

impl<T: ArrowPrimitiveType> Vectors<T> {
    /// Vectors of a column with the type of [`coerce_vectors`] or
    /// [`to_float32_vectors`].
    ///
    /// # Errors
    /// Other types.
    pub fn new(array: &ArrayRef) -> Result<Self> {
        let (values, offsets) = match array.data_type() {
            DataType::FixedSizeList(_, dims) => {
                let list = array.as_fixed_size_list();
                (list.values(), RowOffsets::Fixed(*dims as usize))
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (list.values(), RowOffsets::Small(list.offsets().clone()))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (list.values(), RowOffsets::Large(list.offsets().clone()))
            }
            other => return internal_err!("a vector of type {other} was not coerced"),
        };
        let Some(values) = values.as_primitive_opt::<T>() else {
            return internal_err!("values of type {} were not coerced", values.data_type());
        };
        Ok(Self {
            rows: array.len(),
            values: values.clone(),
            null_values: values.nulls().filter(|n| n.null_count() > 0).cloned(),
            offsets,
            nulls: array.nulls().cloned(),
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// The vector of a row; `None` for NULL and for a vector with a NULL.
    pub fn get(&self, row: usize) -> Option<&[T::Native]> {
        match self.row(row) {
            RowVector::Values(vector) => Some(vector),
            RowVector::Null | RowVector::HasNull => None,
        }
    }

    /// The vector of a row.
    pub fn row(&self, row: usize) -> RowVector<'_, T::Native> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return RowVector::Null;
        }
        let range = match &self.offsets {
            RowOffsets::Fixed(dims) => row * dims..(row + 1) * dims,
            RowOffsets::Small(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            RowOffsets::Large(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
        };
        if let Some(nulls) = &self.null_values
            && nulls.slice(range.start, range.len()).null_count() > 0
        {
            return RowVector::HasNull;
        }
        RowVector::Values(&self.values.values()[range])
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, ListArray};
    use arrow::datatypes::Float32Type;

    use super::*;

    #[test]
    fn vectors_of_different_pooling_cannot_be_compared() {
        let vector = |pooling: Option<&str>| {
            let model = [(MODEL, "m"), (REVISION, "r")];
            let metadata = model.into_iter().chain(pooling.map(|it| (POOLING, it)));
            let metadata = metadata.map(|(key, value)| (key.to_string(), value.to_string()));
            let vector = Field::new("v", DataType::new_list(DataType::Float32, true), true);
            Arc::new(vector.with_metadata(metadata.collect()))
        };
        let check = |a, b| check_same_model("f", &[vector(a), vector(b)]);
        assert!(check(Some("mean"), Some("mean")).is_ok());
        assert!(check(Some("mean"), None).is_ok());
        let error = check(Some("mean"), Some("cls")).unwrap_err().to_string();
        assert!(error.contains("m r mean and m r cls"), "{error}");
    }

    #[test]
    fn slices_of_both_list_types_have_their_rows() {
        let rows = || {
            [
                Some(vec![Some(1.0), Some(2.0)]),
                None,
                Some(vec![Some(3.0), None]),
                Some(vec![Some(5.0), Some(6.0)]),
            ]
        };
        let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows(), 2);
        let list = ListArray::from_iter_primitive::<Float32Type, _, _>(rows());
        for array in [Arc::new(fixed) as ArrayRef, Arc::new(list)] {
            let all = Vectors::<Float32Type>::new(&array).unwrap();
            assert_eq!(all.get(0), Some([1.0, 2.0].as_slice()));
            assert_eq!((all.get(1), all.get(2)), (None, None));
            let end = Vectors::<Float32Type>::new(&array.slice(3, 1)).unwrap();
            assert_eq!(end.get(0), Some([5.0, 6.0].as_slice()));
        }
    }
}
