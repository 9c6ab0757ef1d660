//! Data files among the names in a folder, and the format that they share.

use super::format::{self, NamedFormat};
use crate::error::{Result, ShellError};

/// Maximum number of entries that are listed for one location.
pub const MAX_LISTED_FILES: usize = 1_000_000;

/// How a location names its files, for messages.
#[derive(Clone, Copy)]
pub enum FileSelection {
    Folder,
    Pattern,
}

/// Whether a file in a folder is data. A leading dot or underscore marks what
/// writers leave beside the data.
pub fn is_data_file(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    !base.starts_with(['.', '_']) && format::from_file_name(base).is_ok()
}

/// Format that all of `names` share.
///
/// # Errors
/// No names, an unknown format, or more than one format.
pub fn common_format(
    location: &str,
    names: &[String],
    selection: FileSelection,
) -> Result<NamedFormat> {
    let Some(first) = names.first() else {
        let known = format::known_extensions();
        return Err(ShellError::query(match selection {
            FileSelection::Folder => format!(
                "the folder '{location}' holds no file of a known format ({known}); \
                 folders within it are read with '{}/**/*.parquet'",
                location.trim_end_matches('/')
            ),
            FileSelection::Pattern => format!("no file fits the pattern '{location}'"),
        }));
    };
    let format_of = |name: &str| {
        format::from_file_name(name)
            .map_err(|why| ShellError::query(format!("'{name}', which '{location}' names, {why}")))
    };
    let common = format_of(first)?;
    for name in names {
        if format_of(name)? != common {
            return Err(ShellError::query(format!(
                "'{location}' names files of different formats, such as '{first}' and '{name}'; \
                 name one format, as in '*{}'",
                common.suffix
            )));
        }
    }
    Ok(common)
}
