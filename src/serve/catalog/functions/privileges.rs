//! Functions about privileges. The user of the connection may read everything, and
//! write where the server allows writes.

use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::function::{CatalogCall, CatalogFunction, strict};
use super::values;

pub const FUNCTIONS: &[CatalogFunction] = &[
    strict("has_table_privilege", &[2, 3], "bool", has_privilege),
    strict("has_any_column_privilege", &[2, 3], "bool", has_privilege),
    strict("has_column_privilege", &[3, 4], "bool", has_privilege),
    strict("has_schema_privilege", &[2, 3], "bool", has_privilege),
    strict("has_database_privilege", &[2, 3], "bool", has_privilege),
    strict("has_function_privilege", &[2, 3], "bool", has_privilege),
    strict("has_sequence_privilege", &[2, 3], "bool", has_privilege),
    strict("has_type_privilege", &[2, 3], "bool", has_privilege),
    strict("has_language_privilege", &[2, 3], "bool", has_privilege),
    strict("has_tablespace_privilege", &[2, 3], "bool", has_privilege),
    strict("has_server_privilege", &[2, 3], "bool", has_privilege),
    strict(
        "has_foreign_data_wrapper_privilege",
        &[2, 3],
        "bool",
        has_privilege,
    ),
    strict("has_parameter_privilege", &[2, 3], "bool", has_privilege),
    strict("pg_has_role", &[2, 3], "bool", has_role),
    strict("row_security_active", &[1], "bool", no_row_security),
];

/// Privileges that reading requires.
const READ_PRIVILEGES: &[&str] = &["CONNECT", "EXECUTE", "MEMBER", "SELECT", "SET", "USAGE"];

/// Whether one of the privileges in the last argument, such as `SELECT, INSERT`, is
/// granted.
fn has_privilege(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let granted = match call.arguments.last() {
        Some(privileges) if !call.context.allows_writes => {
            let privileges = values::text(privileges)?.to_uppercase();
            let mut privileges = privileges.split(',').map(str::trim);
            privileges.any(|privilege| READ_PRIVILEGES.contains(&privilege))
        }
        _ => true,
    };
    Ok(values::of_boolean(granted))
}

fn has_role(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_boolean(true))
}

fn no_row_security(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_boolean(false))
}
