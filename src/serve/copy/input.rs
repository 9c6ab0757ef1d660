//! `COPY ... FROM STDIN`: the rows of the client, in batches.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::CastOptions;
use arrow::datatypes::{Field as ArrowField, Schema, SchemaRef};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::api::results::FieldFormat;

use super::binary_input::BinaryRows;
use super::csv_input::{CsvField, CsvRecords};
use super::text_input::{Field, TextLines, fields};
use crate::error::{ErrorKind, Result, ShellError};
use crate::serve::values::decode;
use crate::statement::StatementParameter;
use crate::statement::copy_format::{CopyFormat, CopyKind};

/// Rows of a batch.
const ROWS_PER_BATCH: usize = 8_192;

/// Rows of a client on their way into a table.
pub struct CopyInput {
    format: CopyFormat,
    reader: RowReader,
    columns: Vec<InputColumn>,
    schema: SchemaRef,
    /// Values by column, for the next batch.
    values: Vec<Vec<ScalarValue>>,
    batches: Vec<RecordBatch>,
    /// Rows and headers read.
    lines: usize,
    rows: usize,
    memory: MemoryReservation,
}

enum RowReader {
    Text(TextLines),
    Csv(CsvRecords),
    Binary(BinaryRows),
}

struct InputColumn {
    name: String,
    wire: Type,
    force_null: bool,
    force_not_null: bool,
}

impl CopyInput {
    /// Reader of rows for the columns of a table, given by name, type for the client and
    /// type in the table.
    pub fn new(
        format: CopyFormat,
        names: &[String],
        wire: Vec<Type>,
        parameters: &[StatementParameter],
        pool: &Arc<dyn MemoryPool>,
    ) -> Self {
        let is_in = |names: &[String], name: &String| names.contains(name);
        let columns = names.iter().zip(wire).map(|(name, wire)| InputColumn {
            name: name.clone(),
            wire,
            force_null: is_in(&format.force_null, name),
            force_not_null: is_in(&format.force_not_null, name),
        });
        let types = names.iter().zip(parameters);
        let arrow = types.map(|(name, p)| ArrowField::new(name, p.data_type.clone(), true));
        let reader = match format.kind {
            CopyKind::Text => RowReader::Text(TextLines::default()),
            CopyKind::Csv => RowReader::Csv(CsvRecords::new(
                format.delimiter,
                format.quote,
                format.escape,
            )),
            CopyKind::Binary => RowReader::Binary(BinaryRows::default()),
        };
        Self {
            reader,
            columns: columns.collect(),
            schema: Arc::new(Schema::new(arrow.collect::<Vec<_>>())),
            values: vec![Vec::new(); names.len()],
            batches: Vec::new(),
            lines: 0,
            rows: 0,
            memory: MemoryConsumer::new("COPY FROM STDIN").register(pool),
            format,
        }
    }

    /// Number of columns.
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    pub fn is_binary(&self) -> bool {
        self.format.kind == CopyKind::Binary
    }

    /// Reads bytes of the client.
    ///
    /// # Errors
    /// Rows that do not fit the table; too little memory.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.reader {
            RowReader::Text(lines) => {
                lines.add(bytes);
                self.read_lines(false)
            }
            RowReader::Csv(records) => {
                let records = records.add(bytes);
                self.add_records(records)
            }
            RowReader::Binary(rows) => {
                rows.add(bytes);
                self.read_binary()
            }
        }
    }

    /// Reads what is left, and gives the rows in batches.
    ///
    /// # Errors
    /// As [`add`](Self::add); data that end in the middle of a row.
    pub fn finish(mut self) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let line = self.lines + 1;
        let cut_short = |why: &str| wrong(line, why);
        match &mut self.reader {
            RowReader::Text(_) => self.read_lines(true)?,
            RowReader::Csv(records) => {
                let last = records.finish().map_err(cut_short)?;
                self.add_records(last.into_iter().collect())?;
            }
            RowReader::Binary(rows) => rows.finish().map_err(cut_short)?,
        }
        self.flush()?;
        Ok((self.schema, self.batches))
    }

    fn read_lines(&mut self, is_last: bool) -> Result<()> {
        while let RowReader::Text(lines) = &mut self.reader
            && let Some(line) = lines.next(is_last)
        {
            if self.is_header() {
                continue;
            }
            let CopyFormat {
                delimiter, null, ..
            } = &self.format;
            let row = fields(&line, *delimiter, null.as_bytes());
            self.add_row(row, FieldFormat::Text)?;
        }
        Ok(())
    }

    fn read_binary(&mut self) -> Result<()> {
        while let RowReader::Binary(rows) = &mut self.reader {
            let line = self.lines + 1;
            let Some(row) = rows.next().map_err(|why| wrong(line, why))? else {
                return Ok(());
            };
            self.lines += 1;
            self.add_row(row, FieldFormat::Binary)?;
        }
        Ok(())
    }

    fn add_records(&mut self, records: Vec<Vec<CsvField>>) -> Result<()> {
        for record in records {
            if self.is_header() {
                continue;
            }
            // A line without a byte is a row of one empty value, if at all.
            let row = record.into_iter().enumerate();
            let row = row.map(|(at, field)| self.csv_value(at, field)).collect();
            self.add_row(row, FieldFormat::Text)?;
        }
        Ok(())
    }

    /// Counts a line, and tells whether it has the names of the columns.
    fn is_header(&mut self) -> bool {
        self.lines += 1;
        self.lines == 1 && self.format.header
    }

    fn csv_value(&self, at: usize, field: CsvField) -> Field {
        let column = self.columns.get(at);
        let reads_null = match field.quoted {
            false => column.is_none_or(|column| !column.force_not_null),
            true => column.is_some_and(|column| column.force_null),
        };
        let is_null = reads_null && field.value == self.format.null.as_bytes();
        (!is_null).then_some(field.value)
    }

    fn add_row(&mut self, row: Vec<Field>, format: FieldFormat) -> Result<()> {
        let line = self.lines;
        if row.len() != self.columns.len() {
            let (given, wanted) = (row.len(), self.columns.len());
            return Err(wrong(
                line,
                &format!("there are {given} values for {wanted} columns"),
            ));
        }
        let row = row.into_iter().zip(&self.columns).zip(self.schema.fields());
        for (((bytes, column), field), values) in row.zip(&mut self.values) {
            let value = value(bytes, column, field, format).map_err(|error| ShellError {
                message: format!(
                    "COPY, line {line}, column {}: {}",
                    column.name, error.message
                ),
                ..error
            })?;
            values.push(value);
        }
        self.rows += 1;
        match self
            .values
            .first()
            .is_some_and(|first| first.len() >= ROWS_PER_BATCH)
        {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Makes a batch of the values.
    fn flush(&mut self) -> Result<()> {
        if self.values.first().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        let columns = self.values.iter_mut().map(std::mem::take);
        let columns = columns.map(|values| Ok(ScalarValue::iter_to_array(values)?));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.memory.try_grow(batch.get_array_memory_size())?;
        self.batches.push(batch);
        Ok(())
    }
}

fn value(
    bytes: Field,
    column: &InputColumn,
    field: &ArrowField,
    format: FieldFormat,
) -> Result<ScalarValue> {
    let Some(bytes) = bytes else {
        return Ok(ScalarValue::try_new_null(field.data_type())?);
    };
    let value = decode(&column.wire, format, &bytes)?;
    if value.data_type() == *field.data_type() {
        return Ok(value);
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = value.cast_to_with_options(field.data_type(), &options);
    cast.map_err(|error| ShellError {
        kind: ErrorKind::InvalidValue,
        ..ShellError::from(error)
    })
}

fn wrong(line: usize, why: &str) -> ShellError {
    ShellError::of_kind(ErrorKind::InvalidValue, format!("COPY, line {line}: {why}"))
}
