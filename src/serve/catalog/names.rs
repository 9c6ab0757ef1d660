//! Names of objects of the catalogue, and their identifiers: what `'shop'::regclass`
//! and `16384::regclass::text` need.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, CatalogProviderList};

use super::oids::{
    CATALOG_SCHEMA, INFORMATION_SCHEMA, OWNER_OID, OidKey, OidRegistry, PUBLIC_SCHEMA,
    catalog_table,
};
use super::procedures::Procedures;
use super::static_tables::StaticTables;
use super::type_names::{self, display_name};
use crate::tables::SessionCatalogs;

/// Schemas whose objects need no schema in their names, in the order of the search.
const SEARCH_PATH: &[&str] = &[CATALOG_SCHEMA, PUBLIC_SCHEMA];

/// Kind of object that an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    Relation,
    Type,
    Function,
    Schema,
    Role,
}

impl ObjectKind {
    /// The word that errors use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Relation => "relation",
            Self::Type => "type",
            Self::Function => "function",
            Self::Schema => "schema",
            Self::Role => "role",
        }
    }
}

/// The database as a session sees it, with its uncommitted tables; `None` if its catalogue
/// was removed.
pub type Database = Option<Arc<dyn CatalogProvider>>;

/// Table of the schema `pg_catalog` or `information_schema`.
#[derive(Clone, Debug)]
pub struct CatalogTableName {
    pub schema: &'static str,
    pub name: &'static str,
    /// Whether Postgres has it as a view.
    pub is_view: bool,
    pub columns: SchemaRef,
}

/// Names and identifiers of the session's objects.
#[derive(Debug)]
pub struct Names {
    catalogs: Arc<dyn CatalogProviderList>,
    database: &'static str,
    pub oids: OidRegistry,
    pub procedures: Procedures,
    catalog_tables: Vec<CatalogTableName>,
    types: HashMap<String, i32>,
    type_names: HashMap<i32, String>,
}

impl Names {
    pub fn new(
        catalogs: Arc<dyn CatalogProviderList>,
        database: &'static str,
        oids: OidRegistry,
        procedures: Procedures,
        tables: &StaticTables,
        catalog_tables: Vec<CatalogTableName>,
    ) -> Self {
        let type_names: HashMap<i32, String> = tables
            .pairs("pg_type", "oid", "typname")
            .into_iter()
            .collect();
        let types = type_names.iter().map(|(oid, name)| (name.clone(), *oid));
        Self {
            catalogs,
            database,
            oids,
            procedures,
            catalog_tables,
            types: types.collect(),
            type_names,
        }
    }

    /// The database of a session, or the shared one.
    pub fn database(&self, session: Option<&SessionCatalogs>) -> Database {
        match session {
            Some(session) => CatalogProviderList::catalog(session, self.database),
            None => CatalogProviderList::catalog(self.catalogs.as_ref(), self.database),
        }
    }

    /// Schemas of the database, with those of the catalogue.
    pub fn schemas(&self, database: &Database) -> Vec<String> {
        let schemas = database.as_ref().map(|database| database.schema_names());
        let mut schemas = schemas.unwrap_or_default();
        for schema in [CATALOG_SCHEMA, INFORMATION_SCHEMA] {
            if !schemas.iter().any(|known| known == schema) {
                schemas.push(schema.to_string());
            }
        }
        schemas.sort();
        schemas
    }

    /// Tables of the schemas of the catalogue.
    pub fn catalog_tables(&self) -> &[CatalogTableName] {
        &self.catalog_tables
    }

    pub fn schema_oid(&self, schema: &str) -> i32 {
        self.oids.oid(OidKey::Schema(schema.to_string()))
    }

    pub fn relation_oid(&self, schema: &str, name: &str) -> i32 {
        let key = OidKey::Relation(schema.to_string(), name.to_string());
        self.oids.oid(key)
    }

    fn has_relation(&self, database: &Database, schema: &str, name: &str) -> bool {
        if [CATALOG_SCHEMA, INFORMATION_SCHEMA].contains(&schema) {
            let mut tables = self.catalog_tables.iter();
            return tables.any(|table| table.schema == schema && table.name == name);
        }
        let schema = database
            .as_ref()
            .and_then(|database| database.schema(schema));
        schema.is_some_and(|schema| schema.table_names().iter().any(|table| table == name))
    }

    /// Schema and name of a relation.
    pub fn relation(&self, database: &Database, oid: i32) -> Option<(String, String)> {
        if let Some(OidKey::Relation(schema, name)) = self.oids.key(oid) {
            let exists = self.has_relation(database, &schema, &name);
            return exists.then_some((schema, name));
        }
        let mut tables = self.catalog_tables.iter();
        let table = tables.find(|table| {
            table.schema == CATALOG_SCHEMA && catalog_table(table.name) == Some(oid)
        })?;
        Some((table.schema.to_string(), table.name.to_string()))
    }

    /// Identifier of an object, by its name as SQL writes it. Digits are the
    /// identifier itself, and `-` is 0, as in Postgres.
    pub fn oid(&self, database: &Database, kind: ObjectKind, text: &str) -> Option<i32> {
        let text = text.trim();
        if text == "-" {
            return Some(0);
        }
        if let Ok(oid) = text.parse() {
            return Some(oid);
        }
        match kind {
            ObjectKind::Type => {
                let bare = text.strip_prefix("pg_catalog.").unwrap_or(text);
                let name = type_names::catalog_name(bare);
                self.types.get(name.as_str()).copied()
            }
            ObjectKind::Relation => match parts(text)?.as_slice() {
                [name] => {
                    let mut schemas = SEARCH_PATH.iter();
                    let schema =
                        schemas.find(|schema| self.has_relation(database, schema, name))?;
                    Some(self.relation_oid(schema, name))
                }
                [schema, name] | [_, schema, name] => self
                    .has_relation(database, schema, name)
                    .then(|| self.relation_oid(schema, name)),
                _ => None,
            },
            ObjectKind::Function => {
                let name = text.split('(').next().unwrap_or(text);
                self.procedures.oid(parts(name)?.last()?)
            }
            ObjectKind::Schema => match parts(text)?.as_slice() {
                [name] => self
                    .schemas(database)
                    .contains(name)
                    .then(|| self.schema_oid(name)),
                _ => None,
            },
            // Every user of the server owns all objects.
            ObjectKind::Role => Some(OWNER_OID),
        }
    }

    /// Name of an object as SQL writes it. An unknown identifier is shown as its
    /// number, and 0 as `-`.
    pub fn name(&self, database: &Database, kind: ObjectKind, oid: i32, user: &str) -> String {
        if oid == 0 {
            return "-".to_string();
        }
        let name = match kind {
            ObjectKind::Relation => self.relation(database, oid).map(|(schema, name)| {
                match SEARCH_PATH.contains(&schema.as_str()) {
                    true => quoted(&name),
                    false => format!("{}.{}", quoted(&schema), quoted(&name)),
                }
            }),
            ObjectKind::Type => self.type_names.get(&oid).map(|name| display_name(name)),
            ObjectKind::Function => self.procedures.get(oid).map(|found| found.name.clone()),
            ObjectKind::Schema => self
                .schemas(database)
                .into_iter()
                .find(|schema| self.schema_oid(schema) == oid)
                .map(|schema| quoted(&schema)),
            ObjectKind::Role => (oid == OWNER_OID).then(|| quoted(user)),
        };
        name.unwrap_or_else(|| oid.to_string())
    }

    /// Name of a type in `pg_type`.
    pub fn type_name(&self, oid: i32) -> Option<&str> {
        self.type_names.get(&oid).map(String::as_str)
    }
}

/// Parts of a dotted name: unquoted ones in lower case. `None` if it is malformed.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut characters = text.chars().peekable();
    loop {
        let mut part = String::new();
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next()? {
                    '"' if characters.next_if_eq(&'"').is_some() => part.push('"'),
                    '"' => break,
                    other => part.push(other),
                }
            }
            while characters.next_if(|c| c.is_whitespace()).is_some() {}
        } else {
            while let Some(character) = characters.next_if(|c| *c != '.' && *c != '"') {
                part.extend(character.to_lowercase());
            }
            part = part.trim().to_string();
        }
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        match characters.next() {
            None => return Some(parts),
            Some('.') => {}
            Some(_) => return None,
        }
    }
}

/// A name, quoted unless it is a plain lower-case word.
fn quoted(name: &str) -> String {
    let plain = !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match plain && !name.is_empty() {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_unless_quoted() {
        let of = |text: &str| parts(text).unwrap_or_default();
        assert_eq!(of("Shop"), ["shop"]);
        assert_eq!(of("public.\"Big.Shop\""), ["public", "Big.Shop"]);
        assert_eq!(of("\"a\"\"b\""), ["a\"b"]);
        assert_eq!(of(" \"public\" . \"items\" "), ["public", "items"]);
        for wrong in ["", "a.", ".a", "\"open", "a\"b\"", "\"a\"b"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_quoted_where_sql_requires_it() {
        assert_eq!(quoted("shop"), "shop");
        assert_eq!(quoted("Shop"), "\"Shop\"");
        assert_eq!(quoted("1st"), "\"1st\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
