//! Scans of selected rows of Parquet files.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Statistics, exec_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use semql_inference::vector_index::{Hit, IndexMetadata, hits_by_file};

/// A scan, and the hits of each of its partitions.
pub type SelectedScan = (Arc<dyn ExecutionPlan>, Vec<Vec<Hit>>);

/// Prepares a scan for the selection of up to `rows` rows: a partition for each file, in
/// the order of the index.
///
/// # Errors
/// A scan of anything but files.
pub fn prepare(
    scan: Arc<dyn ExecutionPlan>,
    metadata: &IndexMetadata,
    rows: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    with_file_groups(scan, &mut |config| {
        let names = metadata.files.iter().map(|stamp| stamp.name.as_str());
        let files = names.filter_map(|name| file_named(config, name));
        let groups = files.map(|file| FileGroup::new(vec![file])).collect();
        let schema = config.file_source().table_schema().table_schema();
        let mut statistics = Statistics::new_unknown(schema);
        statistics.num_rows = Precision::Inexact(rows);
        Ok((groups, statistics))
    })
}

/// Restricts a scan to the rows of `hits`, which are sorted by row. The files of the
/// result have a partition each, and return their rows in order. Its metrics are those
/// of `scan`.
///
/// # Errors
/// A scan of other files than those of the index.
pub fn select(
    scan: &Arc<dyn ExecutionPlan>,
    metadata: &IndexMetadata,
    hits: &[Hit],
) -> Result<SelectedScan> {
    let mut selected = Vec::new();
    let hits = hits_by_file(metadata, hits);
    let scan = with_file_groups(Arc::clone(scan), &mut |config| {
        let mut groups = Vec::new();
        for ((stamp, rows), hits) in metadata.files.iter().zip(&metadata.rows).zip(&hits) {
            if hits.is_empty() {
                continue;
            }
            let Some(file) = file_named(config, &stamp.name) else {
                return exec_err!("{} is not among the files of the table", stamp.name);
            };
            let selection = ParquetRowSelection::new(row_selection(hits, *rows));
            groups.push(FileGroup::new(vec![file.with_extension(selection)]));
            selected.push(hits.clone());
        }
        let schema = config.file_source().table_schema().table_schema();
        Ok((groups, Statistics::new_unknown(schema)))
    })?;
    Ok((scan, selected))
}

/// New file groups and statistics of a scan.
type Replacement<'a> = &'a mut dyn FnMut(&FileScanConfig) -> Result<(Vec<FileGroup>, Statistics)>;

/// Replaces the file groups and statistics of the scans of a plan.
fn with_file_groups(
    plan: Arc<dyn ExecutionPlan>,
    replacement: Replacement<'_>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.transform_up(|plan| {
        let Some(exec) = plan.downcast_ref::<DataSourceExec>() else {
            return Ok(Transformed::no(plan));
        };
        let Some(config) = exec.data_source().downcast_ref::<FileScanConfig>() else {
            return exec_err!("an index requires a scan of files");
        };
        let (groups, statistics) = replacement(config)?;
        let partitions = Partitioning::UnknownPartitioning(groups.len());
        let config = FileScanConfigBuilder::from(config.clone())
            .with_file_groups(groups)
            // Partitions do not exchange or split files.
            .with_preserve_order(true)
            .with_output_partitioning(Some(partitions))
            .with_statistics(statistics)
            .build();
        let exec: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        Ok(Transformed::yes(exec))
    })?;
    Ok(replaced.data)
}

/// The whole file with that name; `None` if the scan does not read it.
fn file_named(config: &FileScanConfig, name: &str) -> Option<PartitionedFile> {
    let mut files = config.file_groups.iter().flat_map(FileGroup::files);
    let file = files.find(|file| file.object_meta.location.filename() == Some(name))?;
    let mut file = file.clone();
    // The scan may split the file into ranges of bytes.
    file.range = None;
    Some(file)
}

/// The rows of `hits` in a file of `rows` rows.
fn row_selection(hits: &[Hit], rows: u64) -> RowSelection {
    let (mut selectors, mut next) = (Vec::new(), 0);
    for hit in hits {
        selectors.push(RowSelector::skip((hit.row - next) as usize));
        selectors.push(RowSelector::select(1));
        next = hit.row + 1;
    }
    selectors.push(RowSelector::skip((rows - next) as usize));
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_selects_each_hit() {
        let hits = [0, 3, 4].map(|row| Hit { row, vector: None });
        let rows = row_selection(&hits, 6);
        assert_eq!(rows.row_count(), 3);
        let total: usize = rows.iter().map(|selector| selector.row_count).sum();
        assert_eq!(total, 6);
    }
}
