//! Taxonomies of a dictionary: in the file, or in separate files.

use std::collections::HashSet;
use std::path::Path;

use semql_udfs::{Label, Taxonomy};
use serde_saphyr::{Location, Spanned};

use super::problems::Problems;
use super::yaml::{parse, read_file};
use crate::dictionary::document::TaxonomyEntry;
use crate::error::Result;

/// A taxonomy of the dictionary. Its name is known even if its content is wrong, so
/// that columns with this name are not reported too.
pub struct KnownTaxonomy {
    pub name: String,
    pub taxonomy: Option<Taxonomy>,
}

/// Reads the entries. Semantic problems are added to `problems`.
///
/// # Errors
/// A taxonomy file with a wrong form.
pub fn read(
    entries: Vec<TaxonomyEntry>,
    folder: &Path,
    problems: &mut Problems,
) -> Result<Vec<KnownTaxonomy>> {
    let mut known: Vec<KnownTaxonomy> = Vec::new();
    for entry in entries {
        let name = entry.name.value.clone();
        let at = entry.name.referenced;
        if name.trim().is_empty() {
            problems.at(at, "a taxonomy needs a name");
            continue;
        }
        if known.iter().any(|other| other.name == name) {
            problems.at(at, format!("taxonomy '{name}' is given twice"));
            continue;
        }
        let taxonomy = match (&entry.file, &entry.labels) {
            (Some(file), None) if entry.description.is_none() && entry.template.is_none() => {
                from_file(&name, file, folder, problems)?
            }
            (Some(file), _) => {
                let what = "'file' excludes other keys: description, template and labels belong in that file";
                problems.at(file.referenced, format!("taxonomy '{name}': {what}"));
                None
            }
            (None, Some(_)) => assemble(entry, problems),
            (None, None) => {
                problems.at(at, format!("taxonomy '{name}' needs 'labels' or 'file'"));
                None
            }
        };
        known.push(KnownTaxonomy { name, taxonomy });
    }
    Ok(known)
}

fn from_file(
    name: &str,
    file: &Spanned<String>,
    folder: &Path,
    problems: &mut Problems,
) -> Result<Option<Taxonomy>> {
    let path = folder.join(&file.value);
    let text = match read_file(&path) {
        Ok(text) => text,
        Err(e) => {
            let what = format!("taxonomy '{name}': cannot read '{}': {e}", path.display());
            problems.at(file.referenced, what);
            return Ok(None);
        }
    };
    let shown = path.display().to_string();
    let entry: TaxonomyEntry = parse(&shown, &text)?;
    let mut inside = Problems::new(&shown);
    if let Some(nested) = &entry.file {
        inside.at(
            nested.referenced,
            "a taxonomy file cannot refer to another file",
        );
    }
    if entry.name.value != name {
        inside.at(
            entry.name.referenced,
            format!(
                "this is taxonomy '{}', but {} refers to it as '{name}'",
                entry.name.value, problems.file
            ),
        );
    }
    if entry.labels.is_none() {
        inside.at(
            entry.name.referenced,
            format!("taxonomy '{name}' needs 'labels'"),
        );
    }
    let taxonomy = assemble(entry, &mut inside);
    let sound = inside.found.is_empty();
    problems.found.append(&mut inside.found);
    Ok(taxonomy.filter(|_| sound))
}

/// The taxonomy of an entry; `None` if it has problems, which are added.
fn assemble(entry: TaxonomyEntry, problems: &mut Problems) -> Option<Taxonomy> {
    let before = problems.found.len();
    let name = entry.name.value;
    let labels = entry.labels.unwrap_or_default();
    check_labels(&name, entry.name.referenced, &labels, problems);
    if let Some(template) = &entry.template
        && !template.value.contains("{}")
    {
        let what = format!("taxonomy '{name}': the template has no {{}} for the phrase");
        problems.at(template.referenced, what);
    }
    if problems.found.len() > before {
        return None;
    }
    // Deserialized, so that absent fields get the defaults of the library.
    let mut fields = serde_json::Map::new();
    fields.insert("name".into(), name.clone().into());
    if let Some(description) = entry.description {
        fields.insert("description".into(), description.into());
    }
    if let Some(template) = entry.template {
        fields.insert("template".into(), template.value.into());
    }
    fields.insert("labels".into(), serde_json::Value::Array(Vec::new()));
    let taxonomy = serde_json::from_value::<Taxonomy>(fields.into())
        .map_err(|e| e.to_string())
        .map(|mut taxonomy| {
            taxonomy.labels = labels.into_iter().map(|label| label.value).collect();
            taxonomy
        })
        .and_then(|taxonomy| taxonomy.validate().map(|()| taxonomy));
    match taxonomy {
        Ok(taxonomy) => Some(taxonomy),
        Err(what) => {
            problems.at(entry.name.referenced, what);
            None
        }
    }
}

fn check_labels(name: &str, at: Location, labels: &[Spanned<Label>], problems: &mut Problems) {
    if labels.len() < 2 {
        let what = match labels.len() {
            1 => "has one label and needs two or more",
            _ => "has no labels and needs two or more",
        };
        problems.at(at, format!("taxonomy '{name}' {what}"));
    }
    let mut seen = HashSet::new();
    for label in labels {
        let text = label.value.name.trim();
        if text.is_empty() {
            problems.at(
                label.referenced,
                format!("taxonomy '{name}': a label is blank"),
            );
        } else if !seen.insert(text.to_string()) {
            let what = format!("taxonomy '{name}': label '{text}' is given twice");
            problems.at(label.referenced, what);
        }
        if label
            .value
            .phrases
            .iter()
            .any(|phrase| phrase.trim().is_empty())
        {
            let what = format!("taxonomy '{name}': label '{text}' has a blank phrase");
            problems.at(label.referenced, what);
        }
    }
}
