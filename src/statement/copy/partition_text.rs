//! Values of `PARTITIONED BY` columns as the names of folders, which Hive and Spark
//! read too.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use crate::error::ShellError;
use crate::sources::partition_values::NULL_PARTITION;

/// Replaces the partition columns of a plan by the texts of their values. NULL is the
/// name that Hive gives it; the writer of the folders escapes all else.
///
/// # Errors
/// A column whose name or type folders cannot hold.
pub fn with_partition_texts(
    plan: LogicalPlan,
    columns: &[String],
) -> crate::error::Result<LogicalPlan> {
    if columns.is_empty() {
        return Ok(plan);
    }
    let mut outputs = Vec::with_capacity(plan.schema().fields().len());
    for (qualifier, field) in plan.schema().iter() {
        let column = Expr::Column(Column::from((qualifier, field)));
        if !columns.contains(field.name()) {
            outputs.push(column);
            continue;
        }
        check_column(field.name(), field.data_type())?;
        let function = PartitionText {
            column: field.name().clone(),
            signature: Signature::any(1, Volatility::Immutable),
        };
        let text = Arc::new(ScalarUDF::from(function)).call(vec![column]);
        outputs.push(text.alias(field.name()));
    }
    Ok(LogicalPlanBuilder::from(plan).project(outputs)?.build()?)
}

fn check_column(name: &str, data_type: &DataType) -> crate::error::Result<()> {
    if name.is_empty() || name.contains('=') {
        return Err(ShellError::query(format!(
            "PARTITIONED BY: folders cannot be named by the column '{name}', since its name ends at the first '='; \
             rename it with AS"
        )));
    }
    if data_type.is_nested() || data_type.is_binary() {
        return Err(ShellError::query(format!(
            "PARTITIONED BY: folders cannot be named by the values of '{name}', which are {data_type}; \
             take a column of texts, numbers or dates"
        )));
    }
    Ok(())
}

/// Text of a value in the name of a folder.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PartitionText {
    column: String,
    signature: Signature,
}

impl ScalarUDFImpl for PartitionText {
    fn name(&self) -> &str {
        "partition_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(values) = arrays.first() else {
            return Err(DataFusionError::Internal(
                "partition_text takes one argument".to_string(),
            ));
        };
        self.texts(values).map(ColumnarValue::Array)
    }
}

impl PartitionText {
    fn texts(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let texts = cast(values, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        if texts.iter().flatten().any(|text| text == NULL_PARTITION) {
            let error = ShellError::query(format!(
                "PARTITIONED BY: the column '{}' has the text {NULL_PARTITION}, which would be read as NULL; \
                 replace it, for instance with nullif",
                self.column
            ));
            return Err(DataFusionError::External(Box::new(error)));
        }
        // A value that the cast makes NULL was NULL.
        let named = texts.iter().map(|text| text.unwrap_or(NULL_PARTITION));
        Ok(Arc::new(StringArray::from_iter_values(named)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Int64Array};

    use super::*;

    fn texts(values: ArrayRef) -> Result<Vec<String>> {
        let function = PartitionText {
            column: "k".into(),
            signature: Signature::any(1, Volatility::Immutable),
        };
        let texts = function.texts(&values)?;
        let texts = texts.as_string::<i32>().iter();
        Ok(texts.map(|text| text.unwrap().to_string()).collect())
    }

    #[test]
    fn every_value_has_a_text() {
        let numbers = Arc::new(Int64Array::from(vec![Some(-7), None]));
        assert_eq!(texts(numbers).unwrap(), ["-7", NULL_PARTITION]);
        let dates = Arc::new(Date32Array::from(vec![-1]));
        assert_eq!(texts(dates).unwrap(), ["1969-12-31"]);
        let words = Arc::new(StringArray::from(vec!["", "a/b", "50%"]));
        assert_eq!(texts(words).unwrap(), ["", "a/b", "50%"]);
    }

    #[test]
    fn the_name_of_null_is_refused_as_a_text() {
        let words = Arc::new(StringArray::from(vec![NULL_PARTITION]));
        let error = texts(words).unwrap_err().to_string();
        assert!(error.contains("'k'"), "{error}");
    }

    #[test]
    fn names_and_types_that_folders_cannot_hold_are_refused() {
        assert!(check_column("a=b", &DataType::Utf8).is_err());
        assert!(check_column("a/b", &DataType::Utf8).is_ok());
        assert!(check_column("a", &DataType::new_list(DataType::Utf8, true)).is_err());
        assert!(check_column("a", &DataType::Binary).is_err());
    }
}
