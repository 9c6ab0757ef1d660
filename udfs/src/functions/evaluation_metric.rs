//! Aggregates over a confusion matrix as data.

use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use semql_learning::evaluation::Confusion;

/// One aggregate: its name, description, type and value.
pub struct EvaluationMetric {
    pub name: &'static str,
    pub description: &'static str,
    pub output_type: fn() -> DataType,
    pub value: MetricValue,
}

/// Computes the value of an aggregate.
pub enum MetricValue {
    Figure(fn(&Confusion) -> Result<ScalarValue>),
    /// Takes a confidence.
    Interval(fn(&Confusion, f64) -> Result<ScalarValue>),
}

impl EvaluationMetric {
    pub fn has_confidence(&self) -> bool {
        matches!(self.value, MetricValue::Interval(_))
    }

    /// `name(predicted, label)`, with the confidence if it has one.
    pub fn syntax(&self) -> String {
        let optional = if self.has_confidence() {
            " [, confidence]"
        } else {
            ""
        };
        format!("{}(predicted, label{optional})", self.name)
    }
}

impl std::fmt::Debug for EvaluationMetric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
