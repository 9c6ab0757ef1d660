//! Roles of the text columns.

use std::collections::HashSet;

use semql_inference::{Error, Result};

use super::examples::{ExtractionExamples, ExtractionOptions};

/// Characters of the longest text of a context column.
const MAX_CONTEXT_CHARS: usize = 60;

/// Rows for each distinct text of a context column.
const ROWS_PER_CONTEXT: usize = 10;

/// Positions of the columns with values, and of those that describe the row.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnRoles {
    pub sources: Vec<usize>,
    pub contexts: Vec<usize>,
}

impl ColumnRoles {
    /// The roles by the options, else by the texts: a column with few short texts
    /// describes the row.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown context column, or without a source column.
    pub fn choose(examples: &ExtractionExamples, options: &ExtractionOptions) -> Result<Self> {
        let is_context: Vec<bool> = match &options.context {
            Some(names) => {
                for name in names {
                    if !examples.columns.contains(name) {
                        return Err(Error::Invalid(format!(
                            "the context column {name} is not a column of the query; its text columns are {}",
                            examples.columns.join(", ")
                        )));
                    }
                }
                examples
                    .columns
                    .iter()
                    .map(|name| names.contains(name))
                    .collect()
            }
            None => examples
                .texts
                .iter()
                .map(|texts| describes_rows(texts))
                .collect(),
        };
        let columns = |wanted: bool| {
            let columns = is_context.iter().enumerate();
            columns
                .filter(|(_, is)| **is == wanted)
                .map(|(at, _)| at)
                .collect()
        };
        let roles = Self {
            sources: columns(false),
            contexts: columns(true),
        };
        match (roles.sources.is_empty(), &options.context) {
            (false, _) => Ok(roles),
            // Few short texts: all columns have values.
            (true, None) => Ok(Self {
                sources: roles.contexts,
                contexts: Vec::new(),
            }),
            (true, Some(_)) => Err(Error::Invalid(
                "all text columns are context columns, so no column has values".to_string(),
            )),
        }
    }
}

fn describes_rows(texts: &[Option<String>]) -> bool {
    let given: Vec<&str> = texts.iter().flatten().map(|text| text.trim()).collect();
    let distinct: HashSet<&str> = given.iter().copied().collect();
    let is_short = |text: &&str| text.chars().count() <= MAX_CONTEXT_CHARS;
    !given.is_empty()
        && distinct.len() * ROWS_PER_CONTEXT <= given.len()
        && distinct.iter().all(is_short)
}
