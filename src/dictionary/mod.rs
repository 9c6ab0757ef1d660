//! The data dictionary: what `data_dict.yaml` states about tables, columns, taxonomies
//! and attributes.
//!
//! `load` reads the file into the types of `model`. `catalog` adds its tables to the
//! SQL catalogue, and `table_functions` the dictionary itself. `annotate` copies
//! descriptions into field metadata, `check` compares the dictionary with the data,
//! and `init` drafts one from a file.

pub mod annotate;
mod attribute_entry;
mod catalog;
pub mod check;
mod data_stamp;
mod document;
pub mod init;
mod load;
mod missing_data;
mod model;
pub mod sql;
mod table_functions;
mod table_location;
#[cfg(test)]
pub mod test_session;
pub mod types;

use std::sync::Arc;

use datafusion::prelude::SessionContext;

pub use load::load_dictionary;
pub use missing_data::missing_data_message;
pub use model::{Dictionary, DictionaryTable};

use crate::error::Result;

/// Makes the dictionary's tables queryable in `ctx`, and the dictionary itself
/// through `dict_tables()`, `dict_columns()`, `dict_labels()` and `dict_attributes()`.
///
/// This opens no file. A statement that names a table opens its files, so missing
/// data is an error only then, and rewritten data is read again.
///
/// # Errors
/// A session without a default schema.
pub async fn register(ctx: &SessionContext, dictionary: &Arc<Dictionary>) -> Result<()> {
    table_functions::register(ctx, dictionary);
    catalog::register(ctx, dictionary)
}
