//! Search by meaning and nearest neighbours among the rows of a page.

use std::sync::Arc;

use arrow::array::Array;

use super::columns::PageColumns;
use super::display_text::display_text;
use super::page::NeighbourLists;
use super::query::{column, run_query};
use super::vectors::RowVectors;
use crate::dictionary::sql::string;
use crate::error::{Result, ShellError};
use crate::statement::StatementRunner;

/// Listed neighbours of a row.
pub const MAX_NEIGHBOURS: usize = 10;

/// Rows that a search by meaning returns.
pub const MAX_SEARCH_RESULTS: usize = 50;

/// Characters of an error on a page.
const MAX_ERROR_CHARS: usize = 300;

/// Embeds a text, as the only row of [`RowVectors`].
///
/// # Errors
/// A blank text; those of the model.
pub async fn embed_query(
    runner: &StatementRunner,
    text: &str,
    model: Option<&str>,
) -> Result<RowVectors> {
    let model = model.map_or_else(String::new, |model| format!(", {}", string(model)));
    let sql = format!("SELECT embed({}{model}) AS vector", string(text));
    let rows = run_query(runner, &sql).await?;
    let vector = column(&rows, "vector")?;
    if vector.len() != 1 || vector.is_null(0) {
        return Err(ShellError::query("the search text is blank"));
    }
    RowVectors::of(vector)
}

/// Explains why texts cannot be compared with the vectors; `None` if they can.
pub async fn search_problem(
    runner: &StatementRunner,
    columns: &PageColumns,
    vectors: &RowVectors,
) -> Option<String> {
    // Computed vectors are from the model that embeds searches.
    columns.vector.as_ref()?;
    match embed_query(runner, "a", columns.model.as_deref()).await {
        Ok(query) if query.dims() == vectors.dims() => None,
        Ok(query) => Some(format!(
            "The vectors of the table have {} floats and those of the model {}: they are from another model.",
            vectors.dims(),
            query.dims()
        )),
        Err(error) => Some(format!(
            "Search by meaning is not possible: {}",
            display_text(&error.message, MAX_ERROR_CHARS)
        )),
    }
}

/// Finds the nearest neighbours of each row.
///
/// # Errors
/// If the search panics.
pub async fn neighbour_lists(vectors: Arc<RowVectors>, k: usize) -> Result<NeighbourLists> {
    // Arithmetic without await points must not block the handler of Ctrl-C.
    let lists = tokio::task::spawn_blocking(move || vectors.neighbours(k))
        .await
        .map_err(|_| {
            ShellError::query("the search for neighbours was stopped by the internal error above")
        })?;
    let all = || lists.iter().flatten();
    Ok(NeighbourLists {
        k,
        rows: all().map(|near| near.0).collect(),
        scores: all().map(|near| (near.1 * 1000.0).round() as i16).collect(),
    })
}
