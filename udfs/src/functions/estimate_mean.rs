//! `estimate_mean(predicted, gold [, score] [, confidence])`: an aggregate that corrects
//! the mean of predicted numbers by a reviewed sample.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, ListBuilder, StructArray, StructBuilder,
    UInt64Builder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, UInt32Type, UInt64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, Expr, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::estimation::{
    MeanCells, MeanCounts, MeanEstimate, PairMoments, ScoreResolution, estimate_mean,
};

use super::call_syntax::check_argument_count;
use super::confidence::{ConfidenceArguments, check_literals, coerce_number};

const NAME: &str = "estimate_mean";
const SYNTAX: &str = "estimate_mean(predicted, gold [, score] [, confidence])";
const PARAMETERS: [&str; 4] = ["predicted", "gold", "score", "confidence"];

/// Arguments that a call must have.
const REQUIRED: usize = 2;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Evaluation", description: None },
        "The mean of a number over all rows, with a confidence interval: the mean of the predicted numbers, corrected by \
         what a reviewed random sample of the rows teaches (prediction-powered inference with power tuning, PPI++). The \
         result is a struct: `mean`, `low`, `high`, and `reviewed`, the number of reviewed rows. The interval takes a \
         quantile of Student's t and the finite population correction; errors that are too rare for the sample to have \
         one are not part of it. Without reviewed rows all but `reviewed` is NULL, with too few for a variance `low` and \
         `high` are.",
        SYNTAX,
    )
    .with_argument(
        "predicted",
        "Predicted number; NULL counts as the mean prediction, and so do NaN and infinity.",
    )
    .with_argument("gold", "True number of a reviewed row; NULL for all others.")
    .with_argument(
        "score",
        "Column of numbers; rows are divided by it where enough are reviewed, which narrows the interval if low scores \
         mean larger errors.",
    )
    .with_argument(
        "confidence",
        "Literal above 0 and below 1. Default: 0.95. The third argument is the confidence if it is a literal.",
    )
    .with_sql_example("```sql\nSELECT estimate_mean(predicted_price, checked_price) FROM offers;\n```")
    .build()
});

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EstimateMean {
    signature: Signature,
}

impl EstimateMean {
    pub fn new() -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        let named = signature.clone();
        let named = named.with_parameter_names(PARAMETERS.map(str::to_string).to_vec());
        Self {
            signature: named.unwrap_or(signature),
        }
    }
}

impl AggregateUDFImpl for EstimateMean {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        check_argument_count(NAME, given.len(), REQUIRED, PARAMETERS.len(), SYNTAX)?;
        let given = given.iter().enumerate();
        given
            .map(|(position, given)| coerce_number(NAME, position, given))
            .collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(estimate_fields()))
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
        Ok(Box::new(MeanAccumulator {
            arguments: ConfidenceArguments::read(NAME, args.exprs, REQUIRED)?,
            counts: MeanCounts::default(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = |what: &str, kind: DataType| -> FieldRef {
            Arc::new(Field::new(format!("{}[{what}]", args.name), kind, true))
        };
        let cells = Field::new_list_field(DataType::Struct(cell_fields()), true);
        Ok(vec![
            state("cells", DataType::List(Arc::new(cells))),
            state("shift", DataType::UInt32),
        ])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

fn estimate_fields() -> Fields {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Fields::from(vec![
        field("mean", DataType::Float64),
        field("low", DataType::Float64),
        field("high", DataType::Float64),
        field("reviewed", DataType::Int64),
    ])
}

/// Integer columns of a cell between two phases of the aggregate.
const CELL_COUNTS: [&str; 5] = [
    "bucket",
    "predicted",
    "unpredicted",
    "reviewed",
    "reviewed_unpredicted",
];

/// Moments of a cell in the columns after [`CELL_COUNTS`].
const CELL_MOMENTS: [&str; 15] = [
    "predicted_x",
    "predicted_y",
    "predicted_xx",
    "predicted_yy",
    "predicted_xy",
    "reviewed_x",
    "reviewed_y",
    "reviewed_xx",
    "reviewed_yy",
    "reviewed_xy",
    "unpredicted_x",
    "unpredicted_y",
    "unpredicted_xx",
    "unpredicted_yy",
    "unpredicted_xy",
];

fn cell_fields() -> Fields {
    let counts = CELL_COUNTS.map(|name| Field::new(name, DataType::UInt64, true));
    let moments = CELL_MOMENTS.map(|name| Field::new(name, DataType::Float64, true));
    counts.into_iter().chain(moments).collect()
}

fn moment_values(moments: &PairMoments) -> [f64; 5] {
    [
        moments.mean_x,
        moments.mean_y,
        moments.xx,
        moments.yy,
        moments.xy,
    ]
}

#[derive(Debug)]
struct MeanAccumulator {
    arguments: ConfidenceArguments,
    counts: MeanCounts,
}

impl Accumulator for MeanAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = |at: usize| values[at].as_primitive::<Float64Type>();
        let (predicted, gold) = (numbers(0), numbers(1));
        let scores = self.arguments.column.map(numbers);
        for (row, (predicted, gold)) in predicted.iter().zip(gold).enumerate() {
            let score = scores.filter(|scores| scores.is_valid(row));
            let score = score.map(|scores| scores.value(row));
            self.counts.add(predicted, gold, score);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let shift = self.counts.resolution().shift();
        Ok(vec![
            cells_list(&self.counts)?,
            ScalarValue::UInt32(Some(shift)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let shifts = states[1].as_primitive::<UInt32Type>();
        for (list, shift) in states[0].as_list::<i32>().iter().zip(shifts) {
            if let (Some(list), Some(shift)) = (list, shift) {
                let entries = list.as_struct();
                let cells = (0..entries.len()).map(|row| cell(entries, row));
                self.counts.merge(ScoreResolution::from_shift(shift), cells);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let estimate = estimate_mean(&self.counts, self.arguments.confidence);
        estimate_struct(&estimate)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.heap_size()
    }
}

/// A row of [`cells_list`].
fn cell(entries: &StructArray, row: usize) -> (Option<u64>, MeanCells) {
    let bucket = entries.column(0).as_primitive::<UInt64Type>();
    let count = |column: usize| {
        let column = entries.column(column).as_primitive::<UInt64Type>();
        column.value(row)
    };
    let moment = |column: usize| {
        let column = entries.column(CELL_COUNTS.len() + column);
        column.as_primitive::<Float64Type>().value(row)
    };
    let moments = |pairs: u64, first: usize| PairMoments {
        pairs,
        mean_x: moment(first),
        mean_y: moment(first + 1),
        xx: moment(first + 2),
        yy: moment(first + 3),
        xy: moment(first + 4),
    };
    let cells = MeanCells {
        predicted: moments(count(1), 0),
        unpredicted: count(2),
        reviewed: moments(count(3), 5),
        reviewed_unpredicted: moments(count(4), 10),
    };
    (bucket.is_valid(row).then(|| bucket.value(row)), cells)
}

fn cells_list(counts: &MeanCounts) -> Result<ScalarValue> {
    let mut list = ListBuilder::new(StructBuilder::from_fields(cell_fields(), 0));
    for (bucket, cells) in counts.cells() {
        let entry = list.values();
        let integers = [
            bucket,
            Some(cells.predicted.pairs),
            Some(cells.unpredicted),
            Some(cells.reviewed.pairs),
            Some(cells.reviewed_unpredicted.pairs),
        ];
        for (column, value) in integers.into_iter().enumerate() {
            if let Some(builder) = entry.field_builder::<UInt64Builder>(column) {
                builder.append_option(value);
            }
        }
        let moments = [
            &cells.predicted,
            &cells.reviewed,
            &cells.reviewed_unpredicted,
        ];
        for (column, value) in moments.into_iter().flat_map(moment_values).enumerate() {
            let column = CELL_COUNTS.len() + column;
            if let Some(builder) = entry.field_builder::<Float64Builder>(column) {
                builder.append_value(value);
            }
        }
        entry.append(true);
    }
    list.append(true);
    ScalarValue::try_from_array(&list.finish(), 0)
}

fn estimate_struct(estimate: &MeanEstimate) -> Result<ScalarValue> {
    let (low, high) = estimate.interval.unzip();
    let values = [
        ScalarValue::Float64(estimate.mean),
        ScalarValue::Float64(low),
        ScalarValue::Float64(high),
        ScalarValue::Int64(Some(estimate.reviewed as i64)),
    ];
    let arrays: Vec<ArrayRef> = values
        .iter()
        .map(ScalarValue::to_array)
        .collect::<Result<_>>()?;
    let row = StructArray::try_new(estimate_fields(), arrays, None)?;
    Ok(ScalarValue::Struct(Arc::new(row)))
}
