//! `accuracy_interval`, `macro_f1_interval`, `weighted_f1_interval` and
//! `cohen_kappa_interval`: figures of predictions with confidence intervals.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use semql_learning::estimation::{
    MetricInterval, accuracy_interval, cohen_kappa_interval, macro_f1_interval,
    weighted_f1_interval,
};

use super::evaluation_metric::{EvaluationMetric, MetricValue};

/// Every aggregate of this file.
pub const INTERVALS: &[EvaluationMetric] = &[
    EvaluationMetric {
        name: "accuracy_interval",
        description: "`accuracy` with a confidence interval, from a random sample of labelled rows: a struct with `value`, \
                    `low` and `high`. The interval is Wilson's. NULL without rows.",
        output_type: interval_type,
        value: MetricValue::Interval(|c, confidence| interval(accuracy_interval(c, confidence))),
    },
    EvaluationMetric {
        name: "macro_f1_interval",
        description: "`macro_f1` with a confidence interval, from a random sample of labelled rows: a struct with `value`, \
                    `low` and `high`. The interval has the percentiles of 2,000 confusion matrices with as many rows, \
                    drawn from the cells of the sample with the same seed each time (bootstrap); half a correct and \
                    half a wrong row are added, so that a small sample without an error has a width. NULL without rows.",
        output_type: interval_type,
        value: MetricValue::Interval(|c, confidence| interval(macro_f1_interval(c, confidence))),
    },
    EvaluationMetric {
        name: "weighted_f1_interval",
        description: "`weighted_f1` with a confidence interval, by the bootstrap of `macro_f1_interval`.",
        output_type: interval_type,
        value: MetricValue::Interval(|c, confidence| interval(weighted_f1_interval(c, confidence))),
    },
    EvaluationMetric {
        name: "cohen_kappa_interval",
        description: "`cohen_kappa` with a confidence interval, by the bootstrap of `macro_f1_interval`; NULL where \
                    `cohen_kappa` is.",
        output_type: interval_type,
        value: MetricValue::Interval(|c, confidence| interval(cohen_kappa_interval(c, confidence))),
    },
];

fn interval_type() -> DataType {
    DataType::Struct(fields())
}

fn fields() -> Fields {
    let field = |name: &str| Field::new(name, DataType::Float64, true);
    Fields::from(vec![field("value"), field("low"), field("high")])
}

fn interval(interval: Option<MetricInterval>) -> Result<ScalarValue> {
    let Some(interval) = interval else {
        return ScalarValue::try_from(&interval_type());
    };
    let values = [interval.value, interval.low, interval.high];
    let arrays: Vec<ArrayRef> = values
        .iter()
        .map(|value| ScalarValue::Float64(Some(*value)).to_array())
        .collect::<Result<_>>()?;
    let row = StructArray::try_new(fields(), arrays, None)?;
    Ok(ScalarValue::Struct(Arc::new(row)))
}
