//! Form of the dictionary file, with lines and columns for semantic problems.

use semql_udfs::Label;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::attribute_entry::{AttributeEntries, NamedEntries};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DictionaryDocument {
    pub version: Spanned<u64>,
    #[serde(default)]
    pub tables: Vec<TableEntry>,
    #[serde(default)]
    pub taxonomies: Vec<TaxonomyEntry>,
    /// Attribute sets by name.
    #[serde(default)]
    pub attributes: NamedEntries<AttributeEntries>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    pub name: Spanned<String>,
    pub description: Option<String>,
    pub location: Option<Spanned<String>>,
    pub source: Option<SourceEntry>,
    pub owner: Option<String>,
    pub maintainer: Option<String>,
    pub licence: Option<String>,
    pub created: Option<String>,
    pub updated: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub columns: Vec<ColumnEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    pub name: Option<String>,
    pub url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnEntry {
    pub name: Spanned<String>,
    #[serde(rename = "type")]
    pub data_type: Option<Spanned<String>>,
    pub nullable: Option<bool>,
    #[serde(default)]
    pub unique: bool,
    pub description: Option<String>,
    pub accepted_values: Option<Spanned<Vec<Spanned<String>>>>,
    pub taxonomy: Option<Spanned<String>>,
    pub min_length: Option<Spanned<u64>>,
    pub max_length: Option<u64>,
}

/// A taxonomy, or the file of one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxonomyEntry {
    pub name: Spanned<String>,
    pub file: Option<Spanned<String>>,
    pub description: Option<String>,
    pub template: Option<Spanned<String>>,
    pub labels: Option<Vec<Spanned<Label>>>,
}
