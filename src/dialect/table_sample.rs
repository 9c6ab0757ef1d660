//! `FROM table TABLESAMPLE BERNOULLI (10) [REPEATABLE (7)]` and `SAMPLE (100 ROWS)`, which the
//! engine ignores.
//!
//! Every method chooses single rows: files have no pages that could be chosen fairly. A
//! repeatable sample chooses rows by their values, because scans give no row a number.

use std::sync::{Arc, LazyLock};

use datafusion::common::{Column, plan_err};
use datafusion::error::Result;
use datafusion::functions::expr_fn::random;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF, ident, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as Ast, TableFactor, TableSample, TableSampleKind, TableSampleQuantity, TableSampleUnit,
    Value,
};

use crate::functions::row_fraction;

static ROW_FRACTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(row_fraction()));

/// Column by which a sample of a number of rows is chosen.
const ORDER: &str = "__sample_order";

/// Planner of relations with a sample.
#[derive(Debug)]
pub struct TableSamplePlanner;

impl RelationPlanner for TableSamplePlanner {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let sample = match &mut relation {
            TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } => {
                sample.take()
            }
            _ => None,
        };
        let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let size = SampleSize::of(&sample)?;
        let seed = seed(&sample)?;
        let plan = context.plan(relation)?;
        let plan = size.sampled(plan, seed)?;
        let planned = PlannedRelation::new(plan, None);
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

enum SampleSize {
    /// Probability of each row.
    Share(f64),
    Rows(usize),
}

impl SampleSize {
    fn of(sample: &TableSample) -> Result<Self> {
        let unsupported = sample.bucket.is_some() || sample.offset.is_some();
        let quantity = sample.quantity.as_ref().filter(|_| !unsupported);
        let Some(TableSampleQuantity { value, unit, .. }) = quantity else {
            return plan_err!(
                "{sample} is not supported; write TABLESAMPLE BERNOULLI (10) for 10 percent of the rows, or \
                 TABLESAMPLE (100 ROWS)"
            );
        };
        let number = match value {
            Ast::Value(value) => number(&value.value),
            _ => None,
        };
        match (unit, number) {
            (Some(TableSampleUnit::Rows), Some(rows)) if rows >= 0.0 && rows.fract() == 0.0 => {
                Ok(Self::Rows(rows as usize))
            }
            (Some(TableSampleUnit::Rows), _) => {
                plan_err!("a sample of ROWS needs a number of rows, and not {value}")
            }
            (_, Some(percent)) if (0.0..=100.0).contains(&percent) => {
                Ok(Self::Share(percent / 100.0))
            }
            _ => plan_err!("a sample needs a percentage from 0 to 100, and not {value}"),
        }
    }

    fn sampled(&self, plan: LogicalPlan, seed: Option<i64>) -> Result<LogicalPlan> {
        let fraction = match seed {
            None => random(),
            Some(seed) => {
                let columns = plan.schema().iter().map(Column::from).map(Expr::Column);
                ROW_FRACTION.call([lit(seed)].into_iter().chain(columns).collect())
            }
        };
        let builder = LogicalPlanBuilder::from(plan);
        match self {
            Self::Share(share) => builder.filter(fraction.lt(lit(*share)))?.build(),
            Self::Rows(rows) => {
                // Sorted by a column, since the engine sorts no rows without columns.
                let columns = builder.schema().columns().into_iter().map(Expr::Column);
                let columns: Vec<Expr> = columns.collect();
                let numbered = columns.iter().cloned().chain([fraction.alias(ORDER)]);
                let sorted = builder
                    .project(numbered)?
                    .sort([ident(ORDER).sort(true, false)])?;
                sorted.limit(0, Some(*rows))?.project(columns)?.build()
            }
        }
    }
}

fn seed(sample: &TableSample) -> Result<Option<i64>> {
    let Some(seed) = &sample.seed else {
        return Ok(None);
    };
    match number(&seed.value.value) {
        Some(number) => Ok(Some(number.to_bits() as i64)),
        None => plan_err!("the seed of a sample is a number, and not {}", seed.value),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(digits, _) => digits.to_string().parse().ok(),
        _ => None,
    }
}
