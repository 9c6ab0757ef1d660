//! Addresses of databases and their tables: `postgresql://host/shop?table=offers`.

use std::fmt;

use url::Url;
use url::form_urlencoded;

use crate::driver::{self, DatabaseDriver, UriForm};
use crate::error::{DatabaseError, Result};

/// Parameter of an address that names the table.
const TABLE: &str = "table";

/// Maximum length of an address in bytes.
const MAX_ADDRESS_BYTES: usize = 4096;

/// Name of a table, with its schema if it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    pub schema: Option<String>,
    pub table: String,
}

impl TableName {
    /// Parses `table` or `schema.table`.
    ///
    /// # Errors
    /// An empty name.
    pub fn parse(text: &str) -> Result<Self> {
        let (schema, table) = match text.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, text),
        };
        if table.is_empty() || schema == Some("") || text.contains('\0') {
            return Err(DatabaseError::Address(format!(
                "'{text}' is not the name of a table; write table or schema.table"
            )));
        }
        Ok(Self {
            schema: schema.map(str::to_string),
            table: table.to_string(),
        })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.table),
            None => f.write_str(&self.table),
        }
    }
}

/// Address of a database, and a table in it. `Display` shows no user, password or
/// parameter.
#[derive(Clone)]
pub struct DatabaseAddress {
    pub driver: &'static DatabaseDriver,
    /// Address without the table, with its secrets.
    uri: String,
    /// Address without secrets.
    shown: String,
    /// Host, or path of a file.
    location: String,
    /// Table that the address names.
    pub table: Option<TableName>,
    has_password: bool,
    has_parameters: bool,
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseAddress({self})")
    }
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl DatabaseAddress {
    /// Parses an address; `None` if its scheme is not that of a driver.
    ///
    /// # Errors
    /// A scheme of a driver with an invalid address after it.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(None);
        };
        let Some(driver) = driver::by_scheme(scheme) else {
            return Ok(None);
        };
        if text.len() > MAX_ADDRESS_BYTES || text.contains('\0') {
            return Err(DatabaseError::Address(format!(
                "an address of a database has at most {MAX_ADDRESS_BYTES} bytes, none of them 0"
            )));
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut others = Vec::new();
        let mut table = None;
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match form_urlencoded::parse(part.as_bytes()).next() {
                Some((key, value)) if key == TABLE => {
                    if table.replace(TableName::parse(&value)?).is_some() {
                        return Err(DatabaseError::Address(
                            "the address names its table twice".to_string(),
                        ));
                    }
                }
                _ => others.push(part),
            }
        }
        let scheme = scheme.to_ascii_lowercase();
        let query = match others.as_slice() {
            [] => String::new(),
            others => format!("?{}", others.join("&")),
        };
        let uri = format!("{scheme}://{path}{query}");
        let (location, shown, has_password) = match driver.is_file {
            true => (path.to_string(), format!("{scheme}://{path}"), false),
            false => {
                // The text may hold a password, so messages leave it out.
                let url = Url::parse(&uri).map_err(|error| {
                    DatabaseError::Address(format!("invalid {scheme}:// address: {error}"))
                })?;
                let host = url.host_str().unwrap_or_default();
                let secret = |key: &str| key.to_ascii_lowercase().contains("password");
                let secrets = url.query_pairs().any(|(key, _)| secret(&key));
                (
                    host.to_string(),
                    format!("{scheme}://{host}{}", url.path()),
                    url.password().is_some() || secrets,
                )
            }
        };
        // SQLite takes these names for something else than a path.
        if driver.is_file
            && (location.is_empty() || location.starts_with([':']) || location.starts_with("file:"))
        {
            return Err(DatabaseError::Address(format!(
                "'{shown}' names no file; write {scheme}:// and a path"
            )));
        }
        Ok(Some(Self {
            driver,
            uri,
            shown,
            location,
            table,
            has_password,
            has_parameters: !others.is_empty(),
        }))
    }

    /// The host, empty for the local one; the path of a file for a driver of files.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Whether the address holds a password, which plans and logs would show.
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// Whether the address has parameters beside the table. They may name another host.
    pub fn has_parameters(&self) -> bool {
        self.has_parameters
    }

    /// Options of the driver: keys and values.
    pub(crate) fn options(&self) -> Vec<(&'static str, String)> {
        let rest = || self.uri.split_once("://").map_or("", |(_, rest)| rest);
        match self.driver.uri {
            UriForm::Whole => vec![("uri", self.uri.clone())],
            UriForm::WithoutScheme => vec![("uri", rest().to_string())],
            UriForm::ProjectAndDataset => {
                let path = rest().split('?').next().unwrap_or_default();
                let (project, dataset) = path.split_once('/').unwrap_or((path, ""));
                let options = [
                    ("adbc.bigquery.sql.project_id", project),
                    ("adbc.bigquery.sql.dataset_id", dataset),
                ];
                let given = options.into_iter().filter(|(_, value)| !value.is_empty());
                given.map(|(key, value)| (key, value.to_string())).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> DatabaseAddress {
        DatabaseAddress::parse(text).unwrap().unwrap()
    }

    #[test]
    fn an_address_has_a_driver_a_place_and_a_table() {
        let address =
            parsed("postgres://ann:s3cret@db.example:5433/shop?table=sales.offers&sslmode=require");
        assert_eq!(address.driver.name, "postgresql");
        assert_eq!(address.location(), "db.example");
        let table = address.table.clone().unwrap();
        assert_eq!(
            (table.schema.as_deref(), table.table.as_str()),
            (Some("sales"), "offers")
        );
        let uri = "postgres://ann:s3cret@db.example:5433/shop?sslmode=require";
        assert_eq!(address.options(), [("uri", uri.to_string())]);
        assert!(address.has_password());
        assert!(parsed("postgresql:///shop?password=x").has_password());
        assert!(!parsed("postgresql://db/shop?table=a%20b").has_password());
        assert_eq!(
            parsed("postgresql://db/shop?table=a%20b")
                .table
                .unwrap()
                .table,
            "a b"
        );
    }

    #[test]
    fn files_are_paths() {
        let address = parsed("sqlite:///tmp/a b.db?table=t");
        assert_eq!(address.options(), [("uri", "/tmp/a b.db".to_string())]);
        assert_eq!(parsed("sqlite://shop.db?table=t").location(), "shop.db");
        assert!(DatabaseAddress::parse("sqlite://?table=t").is_err());
    }

    #[test]
    fn options_of_a_driver_follow_from_the_address() {
        let address = parsed("bigquery://project/dataset?table=t");
        let options = address.options();
        assert_eq!(options[0].1, "project");
        assert_eq!(options[1].1, "dataset");
        let address = parsed("snowflake://ann:pw@account/db/public?warehouse=w&table=t");
        assert_eq!(
            address.options()[0].1,
            "ann:pw@account/db/public?warehouse=w"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let address = parsed("postgresql://ann:s3cret@db/shop?password=hidden&table=t");
        for shown in [format!("{address}"), format!("{address:?}")] {
            assert!(
                !shown.contains("s3cret") && !shown.contains("hidden"),
                "{shown}"
            );
            assert!(!shown.contains("ann"), "{shown}");
        }
        let error = DatabaseAddress::parse("postgresql://ann:s3cret@db:port/x").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for text in [
            "offers",
            "https://host/a.csv",
            "s3://bucket/x",
            "postgresql",
            "://",
        ] {
            assert!(DatabaseAddress::parse(text).unwrap().is_none(), "{text}");
        }
        for text in [
            "postgresql://db/x?table=",
            "postgresql://db/x?table=a.",
            "postgresql://db/x?table=a&table=b",
            "postgresql://db/x?table=a%00",
        ] {
            assert!(DatabaseAddress::parse(text).is_err(), "{text}");
        }
        let long = format!("postgresql://db/{}", "x".repeat(MAX_ADDRESS_BYTES));
        assert!(DatabaseAddress::parse(&long).is_err());
    }
}
