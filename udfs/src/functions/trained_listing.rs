//! Table functions that list training rows of a model of CREATE MODEL.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use semql_learning::text_classifier::TextClassifier;

use super::memory_table::memory_table;
use super::planning::literal_text;
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// `name('model')`.
#[derive(Debug)]
pub struct TrainedListing {
    name: &'static str,
    batch: fn(&TextClassifier) -> Result<RecordBatch>,
    options: AiOptions,
}

impl TrainedListing {
    pub fn new(
        name: &'static str,
        batch: fn(&TextClassifier) -> Result<RecordBatch>,
        options: AiOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            batch,
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
        let classifiers = self.options.runtime.text_classifiers();
        let model = classifiers.get(model).map_err(to_datafusion)?;
        memory_table((self.batch)(&model)?)
    }
}
