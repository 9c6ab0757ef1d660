//! Rows that conform to the definition of their table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::DataType;
use datafusion::error::Result;

use super::definition::{MaxLength, TableDefinition};
use super::errors::violation;
use crate::error::ErrorKind;

/// Casts rows to the types of the table's columns, and checks lengths, NULLs and
/// check constraints. So a table never stores a batch that does not fit its schema.
///
/// # Errors
/// The first value that does not conform, with its column.
pub fn conform(
    definition: &TableDefinition,
    table: &str,
    rows: &RecordBatch,
) -> Result<RecordBatch> {
    let fields = definition.schema.fields();
    if rows.num_columns() != fields.len() {
        return Err(violation(
            ErrorKind::InvalidValue,
            format!(
                "table '{table}' has {} columns, and the rows have {}",
                fields.len(),
                rows.num_columns()
            ),
        ));
    }
    let mut columns = Vec::with_capacity(fields.len());
    for ((field, rule), values) in fields.iter().zip(&definition.columns).zip(rows.columns()) {
        let name = field.name();
        let mut values = assign(values, field.data_type(), table, name)?;
        if let Some(max) = &rule.max_length {
            values = check_length(values, max, table, name)?;
        }
        if !field.is_nullable() && values.null_count() > 0 {
            return Err(violation(
                ErrorKind::NotNullViolation,
                format!(
                    "null value in column '{name}' of table '{table}' violates not-null constraint"
                ),
            ));
        }
        columns.push(values);
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let schema = Arc::clone(&definition.schema);
    let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
    check_conditions(definition, table, &rows)?;
    Ok(rows)
}

/// Assignment cast: a value that does not fit is an error, not NULL.
fn assign(values: &ArrayRef, wanted: &DataType, table: &str, column: &str) -> Result<ArrayRef> {
    if values.data_type() == wanted {
        return Ok(Arc::clone(values));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(values, wanted, &options).map_err(|error| {
        violation(
            ErrorKind::InvalidValue,
            format!(
                "column '{column}' of table '{table}' is of type {wanted}, and a value of type {} cannot be cast: {error}",
                values.data_type()
            ),
        )
    })
}

/// Checks the length of texts. As in SQL, blanks behind the maximum are cut off.
fn check_length(values: ArrayRef, max: &MaxLength, table: &str, column: &str) -> Result<ArrayRef> {
    let texts = cast(&values, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let is_long = |text: &str| text.len() > max.characters && text.chars().count() > max.characters;
    if !texts.iter().flatten().any(is_long) {
        return Ok(values);
    }
    let mut cut = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(text) = text.filter(|&text| is_long(text)) else {
            cut.push(text.map(str::to_string));
            continue;
        };
        let kept: String = text.chars().take(max.characters).collect();
        if text[kept.len()..].chars().any(|c| c != ' ') {
            return Err(violation(
                ErrorKind::TooLong,
                format!(
                    "value too long for type {}: column '{column}' of table '{table}' got {} characters",
                    max.declared,
                    text.chars().count()
                ),
            ));
        }
        cut.push(Some(kept));
    }
    let cut: ArrayRef = Arc::new(StringViewArray::from_iter(cut));
    Ok(cast(&cut, values.data_type())?)
}

/// Refuses rows for which a check constraint is false; NULL passes.
fn check_conditions(definition: &TableDefinition, table: &str, rows: &RecordBatch) -> Result<()> {
    for check in &definition.checks {
        let passes = check
            .condition
            .evaluate(rows)?
            .into_array(rows.num_rows())?;
        let fails = passes
            .as_boolean_opt()
            .is_none_or(|passes| passes.iter().any(|passes| passes == Some(false)));
        if fails {
            return Err(violation(
                ErrorKind::CheckViolation,
                format!(
                    "new row for table '{table}' violates check constraint '{}': {}",
                    check.name, check.sql
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    fn definition(data_type: DataType, nullable: bool) -> TableDefinition {
        let field = Field::new("a", data_type, nullable);
        TableDefinition::of_schema(Arc::new(Schema::new(vec![field])))
    }

    fn batch(values: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("x", values, true)]).unwrap()
    }

    #[test]
    fn values_are_cast_or_refused() {
        let wide = definition(DataType::Int64, true);
        let rows = conform(&wide, "t", &batch(Arc::new(Int32Array::from(vec![9])))).unwrap();
        assert_eq!(rows.schema(), wide.schema);
        let narrow = definition(DataType::Int32, true);
        let large: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX]));
        assert!(conform(&narrow, "t", &batch(large)).is_err());
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        assert!(conform(&narrow, "t", &batch(text)).is_err());
    }

    #[test]
    fn nulls_and_long_texts_are_refused() {
        let strict = definition(DataType::Int64, false);
        let null: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let error = conform(&strict, "t", &batch(null)).unwrap_err().to_string();
        assert!(error.contains("not-null"), "{error}");
        let mut short = definition(DataType::Utf8, true);
        short.columns[0].max_length = Some(MaxLength {
            characters: 2,
            declared: "character varying(2)".into(),
        });
        let texts = |text| batch(Arc::new(StringArray::from(vec![text])) as ArrayRef);
        let rows = conform(&short, "t", &texts("äö  ")).unwrap();
        assert_eq!(rows.column(0).as_string::<i32>().value(0), "äö");
        assert!(conform(&short, "t", &texts("äöü")).is_err());
    }
}
