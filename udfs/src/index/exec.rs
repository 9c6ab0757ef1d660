//! Stands above a narrowed scan: tells in EXPLAIN of the index, and gives the
//! vectors that the index holds in place of the table's.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties,
};
use futures::StreamExt;

use super::file::IndexFile;

/// Gives what its input gives, and the index's own vectors among it.
#[derive(Debug)]
pub struct IndexScanExec {
    input: Arc<dyn ExecutionPlan>,
    index: Arc<IndexFile>,
    /// Rows that the index names.
    rows: usize,
    vectors: Option<Arc<IndexVectors>>,
    properties: Arc<PlanProperties>,
}

/// A column of vectors that the input does not read, since the index has them.
#[derive(Debug)]
pub struct IndexVectors {
    /// Its place among the columns.
    pub at: usize,
    pub field: FieldRef,
    /// Per partition of the input, the numbers of the vectors of its rows.
    pub of_partitions: Vec<Vec<u32>>,
}

impl IndexScanExec {
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        index: Arc<IndexFile>,
        rows: usize,
        vectors: Option<IndexVectors>,
    ) -> Result<Self> {
        Self::of(input, index, rows, vectors.map(Arc::new))
    }

    fn of(
        input: Arc<dyn ExecutionPlan>,
        index: Arc<IndexFile>,
        rows: usize,
        vectors: Option<Arc<IndexVectors>>,
    ) -> Result<Self> {
        let properties = match &vectors {
            None => Arc::clone(input.properties()),
            Some(vectors) => {
                let partitions = input.output_partitioning().partition_count();
                if partitions != vectors.of_partitions.len() {
                    return internal_err!("the scan below an index has {partitions} partitions");
                }
                let mut fields = input.schema().fields().to_vec();
                fields.insert(vectors.at, Arc::clone(&vectors.field));
                let metadata = input.schema().metadata().clone();
                let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
                Arc::new(PlanProperties::new(
                    EquivalenceProperties::new(schema),
                    Partitioning::UnknownPartitioning(partitions),
                    input.pipeline_behavior(),
                    input.boundedness(),
                ))
            }
        };
        Ok(Self {
            input,
            index,
            rows,
            vectors,
            properties,
        })
    }
}

impl DisplayAs for IndexScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let about = &self.index.about;
        write!(
            f,
            "IndexScanExec: index={}, column={}, rows={}, vectors={}",
            about.name,
            about.column,
            self.rows,
            if self.vectors.is_some() {
                "index"
            } else {
                "table"
            }
        )
    }
}

impl ExecutionPlan for IndexScanExec {
    fn name(&self) -> &str {
        "IndexScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else {
            return internal_err!("IndexScanExec has one input");
        };
        let (index, vectors) = (Arc::clone(&self.index), self.vectors.clone());
        Ok(Arc::new(Self::of(input, index, self.rows, vectors)?))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Inexact(self.rows);
        Ok(Arc::new(statistics))
    }

    fn execute(&self, at: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(at, context)?;
        let Some(vectors) = self.vectors.clone() else {
            return Ok(rows);
        };
        let (index, schema) = (Arc::clone(&self.index), self.schema());
        let mut given = 0;
        let batches = rows.map({
            let schema = Arc::clone(&schema);
            move |batch| {
                let batch = batch?;
                let own = given..given + batch.num_rows();
                given = own.end;
                let Some(own) = vectors.of_partitions[at].get(own) else {
                    return internal_err!(
                        "the scan below an index gives rows that were not asked for"
                    );
                };
                let column = vectors.column(&index, own)?;
                let mut columns = batch.columns().to_vec();
                columns.insert(vectors.at, column);
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

impl IndexVectors {
    /// The vectors of some rows, of the type that the column has.
    fn column(&self, index: &IndexFile, vectors: &[u32]) -> Result<ArrayRef> {
        let view = index.view();
        let values = vectors.iter().flat_map(|vector| view.vector(*vector));
        let values = Float32Array::from_iter_values(values.copied());
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let lists = FixedSizeListArray::try_new(item, view.dims as i32, Arc::new(values), None)?;
        Ok(cast(&lists, self.field.data_type())?)
    }
}
