//! Table functions that list training rows of a model of CREATE MODEL.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use semql_learning::extraction::model::TrainedExtractor;
use semql_learning::text_classifier::TextClassifier;

use super::memory_table::memory_table;
use super::planning::literal_text;
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// `name('model')`.
#[derive(Debug)]
pub struct TrainedListing {
    name: &'static str,
    rows: ListedRows,
    options: AiOptions,
}

/// Rows of a model of one kind.
#[derive(Debug)]
pub enum ListedRows {
    Classifier(fn(&TextClassifier) -> Result<RecordBatch>),
    Extractor(fn(&TrainedExtractor) -> Result<RecordBatch>),
}

impl TrainedListing {
    pub fn new(name: &'static str, rows: ListedRows, options: AiOptions) -> Arc<Self> {
        Arc::new(Self {
            name,
            rows,
            options,
        })
    }
}

impl TableFunctionImpl for TrainedListing {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let model = match args.exprs() {
            [Expr::Literal(model, _)] => literal_text(Some(model)),
            _ => None,
        };
        let Some(model) = model else {
            return plan_err!(
                "{} takes the name of a model of CREATE MODEL, as a literal",
                self.name
            );
        };
        let models = self.options.runtime.trained_models();
        let batch = match self.rows {
            ListedRows::Classifier(rows) => {
                let classifier = models.classifier(model).map_err(to_datafusion)?;
                rows(&classifier)?
            }
            ListedRows::Extractor(rows) => {
                let extractor = models.extractor(model).map_err(to_datafusion)?;
                rows(&extractor)?
            }
        };
        memory_table(batch)
    }
}
