//! CREATE SCHEMA and DROP SCHEMA.

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemorySchemaProvider};
use datafusion::sql::sqlparser::ast::{ObjectName, SchemaName};

use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::statement::syntax::folded;

/// Schemas of the program.
const PERMANENT_SCHEMAS: &[&str] = &["information_schema", "pg_catalog", "pg_temp", "pg_toast"];

/// Creates a schema.
///
/// # Errors
/// A schema that exists; a database that does not.
pub fn create(session: &Session, name: &SchemaName, if_not_exists: bool) -> Result<Outcome> {
    let place = match name {
        SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) => place(session, name)?,
        SchemaName::UnnamedAuthorization(name) => {
            let name = ObjectName::from(vec![name.clone()]);
            place(session, &name)?
        }
    };
    let shown = &place.schema;
    if place.catalog.schema(shown).is_some() {
        return match if_not_exists {
            true => Ok(Outcome::done(format!("schema {shown} exists already"))),
            false => Err(ShellError::of_kind(
                ErrorKind::DuplicateSchema,
                format!("schema '{shown}' already exists"),
            )),
        };
    }
    place
        .catalog
        .register_schema(shown, Arc::new(MemorySchemaProvider::new()))?;
    session.tables.note_created_schema(&place.database, shown);
    Ok(Outcome::done(format!("created schema {shown}")))
}

/// Drops schemas, with their tables for `cascade`.
///
/// # Errors
/// A schema that does not exist, has tables or belongs to the program.
pub fn drop(
    session: &Session,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut dropped = Vec::new();
    for name in names {
        let place = place(session, name)?;
        let shown = &place.schema;
        let state = session.ctx.state();
        let is_default = *shown == state.config_options().catalog.default_schema;
        if is_default || PERMANENT_SCHEMAS.contains(&shown.as_str()) {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!("schema '{shown}' cannot be dropped: the session needs it"),
            ));
        }
        let Some(schema) = place.catalog.schema(shown) else {
            match if_exists {
                true => continue,
                false => {
                    return Err(ShellError::of_kind(
                        ErrorKind::UndefinedSchema,
                        format!("schema '{shown}' does not exist"),
                    ));
                }
            }
        };
        let tables = schema.table_names();
        if !tables.is_empty() && !cascade {
            return Err(ShellError::of_kind(
                ErrorKind::DependentObjects,
                format!(
                    "cannot drop schema '{shown}': it has tables: {}; DROP SCHEMA ... CASCADE also drops them",
                    tables.join(", ")
                ),
            ));
        }
        let before = place.catalog.deregister_schema(shown, true)?;
        session
            .tables
            .note_dropped_schema(&place.database, shown, before);
        dropped.push(place.schema);
    }
    Ok(Outcome::done(match dropped.is_empty() {
        true => "there is no such schema".to_string(),
        false => format!("dropped schema {}", dropped.join(", ")),
    }))
}

struct SchemaPlace {
    catalog: Arc<dyn CatalogProvider>,
    database: String,
    schema: String,
}

fn place(session: &Session, name: &ObjectName) -> Result<SchemaPlace> {
    let parts = name.0.iter().filter_map(|part| part.as_ident().cloned());
    let mut parts: Vec<String> = parts.map(folded).collect();
    let state = session.ctx.state();
    let (schema, database) = match (parts.pop(), parts.pop()) {
        (Some(schema), database) if parts.is_empty() => (schema, database),
        _ => {
            return Err(ShellError::of_kind(
                ErrorKind::Syntax,
                format!("'{name}' is not the name of a schema"),
            ));
        }
    };
    let default = &state.config_options().catalog.default_catalog;
    let database = database.unwrap_or_else(|| default.clone());
    let catalog = session.ctx.catalog(&database).ok_or_else(|| {
        ShellError::of_kind(
            ErrorKind::UndefinedObject,
            format!("database '{database}' does not exist"),
        )
    })?;
    Ok(SchemaPlace {
        catalog,
        database,
        schema,
    })
}
