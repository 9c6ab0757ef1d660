//! The steps from a table to a page.

use std::sync::Arc;

use datafusion::common::TableReference;

use super::attributes::AttributeColumn;
use super::columns::PageColumns;
use super::examples::examples;
use super::groupings::groupings;
use super::page::{Page, SourceColumnNames, WordMap, unit_range};
use super::query::{MAX_NAME_CHARS, column, floats, texts, texts_or_empty};
use super::rows::{RowSteps, StepReporter};
use super::search::{MAX_NEIGHBOURS, MAX_SEARCH_RESULTS, neighbour_lists, search_problem};
use super::summary::summary;
use super::vectors::RowVectors;
use super::words::{MIN_WORD_MAP_ROWS, word_map};
use crate::args::ExploreArgs;
use crate::error::{Result, ShellError};
use crate::statement::{StatementRunner, diagnose};

/// Characters of a text on a page.
const MAX_TEXT_CHARS: usize = 300;

/// Page with the vectors that a server searches.
pub struct PreparedPage {
    pub page: Page,
    pub vectors: RowVectors,
    /// Model of the vectors, if the source names it.
    pub model: Option<String>,
}

/// Names of the attributes of the session's attribute sets.
fn known_attributes(runner: &StatementRunner) -> Vec<String> {
    let sets = runner.session().ai.attribute_sets();
    let attributes = sets.iter().flat_map(|set| &set.attributes);
    attributes.map(|attribute| attribute.name.clone()).collect()
}

/// Prepares the page of `source`, a file or a table.
///
/// # Errors
/// A missing table or column; a source without readable rows; a failed step.
pub async fn prepare(
    runner: StatementRunner,
    source: String,
    options: ExploreArgs,
    report: StepReporter,
) -> Result<PreparedPage> {
    let named = TableReference::bare(source.as_str());
    diagnose::check_table(runner.session(), &named).await?;
    let table = runner.session().ctx.table_provider(named).await?;
    let columns = PageColumns::of(&table.schema(), &source, &options)?;
    let attributes = AttributeColumn::of(&table.schema(), &columns, &known_attributes(&runner));
    let steps = RowSteps {
        runner: &runner,
        columns: &columns,
        attributes: &attributes,
        options: &options,
        source: &source,
        report: &report,
    };
    let counts = steps.sample().await?;
    steps.embed().await?;
    steps.cluster().await?;
    let (rows, projection) = steps.project().await?;
    let vectors = RowVectors::of(column(&rows, "vector")?)?;
    let words = if rows.num_rows() < MIN_WORD_MAP_ROWS {
        WordMap::default()
    } else {
        report("Learning how words are used");
        word_map(&runner, rows.num_rows()).await?
    };
    let why = search_problem(&runner, &columns, &vectors).await;
    let vectors = Arc::new(vectors);
    let neighbours = if options.export.is_some() {
        let k = MAX_NEIGHBOURS.min(vectors.len().saturating_sub(1));
        report(&format!("Finding the {k} nearest neighbours of each row"));
        Some(neighbour_lists(Arc::clone(&vectors), k).await?)
    } else {
        None
    };
    let groups = groupings(&runner, &columns, &attributes, &rows).await?;
    let page = Page {
        summary: summary(&counts, rows.num_rows(), projection, &groups, &columns),
        made: format!("Made by semql {}.", env!("CARGO_PKG_VERSION")),
        titles: texts_or_empty(&rows, "title", MAX_NAME_CHARS)?,
        texts: texts_or_empty(&rows, "text", MAX_TEXT_CHARS)?,
        ids: texts(&rows, "id", MAX_NAME_CHARS)?,
        x: unit_range(&floats(&rows, "x")?),
        y: unit_range(&floats(&rows, "y")?),
        examples: examples(&source, &columns, &groups),
        groups,
        columns: SourceColumnNames {
            id: columns.id.clone(),
            title: columns.title.clone(),
            text: columns.text.clone(),
        },
        best: MAX_SEARCH_RESULTS,
        meaning: why.is_none(),
        why,
        words,
        neighbours,
        source,
    };
    let vectors = Arc::into_inner(vectors)
        .ok_or_else(|| ShellError::query("the search for neighbours did not end"))?;
    Ok(PreparedPage {
        page,
        vectors,
        model: columns.model,
    })
}
