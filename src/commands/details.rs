//! Lines about a whole table, for `\d+`: kind, keys, definition, location, owner.

use datafusion::common::TableReference;
use datafusion::logical_expr::TableType;

use crate::dictionary::DictionaryTable;
use crate::error::Result;
use crate::session::Session;
use crate::tables::{IdentityKind, StoredTable, TableDefinition};

/// Lines about the table or file, one fact each.
///
/// # Errors
/// If the table cannot be opened.
pub async fn of_table(session: &Session, table: &TableReference) -> Result<Vec<String>> {
    let provider = session.ctx.table_provider(table.clone()).await?;
    let mut lines = Vec::new();
    let stored = provider.downcast_ref::<StoredTable>();
    let kind = match (stored, provider.table_type()) {
        (Some(_), _) => "table in memory",
        (None, TableType::View) => "view",
        (None, _) => "files",
    };
    lines.push(format!("Kind: {kind}"));
    if let Some(stored) = stored {
        lines.extend(rules(stored.definition()));
    }
    if let Some(definition) = provider.get_table_definition() {
        lines.push(format!("Definition: {definition}"));
    }
    let dictionary = &session.dictionary;
    let declared = dictionary
        .table(table.table())
        .or_else(|| dictionary.table_at(table.table()));
    if let (None, Some(declared)) = (stored, declared) {
        lines.extend(declarations(declared));
    }
    Ok(lines)
}

/// Defaults, keys and checks of a table in memory.
fn rules(definition: &TableDefinition) -> Vec<String> {
    let mut lines = Vec::new();
    let fields = definition.schema.fields().iter();
    for (field, rule) in fields.zip(&definition.columns) {
        if let Some(sql) = &rule.default_sql {
            lines.push(format!("Default of {}: {sql}", field.name()));
        }
        if let Some((kind, _)) = &rule.identity {
            let kind = match kind {
                IdentityKind::Always => "always",
                _ => "by default",
            };
            lines.push(format!("Identity: {}, generated {kind}", field.name()));
        }
    }
    for key in &definition.keys {
        let kind = if key.primary { "Primary key" } else { "Unique" };
        let columns = definition.column_names(key);
        lines.push(format!("{kind}: {} ({columns})", key.name));
    }
    for check in &definition.checks {
        lines.push(format!("Check: {} ({})", check.name, check.sql));
    }
    let foreign_keys = definition.foreign_keys.iter();
    lines.extend(foreign_keys.map(|key| format!("Foreign key, not checked: {}", key.sql)));
    lines
}

/// What the data dictionary declares about a table.
fn declarations(table: &DictionaryTable) -> Vec<String> {
    let location = table.location.as_ref().map(|it| it.resolved.clone());
    let source = table.source.as_ref().and_then(|source| {
        let parts = [&source.name, &source.url];
        let parts: Vec<&str> = parts.iter().filter_map(|it| it.as_deref()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    });
    let tags = (!table.tags.is_empty()).then(|| table.tags.join(", "));
    let facts = [
        ("Description", table.description.clone()),
        ("Location", location),
        ("Source", source),
        ("Owner", table.owner.clone()),
        ("Maintainer", table.maintainer.clone()),
        ("Licence", table.licence.clone()),
        ("Created", table.created.clone()),
        ("Updated", table.updated.clone()),
        ("Tags", tags),
    ];
    let facts = facts.into_iter();
    facts
        .filter_map(|(name, value)| Some(format!("{name}: {}", value?)))
        .collect()
}
