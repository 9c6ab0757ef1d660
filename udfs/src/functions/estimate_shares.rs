//! `estimate_shares(predicted, gold [, score] [, confidence])`: an aggregate that corrects
//! the counts of predicted labels by a reviewed sample.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
    StructBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, UInt32Type, UInt64Type};
use datafusion::common::{exec_err, plan_datafusion_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, Expr, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::estimation::{
    ScoreResolution, ShareCount, ShareCounts, ShareEstimate, estimate_shares,
};

use super::call_syntax::check_argument_count;
use super::confidence::{ConfidenceArguments, check_literals, coerce_number};

const NAME: &str = "estimate_shares";
const SYNTAX: &str = "estimate_shares(predicted, gold [, score] [, confidence])";
const PARAMETERS: [&str; 4] = ["predicted", "gold", "score", "confidence"];

/// Arguments that a call must have.
const REQUIRED: usize = 2;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Evaluation", description: None },
        "The share of each label among all rows, with a confidence interval: the predicted counts, corrected by what a \
         reviewed sample of the rows teaches (prediction-powered inference, in its form for labels, post-stratification by \
         prediction). The result is a list of structs, ordered by label: `label`; `share`, 0 to 1, and `count`, the \
         estimate; `low` and `high`, `count_low` and `count_high`, the interval; `predicted_share`, the share among the \
         predictions; `reviewed`, the reviewed rows with the label. `unnest` converts it into rows. The sample must be \
         random, among all rows or among those of each prediction, as `\\review` takes it; reviewed rows count as rows of \
         the table. Without reviewed rows `share` is NULL, and the interval is 0 to 1; with all rows reviewed it has no \
         width. The interval is that of a beta distribution with the mean and variance of the posterior of the count, with \
         Jeffreys' prior among the rows predicted so and among the others. At most 5,000 labels.",
        SYNTAX,
    )
    .with_argument("predicted", "Prediction; rows with NULL count too.")
    .with_argument("gold", "True label of a reviewed row; NULL for all others.")
    .with_argument(
        "score",
        "Column of numbers; rows of a prediction are divided by it where enough are reviewed, which narrows the intervals \
         if low scores mean more errors.",
    )
    .with_argument(
        "confidence",
        "Literal above 0 and below 1. Default: 0.95. The third argument is the confidence if it is a literal.",
    )
    .with_sql_example(
        "```sql\nSELECT s['label'], s['share'], s['low'], s['high']\nFROM (SELECT unnest(estimate_shares(category, gold)) AS s FROM reviewed_products);\n```",
    )
    .build()
});

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EstimateShares {
    signature: Signature,
}

impl EstimateShares {
    pub fn new() -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        let named = signature.clone();
        let named = named.with_parameter_names(PARAMETERS.map(str::to_string).to_vec());
        Self {
            signature: named.unwrap_or(signature),
        }
    }
}

impl AggregateUDFImpl for EstimateShares {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        check_argument_count(NAME, given.len(), REQUIRED, PARAMETERS.len(), SYNTAX)?;
        let mut types = vec![DataType::Utf8; REQUIRED];
        for (position, given) in given.iter().enumerate().skip(REQUIRED) {
            types.push(coerce_number(NAME, position, given)?);
        }
        Ok(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(list_type(estimate_fields()))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call, _| {
            check_literals(NAME, &call.params.args, REQUIRED)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("{NAME} does not support DISTINCT");
        }
        Ok(Box::new(ShareAccumulator {
            arguments: ConfidenceArguments::read(NAME, args.exprs, REQUIRED)?,
            counts: ShareCounts::default(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = |what: &str, kind: DataType| -> FieldRef {
            Arc::new(Field::new(format!("{}[{what}]", args.name), kind, true))
        };
        Ok(vec![
            state("counts", list_type(count_fields())),
            state("shift", DataType::UInt32),
        ])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

fn list_type(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(fields),
        true,
    )))
}

/// Fields of an estimate.
fn estimate_fields() -> Fields {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Fields::from(vec![
        field("label", DataType::Utf8),
        field("share", DataType::Float64),
        field("count", DataType::Int64),
        field("low", DataType::Float64),
        field("high", DataType::Float64),
        field("count_low", DataType::Int64),
        field("count_high", DataType::Int64),
        field("predicted_share", DataType::Float64),
        field("reviewed", DataType::Int64),
    ])
}

/// Fields of a count between two phases of the aggregate.
fn count_fields() -> Fields {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Fields::from(vec![
        field("predicted", DataType::Utf8),
        field("bucket", DataType::UInt64),
        field("reviewed", DataType::Utf8),
        field("rows", DataType::UInt64),
    ])
}

#[derive(Debug)]
struct ShareAccumulator {
    arguments: ConfidenceArguments,
    counts: ShareCounts,
}

impl Accumulator for ShareAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (predicted, gold) = (values[0].as_string::<i32>(), values[1].as_string::<i32>());
        let scores = self.arguments.column.map(|at| &values[at]);
        let scores = scores.map(|scores| scores.as_primitive::<Float64Type>());
        for (row, (predicted, gold)) in predicted.iter().zip(gold).enumerate() {
            let score = scores.filter(|scores| scores.is_valid(row));
            let score = score.map(|scores| scores.value(row));
            self.counts.add(predicted, gold, score).map_err(failed)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let shift = self.counts.resolution().shift();
        Ok(vec![
            counts_list(&self.counts)?,
            ScalarValue::UInt32(Some(shift)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let shifts = states[1].as_primitive::<UInt32Type>();
        for (list, shift) in states[0].as_list::<i32>().iter().zip(shifts) {
            let (Some(list), Some(shift)) = (list, shift) else {
                continue;
            };
            let entries = list.as_struct();
            let text = |column: usize| entries.column(column).as_string::<i32>();
            let number = |column: usize| entries.column(column).as_primitive::<UInt64Type>();
            let (predicted, reviewed) = (text(0), text(2));
            let (buckets, rows) = (number(1), number(3));
            let counts = (0..entries.len()).map(|at| ShareCount {
                predicted: predicted.is_valid(at).then(|| predicted.value(at)),
                bucket: buckets.is_valid(at).then(|| buckets.value(at)),
                reviewed: reviewed.is_valid(at).then(|| reviewed.value(at)),
                rows: rows.value(at),
            });
            let resolution = ScoreResolution::from_shift(shift);
            self.counts.merge(resolution, counts).map_err(failed)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let estimates = estimate_shares(&self.counts, self.arguments.confidence);
        estimates_list(&estimates)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.heap_size()
    }
}

fn failed(error: semql_inference::Error) -> datafusion::error::DataFusionError {
    plan_datafusion_err!("{NAME}: {error}")
}

fn counts_list(counts: &ShareCounts) -> Result<ScalarValue> {
    let mut list = ListBuilder::new(StructBuilder::from_fields(count_fields(), 0));
    for count in counts.counts() {
        let entry = list.values();
        for (column, text) in [(0, count.predicted), (2, count.reviewed)] {
            if let Some(builder) = entry.field_builder::<StringBuilder>(column) {
                builder.append_option(text);
            }
        }
        for (column, number) in [(1, count.bucket), (3, Some(count.rows))] {
            if let Some(builder) = entry.field_builder::<UInt64Builder>(column) {
                builder.append_option(number);
            }
        }
        entry.append(true);
    }
    list.append(true);
    ScalarValue::try_from_array(&list.finish(), 0)
}

fn estimates_list(estimates: &[ShareEstimate]) -> Result<ScalarValue> {
    let mut list = ListBuilder::new(StructBuilder::from_fields(estimate_fields(), 0));
    for estimate in estimates {
        let entry = list.values();
        if let Some(builder) = entry.field_builder::<StringBuilder>(0) {
            builder.append_value(&estimate.label);
        }
        let rows = estimate.rows as f64;
        let floats = [
            (1, estimate.share),
            (3, Some(estimate.low)),
            (4, Some(estimate.high)),
            (7, Some(estimate.predicted as f64 / rows)),
        ];
        for (column, value) in floats {
            if let Some(builder) = entry.field_builder::<Float64Builder>(column) {
                builder.append_option(value);
            }
        }
        // Rounded outwards, except for what floats add to an integer.
        const ROUNDING: f64 = 1e-6;
        let integers = [
            (2, estimate.share.map(|share| (share * rows).round())),
            (5, Some((estimate.low * rows + ROUNDING).floor())),
            (6, Some((estimate.high * rows - ROUNDING).ceil())),
            (8, Some(estimate.reviewed as f64)),
        ];
        for (column, value) in integers {
            if let Some(builder) = entry.field_builder::<Int64Builder>(column) {
                builder.append_option(value.map(|value| value as i64));
            }
        }
        entry.append(true);
    }
    list.append(true);
    ScalarValue::try_from_array(&list.finish(), 0)
}
