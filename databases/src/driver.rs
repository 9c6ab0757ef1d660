//! The ADBC drivers, and their libraries on this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use adbc_core::options::AdbcVersion;
use adbc_driver_manager::ManagedDriver;
use datafusion::sql::unparser::dialect::{
    BigQueryDialect, DefaultDialect, Dialect, PostgreSqlDialect, SnowflakeDialect, SqliteDialect,
};

use crate::error::{DatabaseError, Result};

/// ADBC driver of a kind of database.
pub struct DatabaseDriver {
    /// Name in `OPTIONS (driver '...')`, and of the folder of its library.
    pub name: &'static str,
    /// Schemes of addresses; the first one is canonical.
    pub schemes: &'static [&'static str],
    /// Whether addresses name a file on this machine instead of a host.
    pub is_file: bool,
    /// Whether columns may hold values of other types than declared.
    pub dynamic_types: bool,
    /// Whether rows are added only with exactly the types of the table's columns.
    pub(crate) exact_append: bool,
    /// What the driver takes as `uri`.
    pub(crate) uri: UriForm,
    /// The SQL of the database.
    pub(crate) dialect: fn() -> Box<dyn Dialect>,
}

/// What a driver takes as the address of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UriForm {
    /// The address as it is.
    Whole,
    /// The address without its scheme.
    WithoutScheme,
    /// Options for project and data set, the host and the path of the address.
    ProjectAndDataset,
}

/// All drivers.
pub const DRIVERS: &[DatabaseDriver] = &[
    DatabaseDriver {
        name: "postgresql",
        schemes: &["postgresql", "postgres"],
        is_file: false,
        dynamic_types: false,
        exact_append: true,
        uri: UriForm::Whole,
        dialect: || Box::new(PostgreSqlDialect {}),
    },
    DatabaseDriver {
        name: "sqlite",
        schemes: &["sqlite"],
        is_file: true,
        dynamic_types: true,
        exact_append: false,
        uri: UriForm::WithoutScheme,
        dialect: || Box::new(SqliteDialect {}),
    },
    DatabaseDriver {
        name: "snowflake",
        schemes: &["snowflake"],
        is_file: false,
        dynamic_types: false,
        exact_append: false,
        uri: UriForm::WithoutScheme,
        dialect: || Box::new(SnowflakeDialect {}),
    },
    DatabaseDriver {
        name: "bigquery",
        schemes: &["bigquery"],
        is_file: false,
        dynamic_types: false,
        exact_append: false,
        uri: UriForm::ProjectAndDataset,
        dialect: || Box::new(BigQueryDialect {}),
    },
    DatabaseDriver {
        name: "flightsql",
        schemes: &["grpc+tls", "grpc", "grpc+tcp"],
        is_file: false,
        dynamic_types: false,
        exact_append: false,
        uri: UriForm::Whole,
        dialect: || Box::new(DefaultDialect {}),
    },
];

/// The driver of a name, in any case.
pub fn by_name(name: &str) -> Option<&'static DatabaseDriver> {
    DRIVERS
        .iter()
        .find(|driver| driver.name.eq_ignore_ascii_case(name))
}

/// The driver of a scheme of addresses.
pub(crate) fn by_scheme(scheme: &str) -> Option<&'static DatabaseDriver> {
    DRIVERS.iter().find(|driver| {
        let mut schemes = driver.schemes.iter();
        schemes.any(|known| known.eq_ignore_ascii_case(scheme))
    })
}

impl std::fmt::Debug for DatabaseDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl DatabaseDriver {
    /// Path of the library below the folder of drivers.
    pub fn library(&self, folder: &Path) -> PathBuf {
        let file = format!(
            "{}adbc_driver_{}{}",
            std::env::consts::DLL_PREFIX,
            self.name,
            std::env::consts::DLL_SUFFIX
        );
        folder.join(self.name).join(file)
    }

    /// Loads the library, once in a process: drivers do not unload safely.
    pub(crate) fn load(&self, folder: &Path) -> Result<ManagedDriver> {
        static LOADED: LazyLock<Mutex<HashMap<PathBuf, ManagedDriver>>> =
            LazyLock::new(Mutex::default);
        let path = self.library(folder);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = loaded.get(&path) {
            return Ok(driver.clone());
        }
        if !path.is_file() {
            return Err(DatabaseError::Driver(format!(
                "the database driver {} is not on this machine: {} does not exist; \
                 `semql setup --driver {}` installs it",
                self.name,
                path.display(),
                self.name
            )));
        }
        let driver = ManagedDriver::load_dynamic_from_filename(
            &path,
            Some(b"AdbcDriverInit"),
            AdbcVersion::V110,
        )
        .map_err(|error| {
            DatabaseError::Driver(format!(
                "cannot load the database driver {}: {}",
                path.display(),
                error.message
            ))
        })?;
        loaded.insert(path, driver.clone());
        Ok(driver)
    }
}
