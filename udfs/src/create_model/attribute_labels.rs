//! Labels of attributes in the columns of a query.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use datafusion::error::Result as DataFusionResult;

use super::label_values::{is_label, label_values};
use crate::error::{Error, Result};

/// Labels of an attribute.
#[derive(Debug, PartialEq)]
pub struct AttributeLabels {
    pub attribute: String,
    /// Position of the column in the query.
    pub column: usize,
    /// Position in the fields of the column, which is then a struct.
    field: Option<usize>,
}

impl AttributeLabels {
    /// Values by row of a batch: `None` for NULL, empty if the text has none.
    ///
    /// # Errors
    /// A batch with other columns.
    pub fn values(&self, batch: &RecordBatch) -> DataFusionResult<Vec<Option<Vec<String>>>> {
        let column = batch.column(self.column);
        let Some(field) = self.field else {
            return label_values(column);
        };
        let mut values = label_values(column.as_struct().column(field))?;
        for (row, values) in values.iter_mut().enumerate() {
            if column.is_null(row) {
                *values = None;
            }
        }
        Ok(values)
    }
}

/// The attributes of a label column: its own name, or the fields of a struct.
///
/// # Errors
/// A column that is neither texts, lists of texts, nor a struct of these.
pub fn attribute_labels(schema: &Schema, column: usize) -> Result<Vec<AttributeLabels>> {
    let label = schema.field(column);
    let wrong = |name: &str, data_type: &DataType| {
        Error::Invalid(format!(
            "{name} is {data_type}, but the labels of an attribute must be texts or lists of texts"
        ))
    };
    let DataType::Struct(fields) = label.data_type() else {
        if !is_label(label.data_type()) {
            return Err(wrong(label.name(), label.data_type()));
        }
        return Ok(vec![AttributeLabels {
            attribute: label.name().clone(),
            column,
            field: None,
        }]);
    };
    let fields = fields.iter().enumerate();
    fields
        .map(|(at, field)| match is_label(field.data_type()) {
            true => Ok(AttributeLabels {
                attribute: field.name().clone(),
                column,
                field: Some(at),
            }),
            false => {
                let name = format!("{}.{}", label.name(), field.name());
                Err(wrong(&name, field.data_type()))
            }
        })
        .collect()
}

/// Checks the names of attributes.
///
/// # Errors
/// No attribute, one without a name, the same one twice.
pub fn check_attributes<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for attribute in attributes {
        if attribute.trim().is_empty() {
            return Err(Error::Invalid("an attribute has an empty name".to_string()));
        }
        if seen.contains(&attribute) {
            return Err(Error::Invalid(format!(
                "the attribute {attribute} is listed twice"
            )));
        }
        seen.push(attribute);
    }
    match seen.is_empty() {
        true => Err(Error::Invalid("there is no attribute to extract".into())),
        false => Ok(()),
    }
}
