//! Table of files whose folders hold values of columns.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchemaBuilder;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

/// A file and the values of the partition columns in its rows.
#[derive(Clone, Debug)]
pub struct FileOfPartition {
    pub meta: ObjectMeta,
    pub values: Vec<ScalarValue>,
}

/// Table of files with partition columns, which may be NULL. The engine's own table
/// takes them from the names of folders, where NULL is a text.
#[derive(Debug)]
pub struct PartitionedTable {
    store: ObjectStoreUrl,
    format: Arc<dyn FileFormat>,
    file_schema: SchemaRef,
    partition_fields: Vec<FieldRef>,
    files: Vec<FileOfPartition>,
    /// Columns of the files, then those of the partitions.
    schema: SchemaRef,
}

impl PartitionedTable {
    pub fn new(
        store: ObjectStoreUrl,
        format: Arc<dyn FileFormat>,
        file_schema: SchemaRef,
        partition_fields: Vec<FieldRef>,
        files: Vec<FileOfPartition>,
    ) -> Self {
        let fields = file_schema.fields().iter().chain(&partition_fields);
        let fields: Vec<FieldRef> = fields.cloned().collect();
        let schema = Schema::new_with_metadata(fields, file_schema.metadata().clone());
        Self {
            store,
            format,
            file_schema,
            partition_fields,
            files,
            schema: Arc::new(schema),
        }
    }

    /// Whether a filter needs the partition columns only.
    fn is_partition_filter(&self, filter: &Expr) -> bool {
        let names = self
            .partition_fields
            .iter()
            .map(|field| field.name().as_str());
        expr_applicable_for_cols(&names.collect::<Vec<_>>(), filter)
    }

    /// The files whose partitions pass the filters.
    fn files_of(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&FileOfPartition>> {
        let filters = filters
            .iter()
            .filter(|filter| self.is_partition_filter(filter));
        let Some(filter) = conjunction(filters.cloned()) else {
            return Ok(self.files.iter().collect());
        };
        let schema = Arc::new(Schema::new(self.partition_fields.clone()));
        let columns = (0..self.partition_fields.len()).map(|column| {
            let values = self.files.iter().map(|file| file.values[column].clone());
            ScalarValue::iter_to_array(values)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let values = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
        let passes = filter.evaluate(&values)?.into_array(values.num_rows())?;
        let passes = passes.as_boolean().iter();
        let files = self.files.iter().zip(passes);
        // NULL does not pass.
        Ok(files
            .filter_map(|(file, passes)| (passes == Some(true)).then_some(file))
            .collect())
    }
}

#[async_trait]
impl TableProvider for PartitionedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| {
            if self.is_partition_filter(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files_of(state, filters)?;
        if files.is_empty() {
            let schema = project_schema(&self.schema, projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let files = files.into_iter().map(|file| {
            let mut scanned = PartitionedFile::from(file.meta.clone());
            scanned.partition_values.clone_from(&file.values);
            scanned
        });
        let groups =
            FileGroup::new(files.collect()).split_files(state.config().target_partitions());
        let table_schema = TableSchemaBuilder::new(Arc::clone(&self.file_schema))
            .with_table_partition_cols(self.partition_fields.clone())
            .build();
        let source = self.format.file_source(table_schema);
        let config = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(state, config).await
    }
}
