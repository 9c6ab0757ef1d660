//! Adds rows whose types differ from those of the table: into a temporary table first,
//! from which the database casts them. The driver copies rows in binary form, which fits
//! exactly the types of a table's columns.

use std::collections::HashMap;

use adbc_core::error::{Error, Result, Status};
use adbc_core::options::{IngestMode, OptionStatement};
use adbc_core::{Connection, Statement};
use arrow::array::{Array, AsArray, RecordBatchReader};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::unparser::dialect::Dialect;

use crate::address::TableName;
use crate::bulk_load::bulk_load;
use crate::query::{SelectedColumn, quoted, table_name};
use crate::row_channel::RowReader;

/// The temporary table, in the namespace of the connection.
const STAGED_TABLE: &str = "__semql_appended_rows";

/// Adds the rows of `reader` to the table, in the transaction of the connection.
///
/// # Errors
/// Those of the database: a value that has no cast or does not fit.
pub fn append(
    connection: &mut impl Connection,
    dialect: &dyn Dialect,
    table: &TableName,
    reader: RowReader,
) -> Result<()> {
    let types = column_types(connection, dialect, table)?;
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for field in reader.schema().fields() {
        let column = SelectedColumn {
            name: field.name(),
            cast: types.get(field.name()).map(String::as_str),
        };
        names.push(quoted(dialect, column.name));
        values.push(column.sql(dialect));
    }

    let options = [
        (OptionStatement::IngestMode, IngestMode::Create.into()),
        (OptionStatement::TargetTable, STAGED_TABLE.to_string()),
        (OptionStatement::Temporary, "true".to_string()),
    ];
    bulk_load(connection, options, reader)?;

    let mut insert = connection.new_statement()?;
    insert.set_sql_query(format!(
        "INSERT INTO {} ({}) SELECT {} FROM {}",
        table_name(dialect, table),
        names.join(", "),
        values.join(", "),
        quoted(dialect, STAGED_TABLE)
    ))?;
    insert.execute_update().map(drop)
}

/// Types of the table's columns, in SQL. They have no length and no precision: a cast
/// would cut what is too long, and the assignment to the column refuses it.
fn column_types(
    connection: &mut impl Connection,
    dialect: &dyn Dialect,
    table: &TableName,
) -> Result<HashMap<String, String>> {
    let table = Value::SingleQuotedString(table_name(dialect, table));
    let mut statement = connection.new_statement()?;
    statement.set_sql_query(format!(
        "SELECT CAST(attname AS text), format_type(atttypid, -1) FROM pg_catalog.pg_attribute \
         WHERE attrelid = CAST({table} AS pg_catalog.regclass) AND attnum > 0 AND NOT attisdropped"
    ))?;
    let mut types = HashMap::new();
    for batch in statement.execute()? {
        let batch = batch.map_err(unreadable)?;
        let texts = |column| cast(batch.column(column), &DataType::Utf8).map_err(unreadable);
        let (names, named) = (texts(0)?, texts(1)?);
        let (names, named) = (names.as_string::<i32>(), named.as_string::<i32>());
        let rows = (0..names.len()).filter(|row| names.is_valid(*row) && named.is_valid(*row));
        types.extend(rows.map(|row| (names.value(row).into(), named.value(row).into())));
    }
    Ok(types)
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::with_message_and_status(error.to_string(), Status::InvalidData)
}
