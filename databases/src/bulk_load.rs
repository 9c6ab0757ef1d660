//! The driver's bulk load of rows.

use adbc_core::error::Result;
use adbc_core::options::{OptionStatement, OptionValue};
use adbc_core::{Connection, Optionable, Statement};

use crate::row_channel::RowReader;

/// Loads the rows, where and how the options state.
///
/// # Errors
/// Those of the database.
pub fn bulk_load(
    connection: &mut impl Connection,
    options: impl IntoIterator<Item = (OptionStatement, String)>,
    reader: RowReader,
) -> Result<()> {
    let mut statement = connection.new_statement()?;
    for (option, value) in options {
        statement.set_option(option, OptionValue::String(value))?;
    }
    statement.bind_stream(Box::new(reader))?;
    statement.execute_update().map(drop)
}
