//! Cast of a column to the wider type of a table, which fails where a value would
//! change.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::CastOptions;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::nested_struct::cast_column;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::common_type::may_round;
use crate::error::ShellError;

/// Casts a column to a wider type. `files` names the files of the column, for messages.
pub fn widen(
    column: Arc<dyn PhysicalExpr>,
    from: &DataType,
    to: &FieldRef,
    files: &str,
) -> Arc<dyn PhysicalExpr> {
    if from == to.data_type() {
        return column;
    }
    if !may_round(from, to.data_type()) {
        return Arc::new(CastExpr::new(column, to.data_type().clone(), None));
    }
    let function = ExactCast {
        signature: Signature::any(1, Volatility::Immutable),
        target: Arc::clone(to),
        files: files.to_string(),
    };
    Arc::new(ScalarFunctionExpr::new(
        "exact_cast",
        Arc::new(ScalarUDF::from(function)),
        vec![column],
        Arc::clone(to),
        Arc::new(ConfigOptions::default()),
    ))
}

/// Cast that compares the values with those that a cast back gives.
#[derive(Debug)]
struct ExactCast {
    signature: Signature,
    target: FieldRef,
    files: String,
}

impl PartialEq for ExactCast {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.files == other.files
    }
}

impl Eq for ExactCast {}

impl Hash for ExactCast {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.target.hash(state);
        self.files.hash(state);
    }
}

impl ScalarUDFImpl for ExactCast {
    fn name(&self) -> &str {
        "exact_cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.target.data_type().clone())
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::clone(&self.target))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(values) = arrays.first() else {
            return Err(DataFusionError::Internal(
                "exact_cast takes one argument".to_string(),
            ));
        };
        self.cast(values).map(ColumnarValue::Array)
    }
}

impl ExactCast {
    fn cast(&self, values: &ArrayRef) -> Result<ArrayRef> {
        // Values out of range become NULL, which differs from the value.
        let options = CastOptions {
            safe: true,
            ..CastOptions::default()
        };
        let cast = cast_column(values, self.target.data_type(), &options)?;
        let back = cast_column(&cast, values.data_type(), &options)?;
        if back.as_ref() == values.as_ref() {
            return Ok(cast);
        }
        let error = ShellError::query(format!(
            "the column '{}' is {} in {} and {} in other files, and a value would be rounded; \
             read the files separately, and convert the column with CAST",
            self.target.name(),
            values.data_type(),
            self.files,
            self.target.data_type()
        ));
        Err(DataFusionError::External(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Decimal128Array, Int64Array};
    use arrow::datatypes::{Field, Float64Type};

    use super::*;

    fn cast() -> ExactCast {
        ExactCast {
            signature: Signature::any(1, Volatility::Immutable),
            target: Arc::new(Field::new("n", DataType::Float64, true)),
            files: "'a.parquet'".into(),
        }
    }

    #[test]
    fn integers_that_a_float_holds_are_cast() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1 << 53), None, Some(-7)]));
        let floats = cast().cast(&values).unwrap();
        let floats: Vec<_> = floats.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(floats, [Some(9_007_199_254_740_992.0), None, Some(-7.0)]);
    }

    #[test]
    fn a_value_that_would_be_rounded_is_an_error() {
        for value in [(1 << 53) + 1, i64::MAX] {
            let values: ArrayRef = Arc::new(Int64Array::from(vec![value]));
            let error = cast().cast(&values).unwrap_err().to_string();
            assert!(
                error.contains("'n'") && error.contains("'a.parquet'"),
                "{error}"
            );
        }
        let decimal = Decimal128Array::from(vec![123_456_789_012_345_678_901_i128])
            .with_precision_and_scale(38, 3)
            .unwrap();
        let values: ArrayRef = Arc::new(decimal);
        assert!(cast().cast(&values).is_err());
    }
}
