//! Columns that the operator computes: model calls over physical expressions.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::physical_plan::PhysicalExpr;
use semql_inference::ModelFacts;
use semql_inference::cache::CacheSetting;
use semql_inference::encoding::{EncodeContext, Meter};
use tokio_util::sync::CancellationToken;

use super::task_call::TaskCall;
use crate::error::{Error, to_datafusion};
use crate::functions::{BatchArguments, ModelFunction};
use crate::runtime::Runtime;
use crate::settings::Settings;

/// One column that the operator adds.
#[derive(Clone, Debug)]
pub enum ComputedColumn {
    Call(Box<PhysicalCall>),
    Task(Box<TaskCall>),
    /// An expression that needs no model, because the optimizer simplified the call.
    Plain(Arc<dyn PhysicalExpr>),
}

impl ComputedColumn {
    pub fn call(&self) -> Option<&PhysicalCall> {
        match self {
            Self::Call(call) => Some(call),
            Self::Task(_) | Self::Plain(_) => None,
        }
    }

    pub fn task(&self) -> Option<&TaskCall> {
        match self {
            Self::Task(task) => Some(task),
            Self::Call(_) | Self::Plain(_) => None,
        }
    }

    /// The call as `EXPLAIN` shows it; `None` for a plain expression.
    pub fn display_name(&self) -> Option<&str> {
        match self {
            Self::Call(call) => Some(&call.display_name),
            Self::Task(task) => Some(&task.display_name),
            Self::Plain(_) => None,
        }
    }

    /// The expressions over the input that the column evaluates.
    pub fn expressions(&self) -> &[Arc<dyn PhysicalExpr>] {
        match self {
            Self::Call(call) => &call.args,
            Self::Task(task) => &task.texts,
            Self::Plain(expr) => std::slice::from_ref(expr),
        }
    }
}

/// A model call with its arguments as expressions over the input.
#[derive(Clone)]
pub struct PhysicalCall {
    /// The call as `EXPLAIN` shows it.
    pub display_name: String,
    pub function: &'static dyn ModelFunction,
    pub runtime: Arc<Runtime>,
    pub settings: Settings,
    pub args: Vec<Arc<dyn PhysicalExpr>>,
    /// The model at planning.
    pub planned_model: Option<ModelFacts>,
}

impl PhysicalCall {
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.function.name()
    }

    /// Evaluates the arguments on a batch.
    ///
    /// # Errors
    /// Those of the expressions; labels that differ by row.
    pub fn arguments(&self, batch: &RecordBatch) -> Result<BatchArguments> {
        let evaluate = |arg: &Arc<dyn PhysicalExpr>| arg.evaluate(batch);
        let args = self.args.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
        BatchArguments::new(self.function.spec(), &args, batch.num_rows())
    }

    /// A run of the model with the session's cache, and with the vectors that the
    /// nodes of a query share, up to `cache_bytes`.
    ///
    /// # Errors
    /// A cache that cannot be used.
    pub fn run(
        &self,
        meter: &Arc<Meter>,
        cache_bytes: usize,
        cancel: &CancellationToken,
    ) -> Result<EncodeContext> {
        let run = self
            .runtime
            .encode_context(&self.settings)
            .map_err(to_datafusion)?;
        let mut run = run.with_cancel(cancel);
        run.meter = Arc::clone(meter);
        // A cache in memory serves the nodes of one query as well.
        if self.settings.cache != CacheSetting::Memory {
            run.caches.insert(0, self.runtime.recent(cache_bytes));
        }
        Ok(run)
    }

    /// Checks that the model of this process is the one at planning, which may
    /// have run in another process.
    ///
    /// # Errors
    /// [`Error::Setup`] for a model that is missing or differs.
    pub fn check_model(&self, cancel: &CancellationToken) -> Result<()> {
        let Some(planned) = &self.planned_model else {
            return Ok(());
        };
        let facts = self.runtime.facts_with_cancel(&self.settings, cancel);
        let found = facts.map_err(to_datafusion)?;
        if found == *planned {
            return Ok(());
        }
        let describe = |facts: &ModelFacts| {
            format!(
                "revision {}, {} dimensions, {}, {}",
                facts.revision, facts.dims, facts.pooling, facts.precision
            )
        };
        let (model, planned, found) = (&planned.name, describe(planned), describe(&found));
        Err(to_datafusion(Error::Setup(format!(
            "the query was planned with the model {model} as {planned}, and here it is {found}: \
             install the same files on every machine"
        ))))
    }
}

impl fmt::Debug for PhysicalCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display_name)
    }
}
