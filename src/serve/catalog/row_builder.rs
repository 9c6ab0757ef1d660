//! Rows of catalogue tables, written by column name.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

/// Value of a column. It is cast to the type of the column.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogValue {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

impl From<&str> for CatalogValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<String> for CatalogValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i32> for CatalogValue {
    fn from(value: i32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<i64> for CatalogValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for CatalogValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl CatalogValue {
    fn into_scalar(self, data_type: &DataType) -> Result<ScalarValue> {
        let element = match data_type {
            DataType::List(field) => field.data_type().clone(),
            other => other.clone(),
        };
        let value = match self {
            Self::Text(text) => ScalarValue::Utf8(Some(text)),
            Self::Integer(number) => ScalarValue::Int64(Some(number)),
            Self::Boolean(value) => ScalarValue::Boolean(Some(value)),
            Self::Integers(numbers) => list(
                numbers.into_iter().map(|n| ScalarValue::Int64(Some(n))),
                &element,
            )?,
            Self::Texts(texts) => list(
                texts.into_iter().map(|text| ScalarValue::Utf8(Some(text))),
                &element,
            )?,
        };
        value.cast_to(data_type)
    }
}

fn list(values: impl Iterator<Item = ScalarValue>, element: &DataType) -> Result<ScalarValue> {
    let values = values.map(|value| value.cast_to(element));
    let values = values.collect::<Result<Vec<_>>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list(
        &values, element, true,
    )))
}

/// Rows of one table. A column without a value is NULL.
pub struct RowBuilder {
    schema: SchemaRef,
    rows: Vec<HashMap<&'static str, CatalogValue>>,
}

impl RowBuilder {
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            rows: Vec::new(),
        }
    }

    /// Adds a row of columns and values.
    pub fn push<const N: usize>(&mut self, values: [(&'static str, CatalogValue); N]) {
        self.rows.push(values.into());
    }

    /// Adds values to the last row.
    pub fn extend<const N: usize>(&mut self, values: [(&'static str, CatalogValue); N]) {
        if let Some(row) = self.rows.last_mut() {
            row.extend(values);
        }
    }

    /// The rows as a batch.
    ///
    /// # Errors
    /// A value that cannot be cast to the type of its column.
    pub fn finish(mut self) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let data_type = field.data_type();
            let values = self
                .rows
                .iter_mut()
                .map(|row| match row.remove(field.name().as_str()) {
                    Some(value) => value.into_scalar(data_type),
                    None => ScalarValue::try_new_null(data_type),
                });
            let values = values.collect::<Result<Vec<_>>>()?;
            columns.push(match values.is_empty() {
                true => new_empty_array(data_type),
                false => ScalarValue::iter_to_array(values)?,
            });
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        Ok(RecordBatch::try_new_with_options(
            self.schema,
            columns,
            &rows,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::column_types::schema;
    use super::*;
    use arrow::util::pretty::pretty_format_batches;

    #[test]
    fn missing_values_are_null() {
        let mut rows = RowBuilder::new(schema("oid oid, name name, keys int2[], flag bool"));
        rows.push([
            ("oid", 7.into()),
            ("keys", CatalogValue::Integers(vec![1, 2])),
        ]);
        rows.push([("name", "shop".into()), ("flag", true.into())]);
        let shown = pretty_format_batches(&[rows.finish().unwrap()]).unwrap();
        let shown = shown.to_string();
        assert!(shown.contains("| 7   |      | [1, 2] |      |"), "{shown}");
        assert!(shown.contains("|     | shop |        | true |"), "{shown}");
    }

    #[test]
    fn no_rows_are_an_empty_batch() {
        let rows = RowBuilder::new(schema("oid oid, keys int2[]"));
        assert_eq!(rows.finish().unwrap().num_rows(), 0);
    }
}
