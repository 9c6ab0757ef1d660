//! The categories, clusters and attributes of the rows of a page.

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;

use super::attributes::AttributeColumn;
use super::columns::PageColumns;
use super::page::Grouping;
use super::query::{MAX_NAME_CHARS, run_query, texts};
use super::template;
use crate::error::Result;
use crate::statement::StatementRunner;

/// Name of the grouping by cluster.
pub const CLUSTER: &str = "Cluster";

/// Returns the groupings of `rows` that have values.
///
/// # Errors
/// Those of the query for the names of clusters.
pub async fn groupings(
    runner: &StatementRunner,
    columns: &PageColumns,
    attributes: &[AttributeColumn],
    rows: &RecordBatch,
) -> Result<Vec<Grouping>> {
    let mut groupings = Vec::new();
    let categories = texts(rows, "category", MAX_NAME_CHARS)?;
    if categories.iter().any(Option::is_some) {
        groupings.push(Grouping::of("Category", &categories));
    }
    let mut clusters = texts(rows, "cluster", MAX_NAME_CHARS)?;
    if clusters.iter().any(Option::is_some) {
        if columns.cluster.is_none() {
            clusters = named_clusters(runner, clusters).await?;
        }
        groupings.push(Grouping::of(CLUSTER, &clusters));
    }
    for attribute in attributes {
        let values = texts(rows, &attribute.name, MAX_NAME_CHARS)?;
        if attribute.groups(&values) {
            let grouping = Grouping::of(&attribute.label(), &values);
            groupings.push(grouping.of_attribute(&attribute.name));
        }
    }
    Ok(groupings)
}

/// Replaces the numbers of computed clusters by their typical words.
async fn named_clusters(
    runner: &StatementRunner,
    clusters: Vec<Option<String>>,
) -> Result<Vec<Option<String>>> {
    let rows = run_query(runner, template::CLUSTER_NAMES).await?;
    let numbers = texts(&rows, "cluster", MAX_NAME_CHARS)?;
    let terms = texts(&rows, "terms", MAX_NAME_CHARS)?;
    let mut names = HashMap::new();
    let mut used = HashSet::new();
    for (number, terms) in numbers.into_iter().zip(terms) {
        let Some(number) = number else { continue };
        let mut name = terms
            .filter(|terms| !terms.is_empty())
            .unwrap_or_else(|| format!("cluster {number}"));
        if !used.insert(name.clone()) {
            name += &format!(" ({number})");
        }
        names.insert(number, name);
    }
    let name = |number: String| names.get(&number).cloned().unwrap_or(number);
    Ok(clusters
        .into_iter()
        .map(|cluster| cluster.map(name))
        .collect())
}
