//! `ai_trained_models()`: the models that CREATE MODEL made.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::datasource::MemTable;
use datafusion::error::Result;

use crate::options::AiOptions;
use crate::trained::{About, Level, names};

#[derive(Debug)]
pub struct AiTrainedModels {
    options: AiOptions,
}

impl AiTrainedModels {
    pub fn new(options: AiOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }
}

impl TableFunctionImpl for AiTrainedModels {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        if !args.exprs().is_empty() {
            return plan_err!("ai_trained_models takes no arguments");
        }
        // One that cannot be read is named by whoever asks for it.
        let models: Vec<_> = names()
            .iter()
            .filter_map(|name| self.options.runtime.trained().get(name).ok())
            .collect();
        let rows: Vec<(&About, &Level)> = models
            .iter()
            .flat_map(|model| model.about.levels.iter().map(|level| (&model.about, level)))
            .collect();
        let batch = batch(&rows)?;
        Ok(Arc::new(MemTable::try_new(
            batch.schema(),
            vec![vec![batch]],
        )?))
    }
}

/// A row for each level of each model.
fn batch(rows: &[(&About, &Level)]) -> Result<RecordBatch> {
    let text = |get: &dyn Fn(&About, &Level) -> String| -> ArrayRef {
        let values = rows.iter().map(|(about, level)| Some(get(about, level)));
        Arc::new(values.collect::<StringArray>())
    };
    let count = |get: fn(&About, &Level) -> u64| -> ArrayRef {
        let values = rows
            .iter()
            .map(|(about, level)| Some(get(about, level) as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let figure = |get: fn(&Level) -> f64| -> ArrayRef {
        let values = rows.iter().map(|(_, level)| Some(get(level)));
        Arc::new(values.collect::<Float64Array>())
    };
    Ok(RecordBatch::try_from_iter([
        ("name", text(&|about, _| about.name.clone())),
        ("predicts", text(&|_, level| level.column.clone())),
        ("labels", count(|_, level| level.labels.len() as u64)),
        ("accuracy", figure(|level| level.accuracy)),
        ("macro_f1", figure(|level| level.macro_f1)),
        ("weighted_f1", figure(|level| level.weighted_f1)),
        ("held_out", count(|about, _| about.held_out)),
        ("rows", count(|about, _| about.rows)),
        ("left_out", count(|about, _| about.left_out)),
        ("columns", text(&|about, _| about.columns.join(", "))),
        ("features", text(&|about, _| about.features.name().into())),
        ("adapter", adapters(rows)),
        ("cost", figure_of(rows)),
        ("fingerprint", text(&|about, _| about.fingerprint.clone())),
        ("semql", text(&|about, _| about.semql.clone())),
    ])?)
}

/// NULL where there is none.
fn adapters(rows: &[(&About, &Level)]) -> ArrayRef {
    let values = rows.iter().map(|(about, _)| about.adapter.map(f64::from));
    Arc::new(values.collect::<Float64Array>())
}

fn figure_of(rows: &[(&About, &Level)]) -> ArrayRef {
    let values = rows.iter().map(|(about, _)| Some(f64::from(about.cost)));
    Arc::new(values.collect::<Float64Array>())
}
