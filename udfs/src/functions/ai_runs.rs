//! `ai_runs()`: the trainings of CREATE MODEL on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Float64Array, Float64Builder, Int64Array, MapBuilder, MapFieldNames,
    RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use semql_learning::training_runs::{TrainingRun, list_runs};

use super::memory_table::{check_no_arguments, memory_table};
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// Time zone of the start of a run.
const TIME_ZONE: &str = "+00:00";

/// Names of skipped files in a notice.
const MAX_NAMED_FILES: usize = 3;

#[derive(Debug)]
pub struct AiRuns {
    options: AiOptions,
}

impl AiRuns {
    pub fn new(options: AiOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }
}

impl TableFunctionImpl for AiRuns {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        check_no_arguments("ai_runs", args.exprs())?;
        let listed = list_runs().map_err(to_datafusion)?;
        if !listed.skipped.is_empty() {
            self.options.runtime.add_notice(skipped(&listed.skipped));
        }
        memory_table(batch(&listed.runs)?)
    }
}

fn skipped(files: &[String]) -> String {
    let count = files.len();
    let mut names: Vec<&str> = files.iter().map(String::as_str).collect();
    names.truncate(MAX_NAMED_FILES);
    if count > MAX_NAMED_FILES {
        names.push("...");
    }
    let files = if count == 1 { "file" } else { "files" };
    format!(
        "Skipped {count} {files} in the folder of runs, damaged or not a run of semql: {}.",
        names.join(", ")
    )
}

fn batch(runs: &[TrainingRun]) -> Result<RecordBatch> {
    let text = |get: fn(&TrainingRun) -> Option<&str>| -> ArrayRef {
        Arc::new(runs.iter().map(get).collect::<StringArray>())
    };
    let count = |get: fn(&TrainingRun) -> u64| -> ArrayRef {
        let values = runs.iter().map(|run| Some(get(run) as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let started: TimestampMicrosecondArray = runs.iter().map(|run| Some(run.started_at)).collect();
    let seconds: Float64Array = runs.iter().map(|run| Some(run.seconds)).collect();
    let params = map(
        runs,
        StringBuilder::new(),
        |run| &run.params,
        |values, value| {
            values.append_value(value);
        },
    )?;
    let metrics = map(
        runs,
        Float64Builder::new(),
        |run| &run.metrics,
        |values, value| {
            values.append_value(*value);
        },
    )?;
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("run_id", text(|run| Some(&run.id)), false),
        (
            "started_at",
            Arc::new(started.with_timezone(TIME_ZONE)) as ArrayRef,
            false,
        ),
        ("seconds", Arc::new(seconds), false),
        ("model", text(|run| Some(&run.model)), false),
        ("kind", text(|run| Some(&run.kind)), false),
        ("params", params, false),
        ("metrics", metrics, false),
        ("rows", count(|run| run.rows), false),
        ("held_out", count(|run| run.held_out), false),
        ("left_out", count(|run| run.skipped_rows), false),
        (
            "data_fingerprint",
            text(|run| Some(&run.data_fingerprint)),
            false,
        ),
        (
            "label_fingerprint",
            text(|run| Some(&run.label_fingerprint)),
            false,
        ),
        (
            "encoder",
            text(|run| Some(run.encoder.as_ref()?.model.as_str())),
            true,
        ),
        (
            "encoder_revision",
            text(|run| Some(run.encoder.as_ref()?.revision.as_str())),
            true,
        ),
        ("model_bytes", count(|run| run.model_bytes), false),
        ("model_blake3", text(|run| Some(&run.model_blake3)), false),
        ("semql", text(|run| Some(&run.semql_version)), false),
        ("tracked_at", text(|run| run.tracking.address()), true),
        ("not_tracked", text(|run| run.tracking.failure()), true),
    ])?)
}

/// A column of maps from names to values.
fn map<T, B: ArrayBuilder>(
    runs: &[TrainingRun],
    values: B,
    get: fn(&TrainingRun) -> &BTreeMap<String, T>,
    append: fn(&mut B, &T),
) -> Result<ArrayRef> {
    // As in the maps that SQL makes.
    let names = MapFieldNames {
        entry: "entries".to_string(),
        key: "key".to_string(),
        value: "value".to_string(),
    };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), values);
    for run in runs {
        for (name, value) in get(run) {
            maps.keys().append_value(name);
            append(maps.values(), value);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}
