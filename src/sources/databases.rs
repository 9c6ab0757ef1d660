//! Tables of databases, under their addresses and in `CREATE EXTERNAL TABLE`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::CreateExternalTable;
use semql_databases::{Database, DatabaseAddress, DatabaseTable, TableName, by_name};
use semql_udfs::inference::models::home;

use crate::error::{ErrorKind, Result, ShellError};
use crate::policy::Policy;

/// Name in `STORED AS`.
pub const STORED_AS: &str = "ADBC";

/// Prefix that the engine adds to names of options.
const OPTION_PREFIX: &str = "format.";

/// The address of a database in a statement; `None` for any other text.
///
/// # Errors
/// An invalid address; one with a password, which plans, logs and histories would show.
pub fn address(text: &str) -> Result<Option<DatabaseAddress>> {
    let address = DatabaseAddress::parse(text).map_err(refused)?;
    if address.as_ref().is_some_and(DatabaseAddress::has_password) {
        return Err(ShellError::query(
            "an address with a password would appear in plans, logs and histories; leave it out, and set \
             PGPASSWORD or ~/.pgpass for PostgreSQL, or name it in \
             CREATE EXTERNAL TABLE ... STORED AS ADBC OPTIONS (password '...')",
        ));
    }
    Ok(address)
}

fn refused(error: semql_databases::DatabaseError) -> ShellError {
    ShellError::query(error.to_string())
}

/// Checks that a database may be read.
///
/// # Errors
/// What the policy refuses.
pub fn check(policy: &Policy, address: &DatabaseAddress) -> Result<()> {
    if policy.is_restricted() && address.has_parameters() {
        return Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            "parameters of addresses are not allowed here, because they may name another host; \
             leave out all but the table",
        ));
    }
    match address.driver.is_file {
        true => policy.check_read_path(Path::new(address.location())),
        false => policy.check_host(address.driver.schemes[0], address.location()),
    }
}

/// Database at an address; connects later.
pub fn database(address: DatabaseAddress) -> Database {
    Database::new(address, home().join("drivers"))
}

/// Opens the table that an address names.
///
/// # Errors
/// An address without a table; a missing driver; a database that cannot be reached.
pub async fn open(address: DatabaseAddress) -> Result<Arc<dyn TableProvider>> {
    let table = address.table.clone();
    let table = table.ok_or_else(|| missing_table(&address))?;
    open_table(database(address), table).await
}

async fn open_table(database: Database, table: TableName) -> Result<Arc<dyn TableProvider>> {
    let address = database.address();
    // SQLite would create the file.
    if address.driver.is_file && !Path::new(address.location()).is_file() {
        return Err(ShellError::query(format!(
            "there is no file '{}'",
            address.location()
        )));
    }
    Ok(Arc::new(DatabaseTable::open(database, table).await?))
}

/// Error for an address without a table.
pub fn missing_table(address: &DatabaseAddress) -> ShellError {
    ShellError::query(format!(
        "{address} names no table; add ?table=NAME, or OPTIONS (table 'NAME')"
    ))
}

/// Creates tables of `CREATE EXTERNAL TABLE ... STORED AS ADBC OPTIONS (driver '...',
/// uri '...', table '...')`.
#[derive(Debug)]
pub struct DatabaseTableFactory {
    pub policy: Arc<Policy>,
}

#[async_trait]
impl TableProviderFactory for DatabaseTableFactory {
    async fn create(
        &self,
        _: &dyn Session,
        command: &CreateExternalTable,
    ) -> datafusion::error::Result<Arc<dyn TableProvider>> {
        let opened = self.open(command).await;
        opened.map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

impl DatabaseTableFactory {
    async fn open(&self, command: &CreateExternalTable) -> Result<Arc<dyn TableProvider>> {
        if !command.schema.fields().is_empty() || !command.table_partition_cols.is_empty() {
            return Err(ShellError::query(
                "the columns of a table of a database follow from the database; leave them out",
            ));
        }
        let options = command.options.iter().map(|(key, value)| {
            let key = key.strip_prefix(OPTION_PREFIX).unwrap_or(key);
            (key.to_lowercase(), value.clone())
        });
        let mut options: HashMap<String, String> = options.collect();
        let address = self.address(command, &mut options)?;
        check(&self.policy, &address)?;
        let table = match (options.remove("table"), &address.table) {
            (Some(table), _) => TableName::parse(&table).map_err(refused)?,
            (None, Some(table)) => table.clone(),
            (None, None) => return Err(missing_table(&address)),
        };
        let credentials = |key: &String| matches!(key.as_str(), "username" | "password");
        if let Some(key) = options.keys().find(|key| !credentials(key))
            && (self.policy.is_restricted() || !key.starts_with("adbc."))
        {
            return Err(ShellError::query(format!(
                "unknown option '{key}'; known are driver, uri, table, username, password and the driver's own, \
                 which start with 'adbc.'"
            )));
        }
        let database = database(address).with_options(options.into_iter().collect());
        open_table(database, table).await
    }

    /// The address of the options `uri` and `driver`, or of LOCATION.
    fn address(
        &self,
        command: &CreateExternalTable,
        options: &mut HashMap<String, String>,
    ) -> Result<DatabaseAddress> {
        let location = command
            .locations
            .first()
            .filter(|location| !location.is_empty());
        let uri = options.remove("uri").or_else(|| location.cloned());
        let uri = uri.ok_or_else(|| {
            ShellError::query(
                "a table STORED AS ADBC needs OPTIONS (driver '...', uri '...', table '...')",
            )
        })?;
        let driver = match options.remove("driver") {
            None => None,
            Some(name) => Some(by_name(&name).ok_or_else(|| {
                let known: Vec<&str> = semql_databases::DRIVERS
                    .iter()
                    .map(|driver| driver.name)
                    .collect();
                ShellError::query(format!(
                    "unknown driver '{name}'; known are {}",
                    known.join(", ")
                ))
            })?),
        };
        let uri = match driver {
            // SQLite takes a path, Snowflake an address without a scheme.
            Some(driver) if !uri.contains("://") => format!("{}://{uri}", driver.schemes[0]),
            _ => uri,
        };
        let address = DatabaseAddress::parse(&uri).map_err(refused)?;
        let address = address.ok_or_else(|| {
            ShellError::query(
                "the option uri is not the address of a database; name its driver too",
            )
        })?;
        match driver {
            Some(driver) if driver.name != address.driver.name => Err(ShellError::query(format!(
                "the address is one of {}, and the driver is {}",
                address.driver.name, driver.name
            ))),
            _ => Ok(address),
        }
    }
}
