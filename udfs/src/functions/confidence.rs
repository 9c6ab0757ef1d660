//! The confidence of intervals, a literal argument of aggregates.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

pub const DEFAULT_CONFIDENCE: f64 = 0.95;

/// Arguments of an aggregate after its required ones: a confidence, which is a literal,
/// and columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceArguments {
    pub confidence: f64,
    /// Position of the first column.
    pub column: Option<usize>,
}

impl ConfidenceArguments {
    /// Reads the arguments of `function` from the position `first` on.
    ///
    /// # Errors
    /// A confidence outside of 0..1, or a second one.
    pub fn read(function: &str, arguments: &[Arc<dyn PhysicalExpr>], first: usize) -> Result<Self> {
        let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let mut confidence = None;
        let mut column = None;
        for (position, argument) in arguments.iter().enumerate().skip(first) {
            match argument.evaluate(&empty) {
                Ok(ColumnarValue::Scalar(value)) if value.is_null() => {}
                Ok(ColumnarValue::Scalar(value)) => {
                    let value = check_confidence(function, &value)?;
                    if confidence.replace(value).is_some() {
                        return plan_err!("{function} takes one confidence, not two");
                    }
                }
                _ if column.is_none() => column = Some(position),
                _ => {
                    return plan_err!(
                        "confidence of {function} must be a literal, the same for all rows"
                    );
                }
            }
        }
        Ok(Self {
            confidence: confidence.unwrap_or(DEFAULT_CONFIDENCE),
            column,
        })
    }
}

/// Checks the literals among `arguments` from the position `first` on, while planning.
///
/// # Errors
/// As [`ConfidenceArguments::read`].
pub fn check_literals(function: &str, arguments: &[Expr], first: usize) -> Result<()> {
    for argument in arguments.iter().skip(first) {
        if let Expr::Literal(value, _) = argument
            && !value.is_null()
        {
            check_confidence(function, value)?;
        }
    }
    Ok(())
}

fn check_confidence(function: &str, value: &ScalarValue) -> Result<f64> {
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(confidence))) if confidence > 0.0 && confidence < 1.0 => {
            Ok(confidence)
        }
        _ => plan_err!(
            "confidence of {function} is {value}, and must be a number above 0 and below 1, such as {DEFAULT_CONFIDENCE}"
        ),
    }
}

/// The type of a score or confidence of the type `given`.
///
/// # Errors
/// A type without numbers.
pub fn coerce_number(function: &str, position: usize, given: &DataType) -> Result<DataType> {
    if given.is_numeric() || given.is_null() {
        return Ok(DataType::Float64);
    }
    plan_err!(
        "argument {} of {function} must be a number, not {given}",
        position + 1
    )
}
