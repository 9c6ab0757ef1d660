//! The data dictionary: what `data_dict.yaml` says about tables, columns and
//! taxonomies, and everything the shell does with it.
//!
//! `load` turns the file into the plain types of `model`; `catalog` makes its
//! tables queryable; `tables` makes the dictionary itself queryable; `annotate`
//! carries descriptions in field metadata; `check` compares it with the data;
//! `init` drafts one from a file.

pub mod annotate;
mod catalog;
pub mod check;
mod document;
pub mod init;
mod load;
mod model;
pub mod sql;
mod tables;
#[cfg(test)]
pub mod test_session;
pub mod types;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use semql_udfs::Taxonomy;

pub use catalog::missing;
pub use model::Table;

use crate::error::Result;

/// A loaded dictionary. Without a file it is empty, and every question to it
/// has the answer "nothing known".
#[derive(Debug, Default)]
pub struct Dictionary {
    path: Option<PathBuf>,
    tables: Vec<Table>,
    taxonomies: Vec<Taxonomy>,
}

impl Dictionary {
    /// A dictionary that knows nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads and validates a dictionary file.
    ///
    /// # Errors
    /// Set-up errors that name file, line and column and say what is wrong;
    /// all problems of meaning (unknown taxonomy, bad type, duplicates, ...)
    /// are listed together.
    pub fn load(path: &Path) -> Result<Self> {
        load::load(path)
    }

    /// The file this was loaded from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The tables, in the order of the file.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The taxonomies, in the order of the file.
    pub fn taxonomies(&self) -> &[Taxonomy] {
        &self.taxonomies
    }

    /// The table of that name, as SQL names it after case folding.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The table whose data lies at `location`, a path relative to the working
    /// folder or a URL.
    pub fn table_at(&self, location: &str) -> Option<&Table> {
        let wanted = model::normalized(location);
        self.tables.iter().find(|table| {
            table
                .location
                .as_ref()
                .is_some_and(|known| model::normalized(&known.resolved) == wanted)
        })
    }

    /// The label names of a taxonomy, the library's own included.
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

/// Makes the dictionary's tables queryable in `ctx`, and the dictionary itself
/// through `dict_tables()`, `dict_columns()` and `dict_labels()`.
///
/// No file is opened here: a table is looked up when a statement names it, so
/// a table that a pipeline has yet to write is no error until it is read, and
/// one that was written again is read anew.
pub async fn register(ctx: &SessionContext, dictionary: &Arc<Dictionary>) -> Result<()> {
    tables::register(ctx, dictionary);
    catalog::register(ctx, dictionary)
}
