//! Tables and columns of a dictionary.

use std::collections::HashSet;
use std::path::Path;

use semql_udfs::Taxonomy;
use serde_saphyr::Spanned;

use super::problems::Problems;
use super::taxonomies::KnownTaxonomy;
use crate::dictionary::document::{ColumnEntry, TableEntry};
use crate::dictionary::model::{AcceptedValues, DictionaryColumn, DictionaryTable, TableSource};
use crate::dictionary::table_location::TableLocation;
use crate::dictionary::types::{TypeReader, is_text};
use crate::suggest;

/// Reads the entries. Semantic problems are added to `problems`.
pub fn read(
    entries: Vec<TableEntry>,
    folder: &Path,
    taxonomies: &[KnownTaxonomy],
    problems: &mut Problems,
) -> Vec<DictionaryTable> {
    let types = TypeReader::default();
    let mut seen = HashSet::new();
    let mut tables = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = entry.name.value.clone();
        if name.trim().is_empty() {
            problems.at(entry.name.referenced, "a table needs a name");
        } else if !seen.insert(name.clone()) {
            problems.at(
                entry.name.referenced,
                format!("table '{name}' is given twice"),
            );
        }
        if let Some(location) = &entry.location
            && location.value.trim().is_empty()
        {
            let what = format!("table '{name}': the location is blank");
            problems.at(location.referenced, what);
        }
        let mut columns: Vec<DictionaryColumn> = Vec::with_capacity(entry.columns.len());
        for column in entry.columns {
            let known = columns.iter().any(|other| other.name == column.name.value);
            if known {
                let what = format!("column '{}' of '{name}' is given twice", column.name.value);
                problems.at(column.name.referenced, what);
            } else if column.name.value.is_empty() {
                problems.at(
                    column.name.referenced,
                    format!("a column of '{name}' has no name"),
                );
            }
            columns.push(read_column(column, &name, taxonomies, &types, problems));
        }
        tables.push(DictionaryTable {
            name,
            description: entry.description,
            location: entry
                .location
                .map(|at| TableLocation::resolve(&at.value, folder)),
            source: entry.source.map(|source| TableSource {
                name: source.name,
                url: source.url,
            }),
            owner: entry.owner,
            maintainer: entry.maintainer,
            licence: entry.licence,
            created: entry.created,
            updated: entry.updated,
            tags: entry.tags,
            columns,
        });
    }
    tables
}

fn read_column(
    entry: ColumnEntry,
    table: &str,
    taxonomies: &[KnownTaxonomy],
    types: &TypeReader,
    problems: &mut Problems,
) -> DictionaryColumn {
    let name = entry.name.value;
    let owner = format!("column '{name}' of '{table}'");
    let data_type = entry.data_type.as_ref().and_then(|written| {
        types
            .read(&written.value)
            .map_err(|_| {
                problems.at(
                    written.referenced,
                    format!(
                        "{owner}: '{}' is not a SQL type; use one such as VARCHAR, BIGINT, \
                         DOUBLE, BOOLEAN, TIMESTAMP, DATE, DECIMAL(12,2) or FLOAT[384]",
                        written.value
                    ),
                );
            })
            .ok()
    });
    let accepted = match (entry.accepted_values, entry.taxonomy) {
        (Some(values), Some(_)) => {
            let what = "use either accepted_values or taxonomy, not both";
            problems.at(values.referenced, format!("{owner}: {what}"));
            AcceptedValues::Anything
        }
        (Some(values), None) => {
            check_values(&owner, &values, problems);
            AcceptedValues::Values(values.value.into_iter().map(|value| value.value).collect())
        }
        (None, Some(taxonomy)) => {
            check_taxonomy(&owner, &taxonomy, taxonomies, problems);
            AcceptedValues::Taxonomy(taxonomy.value)
        }
        (None, None) => AcceptedValues::Anything,
    };
    if let Some(min) = &entry.min_length
        && entry.max_length.is_some_and(|max| max < min.value)
    {
        problems.at(
            min.referenced,
            format!("{owner}: min_length is above max_length"),
        );
    }
    if (entry.min_length.is_some() || entry.max_length.is_some())
        && data_type.as_ref().is_some_and(|known| !is_text(known))
    {
        let what = format!("{owner}: only text has min_length and max_length");
        problems.at(entry.name.referenced, what);
    }
    DictionaryColumn {
        name,
        type_name: entry.data_type.map(|written| written.value),
        data_type,
        nullable: entry.nullable,
        unique: entry.unique,
        description: entry.description,
        accepted,
        min_length: entry.min_length.map(|min| min.value),
        max_length: entry.max_length,
    }
}

fn check_values(owner: &str, values: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems) {
    if values.value.is_empty() {
        problems.at(
            values.referenced,
            format!("{owner}: accepted_values is empty"),
        );
    }
    let mut seen = HashSet::new();
    for value in &values.value {
        if !seen.insert(value.value.as_str()) {
            let what = format!("{owner}: accepted value '{}' is given twice", value.value);
            problems.at(value.referenced, what);
        }
    }
}

fn check_taxonomy(
    owner: &str,
    taxonomy: &Spanned<String>,
    known: &[KnownTaxonomy],
    problems: &mut Problems,
) {
    let built_in = Taxonomy::built_in().map(|t| t.name).unwrap_or_default();
    let names = || {
        known
            .iter()
            .map(|t| t.name.as_str())
            .chain([built_in.as_str()])
    };
    if names().any(|name| name == taxonomy.value) {
        return;
    }
    let hint = match suggest::closest(&taxonomy.value, names()) {
        Some(name) => format!("did you mean '{name}'?"),
        None => {
            let mut names: Vec<&str> = names().collect();
            names.dedup();
            format!("known: {}", names.join(", "))
        }
    };
    problems.at(
        taxonomy.referenced,
        format!("{owner}: no taxonomy '{}'; {hint}", taxonomy.value),
    );
}
