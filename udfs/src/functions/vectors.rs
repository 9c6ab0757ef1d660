//! What the functions over vectors share: the types they take, the vectors in
//! a column, and whose vectors may be compared.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::Result;

/// What two vectors have to have in common to be comparable.
const SPACE: &[&str] = &["semql.model", "semql.revision", "semql.pooling"];

/// The type of a vector's values; `None` for what is no vector.
pub fn values_of(vector: &DataType) -> Option<&DataType> {
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

/// Whether the values of a vector are 32-bit floats or narrower ones.
fn is_narrow(vector: &DataType) -> bool {
    matches!(
        values_of(vector),
        Some(DataType::Float32 | DataType::Float16)
    )
}

/// The types that vectors are cast to for a function over all of them: 32-bit
/// floats where one has them, else 64-bit floats.
///
/// # Errors
/// For arguments that are no vectors, or of different dimensions.
pub fn coerce(function: &str, names: &[&str], given: &[DataType]) -> Result<Vec<DataType>> {
    if given.len() != names.len() {
        return plan_err!(
            "{function} takes {} arguments, and {} are given: write {function}({})",
            names.len(),
            given.len(),
            names.join(", ")
        );
    }
    let values = match given.iter().any(is_narrow) {
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
            given if values_of(given).is_none() => {
                return plan_err!(
                    "{name} of {function} must be a vector, a list of numbers, and this is {given}"
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

/// Refuses columns that cannot be compared: no vectors, of different
/// dimensions, of two models.
///
/// # Errors
/// That say which.
pub fn check(function: &str, names: &[&str], fields: &[FieldRef]) -> Result<()> {
    let types: Vec<DataType> = fields.iter().map(|f| f.data_type().clone()).collect();
    coerce(function, names, &types)?;
    check_space(function, fields)
}

/// Refuses vectors that different models have made.
///
/// # Errors
/// That name both.
pub fn check_space(function: &str, fields: &[FieldRef]) -> Result<()> {
    let made = |field: &FieldRef| field.metadata().contains_key(SPACE[0]);
    let mut made = fields.iter().filter(|field| made(field));
    let Some(first) = made.next() else {
        return Ok(());
    };
    for other in made {
        let differs = |key: &&&str| first.metadata().get(**key) != other.metadata().get(**key);
        if SPACE.iter().any(|key| differs(&key)) {
            return plan_err!(
                "{function} compares vectors of two models, {} and {}, which have nothing in common: embed both with one",
                described(first),
                described(other)
            );
        }
    }
    Ok(())
}

fn described(field: &FieldRef) -> String {
    let parts = SPACE.iter().filter_map(|key| field.metadata().get(*key));
    let parts: Vec<&str> = parts.map(String::as_str).collect();
    parts.join(" ")
}

/// The type of the same kind of list, of 32-bit floats; `None` for what is no
/// vector.
pub fn narrow_type(vector: &DataType) -> Option<DataType> {
    let item = |item: &FieldRef| match item.data_type() {
        // What its items are called makes no difference, and a cast costs.
        DataType::Float32 => Some(Arc::clone(item)),
        kind if kind.is_numeric() || kind.is_null() => {
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

/// A column of vectors as lists of 32-bit floats, each kind of list as it is:
/// arrow 59 casts a slice of one kind to another from the wrong place.
///
/// # Errors
/// For a column of anything else.
pub fn narrow(array: &ArrayRef) -> Result<ArrayRef> {
    match narrow_type(array.data_type()) {
        Some(same) if same == *array.data_type() => Ok(Arc::clone(array)),
        Some(narrow) => Ok(cast(array, &narrow)?),
        None => internal_err!("a vector of type {} was not planned", array.data_type()),
    }
}

/// The vectors of a column, one for each row.
pub struct Vectors<T: ArrowPrimitiveType> {
    rows: usize,
    values: PrimitiveArray<T>,
    /// Which values are NULL, where any is.
    null_values: Option<NullBuffer>,
    places: Places,
    nulls: Option<NullBuffer>,
}

/// Where in the values a row's begin and end.
enum Places {
    Fixed(usize),
    Offsets(OffsetBuffer<i32>),
    LargeOffsets(OffsetBuffer<i64>),
}

/// The vector of a row.
pub enum Vector<'a, V> {
    Null,
    /// One of its values is NULL.
    Broken,
    Whole(&'a [V]),
}

impl<T: ArrowPrimitiveType> Vectors<T> {
    /// Of a column that [`coerce`] or [`narrow`] has given its type.
    ///
    /// # Errors
    /// For one that they have not.
    pub fn new(array: &ArrayRef) -> Result<Self> {
        let (values, places) = match array.data_type() {
            DataType::FixedSizeList(_, dims) => {
                let list = array.as_fixed_size_list();
                (list.values(), Places::Fixed(*dims as usize))
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (list.values(), Places::Offsets(list.offsets().clone()))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (list.values(), Places::LargeOffsets(list.offsets().clone()))
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
            places,
            nulls: array.nulls().cloned(),
        })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// The vector of a row; `None` for NULL, and where one of its values is.
    pub fn get(&self, row: usize) -> Option<&[T::Native]> {
        match self.vector(row) {
            Vector::Whole(vector) => Some(vector),
            Vector::Null | Vector::Broken => None,
        }
    }

    pub fn vector(&self, row: usize) -> Vector<'_, T::Native> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Vector::Null;
        }
        let own = match &self.places {
            Places::Fixed(dims) => row * dims..(row + 1) * dims,
            Places::Offsets(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Places::LargeOffsets(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
        };
        if let Some(nulls) = &self.null_values
            && nulls.slice(own.start, own.len()).null_count() > 0
        {
            return Vector::Broken;
        }
        Vector::Whole(&self.values.values()[own])
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, ListArray};
    use arrow::datatypes::Float32Type;

    use super::*;

    #[test]
    fn rows_are_found_in_slices_of_both_kinds_of_lists() {
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
