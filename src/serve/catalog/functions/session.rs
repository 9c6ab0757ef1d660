//! Functions about the client: its name, database and settings.

use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::scalar::ScalarValue;
use semql_udfs::inference::sync::lock;

use super::function::{CatalogCall, CatalogFunction, strict, volatile};
use super::values;
use crate::serve::catalog::oids::{CATALOG_SCHEMA, PUBLIC_SCHEMA};
use crate::serve::settings::ClientSettings;

pub const FUNCTIONS: &[CatalogFunction] = &[
    strict("current_user", &[0], "text", user),
    strict("session_user", &[0], "text", user),
    strict("current_role", &[0], "text", user),
    strict("user", &[0], "text", user),
    strict("current_catalog", &[0], "text", database),
    strict("current_database", &[0], "text", database),
    strict("current_schema", &[0], "text", schema),
    strict("current_schemas", &[1], "text[]", schemas),
    strict("current_setting", &[1, 2], "text", setting),
    CatalogFunction {
        strict: false,
        ..volatile("set_config", &[3], "text", set_setting)
    },
    strict("pg_backend_pid", &[0], "int4", pid),
    strict("inet_client_addr", &[0], "text", client_address),
    strict("inet_client_port", &[0], "int4", client_port),
];

fn user(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(call.user()))
}

fn database(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(call.context.database))
}

fn schema(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(PUBLIC_SCHEMA))
}

fn schemas(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let with_implicit = matches!(call.arguments, [ScalarValue::Boolean(Some(true))]);
    Ok(match with_implicit {
        true => values::of_texts(&[CATALOG_SCHEMA, PUBLIC_SCHEMA]),
        false => values::of_texts(&[PUBLIC_SCHEMA]),
    })
}

/// Value of a setting. With `true` as second argument an unknown one is NULL.
fn setting(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let [name, rest @ ..] = call.arguments else {
        return exec_err!("current_setting requires the name of a setting");
    };
    let name = values::text(name)?;
    let shown = match call.client {
        Some(client) => lock(&client.settings).show(&name),
        None => ClientSettings::default().show(&name),
    };
    let shown = shown.map(|(_, value)| Some(value)).or_else(|| {
        let mut entries = call.options.entries().into_iter();
        let entry = entries.find(|entry| entry.key == name.to_lowercase())?;
        Some(entry.value)
    });
    match (shown, rest) {
        (Some(value), _) => Ok(values::of_optional_text(value)),
        (None, [ScalarValue::Boolean(Some(true))]) => Ok(values::of_optional_text(None)),
        (None, _) => exec_err!(
            "unrecognized configuration parameter \"{name}\"; SHOW ALL lists the settings"
        ),
    }
}

/// Changes a setting for the session, and gives its new value. NULL is its default.
fn set_setting(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let [name, value, _] = call.arguments else {
        return exec_err!("set_config requires a name, a value and whether it is local");
    };
    let name = values::text(name)?;
    let Some(client) = call.client else {
        return exec_err!("set_config requires a client");
    };
    let value = match value.is_null() {
        true => None,
        false => Some(values::text(value)?),
    };
    let mut settings = lock(&client.settings);
    match settings.set(&name, value.as_deref()) {
        Ok(Some(_)) => {
            let shown = settings.show(&name).map(|(_, value)| value);
            Ok(values::of_optional_text(shown))
        }
        Ok(None) => exec_err!(
            "unrecognized configuration parameter \"{name}\"; SET name = value also changes settings of the engine"
        ),
        Err(error) => Err(DataFusionError::External(Box::new(error))),
    }
}

fn pid(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int4(call.client.map(|client| client.pid)))
}

fn client_address(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let address = call.client.map(|client| client.peer.ip().to_string());
    Ok(values::of_optional_text(address))
}

fn client_port(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let port = call.client.map(|client| i32::from(client.peer.port()));
    Ok(values::of_int4(port))
}
