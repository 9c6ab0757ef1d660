//! Errors of databases.

use std::fmt;

use datafusion::error::DataFusionError;

/// Result of the operations of this crate.
pub type Result<T> = std::result::Result<T, DatabaseError>;

/// Error of a database, a driver or an address. Its text has no password.
#[derive(Debug)]
pub enum DatabaseError {
    /// An address that names no table of a known database.
    Address(String),
    /// A driver that is not on this machine, or that does not load.
    Driver(String),
    /// What a database or its driver refused.
    Database {
        /// What failed, with the address.
        what: String,
        /// The message of the driver.
        message: String,
    },
    /// A column whose type the database cannot store.
    Type(String),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(message) | Self::Driver(message) | Self::Type(message) => {
                f.write_str(message)
            }
            Self::Database { what, message } => write!(f, "cannot {what}: {message}"),
        }
    }
}

impl std::error::Error for DatabaseError {}

impl From<DatabaseError> for DataFusionError {
    fn from(error: DatabaseError) -> Self {
        Self::External(Box::new(error))
    }
}
