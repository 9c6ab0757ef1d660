//! Types of a loaded dictionary, validated and with locations resolved.

use std::path::{Path, PathBuf};

use arrow::datatypes::DataType;
use semql_udfs::Taxonomy;
use semql_udfs::learning::extraction::rules::AttributeSet;

use super::table_location::{TableLocation, normalized};

/// A data dictionary. Without a file it is empty.
#[derive(Debug, Default)]
pub struct Dictionary {
    path: Option<PathBuf>,
    tables: Vec<DictionaryTable>,
    taxonomies: Vec<Taxonomy>,
    attribute_sets: Vec<AttributeSet>,
}

impl Dictionary {
    /// Dictionary of the file at `path`.
    pub fn new(
        path: &Path,
        tables: Vec<DictionaryTable>,
        taxonomies: Vec<Taxonomy>,
        attribute_sets: Vec<AttributeSet>,
    ) -> Self {
        Self {
            path: Some(path.to_path_buf()),
            tables,
            taxonomies,
            attribute_sets,
        }
    }

    /// File of the dictionary.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The tables, in the order of the file.
    pub fn tables(&self) -> &[DictionaryTable] {
        &self.tables
    }

    /// The taxonomies, in the order of the file.
    pub fn taxonomies(&self) -> &[Taxonomy] {
        &self.taxonomies
    }

    /// The attribute sets, in the order of the file.
    pub fn attribute_sets(&self) -> &[AttributeSet] {
        &self.attribute_sets
    }

    /// The table of this name, as SQL names it after case folding.
    pub fn table(&self, name: &str) -> Option<&DictionaryTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The table whose data is at `location`, a path relative to the working folder
    /// or a URL.
    pub fn table_at(&self, location: &str) -> Option<&DictionaryTable> {
        let wanted = normalized(location);
        self.tables.iter().find(|table| {
            table
                .location
                .as_ref()
                .is_some_and(|known| normalized(&known.resolved) == wanted)
        })
    }

    /// Label names of a taxonomy, which may be the built-in one.
    pub fn labels(&self, taxonomy: &str) -> Option<Vec<String>> {
        let names = |taxonomy: &Taxonomy| {
            taxonomy
                .labels
                .iter()
                .map(|label| label.name.clone())
                .collect()
        };
        if let Some(known) = self.taxonomies.iter().find(|t| t.name == taxonomy) {
            return Some(names(known));
        }
        Taxonomy::built_in()
            .ok()
            .filter(|built_in| built_in.name == taxonomy)
            .map(|built_in| names(&built_in))
    }
}

/// One table of the dictionary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DictionaryTable {
    pub name: String,
    pub description: Option<String>,
    /// Location of the data. Without one, the table is documentation only.
    pub location: Option<TableLocation>,
    pub source: Option<TableSource>,
    pub owner: Option<String>,
    pub maintainer: Option<String>,
    pub licence: Option<String>,
    pub created: Option<String>,
    pub updated: Option<String>,
    pub tags: Vec<String>,
    pub columns: Vec<DictionaryColumn>,
}

/// Origin of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableSource {
    pub name: Option<String>,
    pub url: Option<String>,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct DictionaryColumn {
    pub name: String,
    /// The SQL type as written.
    pub type_name: Option<String>,
    pub data_type: Option<DataType>,
    /// `Some(false)` promises that there are no nulls.
    pub nullable: Option<bool>,
    /// `true` promises that no value occurs twice.
    pub unique: bool,
    pub description: Option<String>,
    pub accepted: AcceptedValues,
    /// In characters.
    pub min_length: Option<u64>,
    /// In characters.
    pub max_length: Option<u64>,
}

/// Values that a column may have, besides null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AcceptedValues {
    #[default]
    Anything,
    Values(Vec<String>),
    /// The labels of the taxonomy of this name.
    Taxonomy(String),
}

impl DictionaryTable {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&DictionaryColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}
