//! Rows of the result of `catalogue_diff`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, StringBuilder, UInt32Builder};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result;

use super::exec::OperationContext;

/// Collects the rows of the result over the columns of the input.
pub struct DifferenceRows<'a> {
    names: Vec<&'a str>,
    /// By column: the rows that are NULL.
    nulls: Vec<Option<NullBuffer>>,
    formatters: Vec<ArrayFormatter<'a>>,
    changes: Vec<&'static str>,
    /// Rows of the input with the keys; NULL for rows about a column.
    keys: UInt32Builder,
    /// Names of the columns that differ.
    differing: Vec<Option<&'a str>>,
    old_values: StringBuilder,
    new_values: StringBuilder,
}

impl<'a> DifferenceRows<'a> {
    /// For the columns of the input and their names.
    ///
    /// # Errors
    /// A type that has no text form.
    pub fn new(columns: &'a [ArrayRef], names: Vec<&'a str>) -> Result<Self> {
        let options = FormatOptions::new().with_null("NULL");
        let formatters = columns
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            names,
            nulls: columns
                .iter()
                .map(|column| column.logical_nulls())
                .collect(),
            formatters,
            changes: Vec::new(),
            keys: UInt32Builder::new(),
            differing: Vec::new(),
            old_values: StringBuilder::new(),
            new_values: StringBuilder::new(),
        })
    }

    /// Adds columns that only the old table has, with their types.
    pub fn push_gone_columns(&mut self, columns: &'a [(String, String)]) {
        for (name, data_type) in columns {
            self.push("gone column", None, Some(name));
            self.old_values.append_value(data_type);
            self.new_values.append_null();
        }
    }

    /// Adds columns that only the new table has, with their types.
    pub fn push_new_columns(&mut self, columns: &'a [(String, String)]) {
        for (name, data_type) in columns {
            self.push("new column", None, Some(name));
            self.old_values.append_null();
            self.new_values.append_value(data_type);
        }
    }

    /// Adds a row that only one table has.
    pub fn push_row(&mut self, change: &'static str, row: usize) {
        self.push(change, Some(row), None);
        self.old_values.append_null();
        self.new_values.append_null();
    }

    /// Adds a column that differs between an old and a new row.
    ///
    /// # Errors
    /// A value that has no text form.
    pub fn push_change(
        &mut self,
        change: &'static str,
        column: usize,
        old: usize,
        new: usize,
    ) -> Result<()> {
        self.push(change, Some(new), Some(self.names[column]));
        let sides = [(&mut self.old_values, old), (&mut self.new_values, new)];
        for (values, row) in sides {
            let nulls = self.nulls[column].as_ref();
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                values.append_null();
                continue;
            }
            values.append_value(self.formatters[column].value(row).try_to_string()?);
        }
        Ok(())
    }

    fn push(&mut self, change: &'static str, key: Option<usize>, column: Option<&'a str>) {
        self.changes.push(change);
        self.keys.append_option(key.map(|row| row as u32));
        self.differing.push(column);
    }

    /// The result, with the key columns `keys` of the input.
    pub fn finish(
        mut self,
        keys: &[&ArrayRef],
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let rows = self.keys.finish();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(self.changes))];
        for key in keys {
            columns.push(take(key, &rows, None)?);
        }
        columns.push(Arc::new(StringArray::from(self.differing)));
        columns.push(Arc::new(self.old_values.finish()));
        columns.push(Arc::new(self.new_values.finish()));
        let batch = RecordBatch::try_new(Arc::clone(&context.schema), columns)?;
        Ok(vec![batch])
    }
}
