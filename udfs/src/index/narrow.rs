//! A scan of which only some rows are read.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Statistics, exec_err};
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use super::file::About;
use super::search::{Hit, by_files};

/// A scan, and which hits each of its partitions gives.
pub type Narrowed = (Arc<dyn ExecutionPlan>, Vec<Vec<Hit>>);

/// A scan that gives the rows of `hits`, which are in their order, and no
/// others: each file in a partition of its own, and in order.
///
/// # Errors
/// For a scan of anything but the files that the index knows.
pub fn narrow(scan: &Arc<dyn ExecutionPlan>, about: &About, hits: &[Hit]) -> Result<Narrowed> {
    let mut given = Vec::new();
    let hits = by_files(about, hits);
    let narrowed = Arc::clone(scan).transform_up(|plan| {
        let Some(exec) = plan.downcast_ref::<DataSourceExec>() else {
            return Ok(Transformed::no(plan));
        };
        let Some(config) = exec.data_source().downcast_ref::<FileScanConfig>() else {
            return exec_err!("an index takes a scan of files");
        };
        let mut groups = Vec::new();
        for ((stamp, all), own) in about.files.iter().zip(&about.rows).zip(&hits) {
            if own.is_empty() {
                continue;
            }
            let mut files = config.file_groups.iter().flat_map(FileGroup::files);
            let name = Some(stamp.name.as_str());
            let Some(file) = files.find(|file| file.object_meta.location.filename() == name) else {
                return exec_err!("{} is not among the files of the table", stamp.name);
            };
            let rows = ParquetRowSelection::new(selection(own, *all));
            let mut file = file.clone().with_extension(rows);
            // The scan may have shared a file out by ranges of bytes.
            file.range = None;
            groups.push(FileGroup::new(vec![file]));
            given.push(own.clone());
        }
        let partitions = Partitioning::UnknownPartitioning(groups.len());
        let config = FileScanConfigBuilder::from(config.clone())
            .with_file_groups(groups)
            // No partition takes files from another, and none is cut up.
            .with_preserve_order(true)
            .with_output_partitioning(Some(partitions))
            .with_statistics(Statistics::new_unknown(&plan.schema()))
            .build();
        Ok(Transformed::yes(
            DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>
        ))
    })?;
    Ok((narrowed.data, given))
}

/// Those rows of a file that has `all`.
fn selection(hits: &[Hit], all: u64) -> RowSelection {
    let (mut selectors, mut next) = (Vec::new(), 0);
    for hit in hits {
        selectors.push(RowSelector::skip((hit.row - next) as usize));
        selectors.push(RowSelector::select(1));
        next = hit.row + 1;
    }
    selectors.push(RowSelector::skip((all - next) as usize));
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_names_each_row() {
        let hits = [0, 3, 4].map(|row| Hit { row, vector: None });
        let rows = selection(&hits, 6);
        assert_eq!(rows.row_count(), 3);
        let total: usize = rows.iter().map(|selector| selector.row_count).sum();
        assert_eq!(total, 6);
    }
}
