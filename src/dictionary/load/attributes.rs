//! Attribute sets of a dictionary, and files of their values.

use std::collections::HashSet;
use std::path::Path;

use semql_udfs::learning::extraction::rules::{
    AttributeDefinition, AttributeSet, AttributeValue, RuleExtractor,
};
use serde_saphyr::Spanned;

use super::problems::Problems;
use super::yaml::{parse, read_file};
use crate::dictionary::attribute_entry::{
    AttributeEntries, AttributeEntry, NamedEntries, ValuesDocument,
};
use crate::error::Result;

/// Extensions of a file of values.
const VALUES_EXTENSIONS: &[&str] = &[".yaml", ".yml"];

/// Reads the sets. Semantic problems are added to `problems`.
///
/// # Errors
/// A file of values with a wrong form.
pub fn read(
    sets: NamedEntries<AttributeEntries>,
    folder: &Path,
    problems: &mut Problems,
) -> Result<Vec<AttributeSet>> {
    let mut known = Vec::new();
    for (name, AttributeEntries(entries)) in sets.0 {
        let at = name.referenced;
        if name.value.trim().is_empty() {
            problems.at(at, "an attribute set needs a name");
            continue;
        }
        let before = problems.found.len();
        let mut set = AttributeSet {
            name: name.value,
            ..AttributeSet::default()
        };
        let mut seen = HashSet::new();
        for (key, entry) in entries {
            if !seen.insert(key.value.trim().to_lowercase()) {
                let what = "is given twice; remove one";
                let what = format!(
                    "attribute set '{}': attribute '{}' {what}",
                    set.name, key.value
                );
                problems.at(key.referenced, what);
                continue;
            }
            let definition = assemble(&set.name, key, entry, folder, problems)?;
            set.attributes.extend(definition);
        }
        if problems.found.len() > before {
            continue;
        }
        match RuleExtractor::new(&set) {
            Ok(_) => known.push(set),
            Err(error) => problems.at(at, error),
        }
    }
    Ok(known)
}

/// The definition of an entry; `None` if it has a problem, which is added.
fn assemble(
    set: &str,
    key: Spanned<String>,
    entry: AttributeEntry,
    folder: &Path,
    problems: &mut Problems,
) -> Result<Option<AttributeDefinition>> {
    let mut definition = entry.definition;
    definition.name = key.value;
    if let Some(file) = &entry.values_file {
        let owner = format!("attribute set '{set}': attribute '{}'", definition.name);
        match values_of_file(&owner, file, folder, problems)? {
            Some(values) => definition.values = values,
            None => return Ok(None),
        }
    }
    // A set with this attribute alone, so that each problem has its line.
    let mut alone = AttributeSet {
        name: set.to_string(),
        description: None,
        attributes: vec![definition],
    };
    if let Err(what) = alone.validate() {
        problems.at(key.referenced, what);
        return Ok(None);
    }
    Ok(alone.attributes.pop())
}

/// The values of a file; `None` if it cannot be read, which is added.
fn values_of_file(
    owner: &str,
    file: &Spanned<String>,
    folder: &Path,
    problems: &mut Problems,
) -> Result<Option<Vec<AttributeValue>>> {
    let name = file.value.to_lowercase();
    if !VALUES_EXTENSIONS.iter().any(|end| name.ends_with(end)) {
        let what = format!(
            "{owner}: 'values' is a list, a map or a file ({}), not '{}'",
            VALUES_EXTENSIONS.join(" "),
            file.value
        );
        problems.at(file.referenced, what);
        return Ok(None);
    }
    let path = folder.join(&file.value);
    let text = match read_file(&path) {
        Ok(text) => text,
        Err(e) => {
            let what = format!("{owner}: cannot read '{}': {e}", path.display());
            problems.at(file.referenced, what);
            return Ok(None);
        }
    };
    let NamedEntries(values) = parse::<ValuesDocument>(&path.display().to_string(), &text)?;
    let values = values.into_iter().map(|(value, synonyms)| AttributeValue {
        value: value.value,
        synonyms: synonyms.unwrap_or_default(),
    });
    Ok(Some(values.collect()))
}

#[cfg(test)]
mod tests;
