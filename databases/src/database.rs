//! Connections to a database.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use adbc_core::options::{OptionDatabase, OptionValue};
use adbc_core::{CancelHandle, Connection, Database as _, Driver};
use adbc_driver_manager::ManagedConnection;
use arrow::datatypes::SchemaRef;

use crate::address::{DatabaseAddress, TableName};
use crate::error::{DatabaseError, Result};

/// Database at an address. It connects for each operation, which may block.
#[derive(Clone, Debug)]
pub struct Database {
    address: DatabaseAddress,
    /// Folder of the drivers on this machine.
    drivers: PathBuf,
    /// Further options of the driver, such as a password.
    options: Vec<(String, String)>,
}

impl Database {
    /// Database at `address`, whose driver is in the folder `drivers`. Connects later.
    pub fn new(address: DatabaseAddress, drivers: PathBuf) -> Self {
        Self {
            address,
            drivers,
            options: Vec::new(),
        }
    }

    /// Adds options of the driver, by the driver's names.
    pub fn with_options(mut self, options: Vec<(String, String)>) -> Self {
        self.options = options;
        self
    }

    pub fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    /// Opens a connection. Blocks.
    pub(crate) fn connect(&self) -> Result<ManagedConnection> {
        let mut driver = self.address.driver.load(&self.drivers)?;
        let own = self.address.options().into_iter();
        let own = own.map(|(key, value)| (key.to_string(), value));
        let options = own.chain(self.options.iter().cloned()).map(|(key, value)| {
            let key = OptionDatabase::from(key.as_str());
            (key, OptionValue::String(value))
        });
        let connection = driver
            .new_database_with_opts(options)
            .and_then(|database| database.new_connection());
        connection.map_err(|error| self.error("connect to", error))
    }

    /// Columns of a table, as the driver gives them. Blocks.
    pub(crate) fn table_schema(&self, table: &TableName) -> Result<SchemaRef> {
        let connection = self.connect()?;
        let schema = connection
            .get_table_schema(None, table.schema.as_deref(), &table.table)
            .map_err(|error| self.error(&format!("find the table {table} in"), error))?;
        Ok(Arc::new(schema))
    }

    /// Error of the driver in an operation: "cannot `verb` `address`: message".
    pub(crate) fn error(&self, verb: &str, error: adbc_core::error::Error) -> DatabaseError {
        DatabaseError::Database {
            what: format!("{verb} {}", self.address),
            message: error.message.trim().to_string(),
        }
    }
}

/// The running statement of an operation, for its cancellation.
#[derive(Clone, Default)]
pub(crate) struct RunningStatement(Arc<Mutex<Option<Box<dyn CancelHandle>>>>);

impl RunningStatement {
    /// Sets the statement to cancel, `None` once it has ended.
    pub fn set(&self, handle: Option<Box<dyn CancelHandle>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }

    /// Cancels the statement. An error means that it has ended.
    pub fn cancel(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            let _ = handle.try_cancel();
        }
    }
}
