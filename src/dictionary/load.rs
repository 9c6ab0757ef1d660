//! Loading and validation of a dictionary file.

mod attributes;
mod problems;
mod tables;
mod taxonomies;
mod yaml;

use std::path::Path;

use super::document::DictionaryDocument;
use super::model::Dictionary;
use crate::error::{Result, ShellError};
use problems::Problems;
use yaml::{parse, read_file};

/// Supported version of the file format.
const FORMAT_VERSION: u64 = 1;

/// Reads and validates a dictionary file.
///
/// # Errors
/// Set-up errors with file, line and column. All semantic problems, such as unknown
/// taxonomies, invalid types and duplicates, are in one error.
pub fn load_dictionary(path: &Path) -> Result<Dictionary> {
    let text = read_file(path).map_err(|error| {
        ShellError::setup(format!(
            "cannot read the data dictionary '{}': {error}",
            path.display()
        ))
    })?;
    from_text(path, &text)
}

/// Reads the text of the dictionary at `path`. Locations and the names of other files
/// are relative to its folder.
fn from_text(path: &Path, text: &str) -> Result<Dictionary> {
    let file = path.display().to_string();
    let document: DictionaryDocument = parse(&file, text)?;
    let mut problems = Problems::new(&file);
    if document.version.value != FORMAT_VERSION {
        problems.at(
            document.version.referenced,
            format!(
                "unknown version {}; this semql reads version {FORMAT_VERSION}",
                document.version.value
            ),
        );
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let taxonomies = taxonomies::read(document.taxonomies, folder, &mut problems)?;
    let attribute_sets = attributes::read(document.attributes, folder, &mut problems)?;
    let tables = tables::read(document.tables, folder, &taxonomies, &mut problems);
    problems.into_result()?;
    let taxonomies = taxonomies.into_iter();
    let taxonomies = taxonomies.filter_map(|known| known.taxonomy).collect();
    Ok(Dictionary::new(path, tables, taxonomies, attribute_sets))
}

#[cfg(test)]
mod tests;
