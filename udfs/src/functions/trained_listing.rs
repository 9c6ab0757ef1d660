//! Table functions that list what a model made by CREATE MODEL knows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

use crate::options::AiOptions;
use crate::trained::Trained;

/// `name('model')`.
#[derive(Debug)]
pub struct TrainedListing {
    name: &'static str,
    batch: fn(&Trained) -> Result<RecordBatch>,
    options: AiOptions,
}

impl TrainedListing {
    pub fn new(
        name: &'static str,
        batch: fn(&Trained) -> Result<RecordBatch>,
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
            [Expr::Literal(model, _)] => model.try_as_str().flatten(),
            _ => None,
        };
        let Some(model) = model else {
            return plan_err!(
                "{} takes the name of a model made by CREATE MODEL, as a literal",
                self.name
            );
        };
        let model = self.options.runtime.trained().get(model)?;
        let batch = (self.batch)(&model)?;
        Ok(Arc::new(MemTable::try_new(
            batch.schema(),
            vec![vec![batch]],
        )?))
    }
}
