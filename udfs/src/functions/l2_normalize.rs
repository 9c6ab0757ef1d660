//! `l2_normalize(v)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, PrimitiveArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, FieldRef, Float32Type, Float64Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl,
    Signature, Volatility,
};
use semql_inference::vector::VectorElement;

use super::arguments::{all_literal, columnar_result};
use super::vectors::{Vectors, coerce_vectors, vector_value_type};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Vectors", description: None },
        "The vector scaled to unit length, of the same type. NULL if the vector or one of its values is NULL, or if all \
         values are zero.",
        "l2_normalize(v)",
    )
    .with_argument("v", "A list of numbers.")
    .with_sql_example("```sql\nSELECT l2_normalize([3.0, 4.0]);\n```")
    .build()
});

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct L2Normalize {
    signature: Signature,
}

impl L2Normalize {
    pub fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for L2Normalize {
    fn name(&self) -> &str {
        "l2_normalize"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce_vectors(self.name(), &["v"], given)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given {
            [vector] => Ok(vector.clone()),
            _ => internal_err!("l2_normalize takes one vector"),
        }
    }

    /// Keeps the metadata of the vector, which has its model.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field = args.arg_fields[0].as_ref().clone();
        Ok(Arc::new(field.with_name(self.name()).with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let array = args.args[0].to_array(rows)?;
        let scaled = match vector_value_type(array.data_type()) {
            Some(DataType::Float32) => normalized::<Float32Type>(&array, |v, by| v / by as f32),
            _ => normalized::<Float64Type>(&array, |v, by| v / by),
        };
        columnar_result(scaled?, literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

fn normalized<T>(array: &ArrayRef, divided: fn(T::Native, f64) -> T::Native) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: VectorElement,
{
    let vectors = Vectors::<T>::new(array)?;
    let scaled = |row: usize| {
        let vector = vectors.get(row)?;
        let length = T::Native::inner_product(vector, vector).sqrt();
        (length > 0.0 || vector.is_empty()).then_some((vector, length))
    };
    let (mut values, mut valid) = (Vec::new(), Vec::with_capacity(array.len()));
    let (mut lengths, dims) = (
        Vec::new(),
        match array.data_type() {
            DataType::FixedSizeList(_, dims) => Some(*dims as usize),
            _ => None,
        },
    );
    for row in 0..array.len() {
        let before = values.len();
        let scaled = scaled(row);
        valid.push(scaled.is_some());
        if let Some((vector, length)) = scaled {
            values.extend(vector.iter().map(|v| divided(*v, length)));
        } else if let Some(dims) = dims {
            values.resize(before + dims, T::Native::default());
        }
        lengths.push(values.len() - before);
    }
    let values = Arc::new(PrimitiveArray::<T>::from_iter_values(values)) as ArrayRef;
    let nulls = Some(NullBuffer::from(valid));
    Ok(match array.data_type() {
        DataType::FixedSizeList(item, dims) => {
            let item = Arc::clone(item);
            Arc::new(FixedSizeListArray::try_new(item, *dims, values, nulls)?)
        }
        DataType::LargeList(_) => list::<i64>(array, &lengths, values, nulls)?,
        _ => list::<i32>(array, &lengths, values, nulls)?,
    })
}

fn list<O: OffsetSizeTrait>(
    like: &ArrayRef,
    lengths: &[usize],
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let (item, ..) = like.as_list::<O>().clone().into_parts();
    let offsets = OffsetBuffer::<O>::from_lengths(lengths.iter().copied());
    Ok(Arc::new(GenericListArray::try_new(
        item, offsets, values, nulls,
    )?))
}
