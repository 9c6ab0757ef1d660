//! `SUMMARIZE`: a profile of a table, a file or a query, with a row for each
//! column, in one pass over the data and in bounded memory.

mod frequent;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::array_value_to_string;
use datafusion::common::{Column, ScalarValue};
use datafusion::functions::unicode::expr_fn::character_length;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, avg, count, max, min};
use datafusion::functions_nested::expr_fn::array_length;
use datafusion::logical_expr::{AggregateUDF, Expr, cast as cast_expr, lit};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::Query;

use crate::dictionary::types::{is_text, sql_name};
use crate::error::Result;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::plan_start::start_plan;
use crate::statement::query;
use frequent::{MostFrequent, shortened};

/// Measure of a column, which is a part of its row in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Count,
    Distinct,
    Min,
    Max,
    Avg,
    MinLength,
    MaxLength,
    AvgLength,
    MostFrequent,
}

/// Runs `SUMMARIZE` of a table, a quoted file or a query.
///
/// Columns: `column_name`, `column_type`, `count` (values that are not null),
/// `nulls`, `null_percentage`, `approx_distinct` (an estimate, within some two
/// percent), `min`, `max` (as text, long ones shortened), `avg`; `min_length`,
/// `max_length`, `avg_length` (characters of text, items of lists);
/// `most_frequent` (the value and how often it occurs; `~` before the number
/// marks a lower bound, and null means that no value stands out).
///
/// # Errors
/// If the table or query is wrong, or reading the data fails.
pub async fn run(context: &StatementContext, query: &Query) -> Result<Outcome> {
    let (session, observer) = (&context.session, &context.observer);
    let plan = query::plan_query(session, Box::new(query.clone())).await?;
    let frame = DataFrame::new(session.ctx.state(), plan);
    let batch = summarize(frame, |plan| start_plan(&**observer, plan)).await;
    observer.progress_ended();
    Ok(Outcome::of_batch(batch?))
}

/// The profile as one batch; `observe` is called with the plan before it runs.
async fn summarize(
    frame: DataFrame,
    observe: impl FnOnce(&Arc<dyn ExecutionPlan>),
) -> Result<RecordBatch> {
    let schema = frame.schema().clone();
    let frequent = AggregateUDF::from(MostFrequent::default());
    let mut aggregates = vec![count(lit(1i64)).alias("rows")];
    let mut plan: Vec<Vec<(Measure, usize)>> = Vec::new();
    for (position, (qualifier, field)) in schema.iter().enumerate() {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let mut measures = Vec::new();
        for (measure, expr) in measures_of(column, field.data_type(), &frequent) {
            measures.push((measure, aggregates.len()));
            aggregates.push(expr.alias(format!("c{position} {measure:?}")));
        }
        plan.push(measures);
    }
    let frame = frame.aggregate(Vec::new(), aggregates)?;
    let task = Arc::new(frame.task_ctx());
    let physical = frame.create_physical_plan().await?;
    observe(&physical);
    let results = collect(physical, task).await?;
    let results = results.into_iter().find(|batch| batch.num_rows() > 0);
    assemble(schema.as_arrow(), &plan, results.as_ref())
}

/// The aggregates of a column of this type.
fn measures_of(
    column: Expr,
    data_type: &DataType,
    frequent: &AggregateUDF,
) -> Vec<(Measure, Expr)> {
    let mut measures = vec![(Measure::Count, count(column.clone()))];
    if let DataType::Dictionary(_, value) = data_type {
        let plain = cast_expr(column, value.as_ref().clone());
        measures.extend(measures_of(plain, value, frequent).into_iter().skip(1));
        return measures;
    }
    let text = || cast_expr(column.clone(), DataType::Utf8);
    if is_text(data_type) || is_ordered(data_type) {
        // Sketches take integers, times and text; other types become text.
        let hashed = match data_type {
            DataType::Float16 | DataType::Float32 | DataType::Float64 => text(),
            _ => column.clone(),
        };
        measures.push((Measure::Distinct, approx_distinct(hashed)));
        measures.push((Measure::Min, min(column.clone())));
        measures.push((Measure::Max, max(column.clone())));
        measures.push((Measure::MostFrequent, frequent.call(vec![text()])));
    }
    if data_type.is_numeric() {
        let number = cast_expr(column.clone(), DataType::Float64);
        measures.push((Measure::Avg, avg(number)));
    }
    let length = match data_type {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
            Some(array_length(column))
        }
        _ if is_text(data_type) => Some(character_length(column)),
        _ => None,
    };
    if let Some(length) = length {
        let length = cast_expr(length, DataType::Int64);
        measures.push((Measure::MinLength, min(length.clone())));
        measures.push((Measure::MaxLength, max(length.clone())));
        let length = cast_expr(length, DataType::Float64);
        measures.push((Measure::AvgLength, avg(length)));
    }
    measures
}

/// Types whose values have an order and a short text form, besides text.
fn is_ordered(data_type: &DataType) -> bool {
    data_type.is_numeric()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(_, _)
        )
}

/// Turns the row of aggregates into a row for each column.
fn assemble(
    schema: &Schema,
    plan: &[Vec<(Measure, usize)>],
    results: Option<&RecordBatch>,
) -> Result<RecordBatch> {
    let at = |column: usize, measure: Measure| -> Option<&ArrayRef> {
        let (_, index) = plan[column].iter().find(|(known, _)| *known == measure)?;
        let array = results?.column(*index);
        array.is_valid(0).then_some(array)
    };
    let integer = |column, measure| match at(column, measure) {
        Some(array) => int64(array),
        None => Ok(None),
    };
    let float = |column, measure| match at(column, measure) {
        Some(array) => float64(array),
        None => Ok(None),
    };
    let words = |column, measure| match at(column, measure) {
        Some(array) => array_value_to_string(array, 0).map(|text| Some(shortened(&text))),
        None => Ok(None),
    };
    let rows = match results {
        Some(batch) => int64(batch.column(0))?.unwrap_or(0),
        None => 0,
    };
    let columns = 0..plan.len();
    let integers = |measure| -> Result<ArrayRef> {
        let values: Result<Int64Array> = columns.clone().map(|c| integer(c, measure)).collect();
        Ok(Arc::new(values?))
    };
    let floats = |measure| -> Result<ArrayRef> {
        let values: Result<Float64Array> = columns.clone().map(|c| float(c, measure)).collect();
        Ok(Arc::new(values?))
    };
    let texts = |measure| -> Result<ArrayRef> {
        let values: Vec<Option<String>> = columns
            .clone()
            .map(|c| words(c, measure))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Arc::new(StringArray::from(values)))
    };
    let mut nulls = Vec::with_capacity(plan.len());
    for column in columns.clone() {
        nulls.push(rows - integer(column, Measure::Count)?.unwrap_or(0));
    }
    let share: Float64Array = nulls
        .iter()
        .map(|nulls| (rows > 0).then(|| hundredths(100.0 * *nulls as f64 / rows as f64)))
        .collect();
    let fields = schema.fields();
    let names: StringArray = fields.iter().map(|field| Some(field.name())).collect();
    let types: StringArray = fields
        .iter()
        .map(|field| Some(sql_name(field.data_type())))
        .collect();
    let out: Vec<(&str, ArrayRef)> = vec![
        ("column_name", Arc::new(names)),
        ("column_type", Arc::new(types)),
        ("count", integers(Measure::Count)?),
        ("nulls", Arc::new(Int64Array::from(nulls))),
        ("null_percentage", Arc::new(share)),
        ("approx_distinct", integers(Measure::Distinct)?),
        ("min", texts(Measure::Min)?),
        ("max", texts(Measure::Max)?),
        ("avg", floats(Measure::Avg)?),
        ("min_length", integers(Measure::MinLength)?),
        ("max_length", integers(Measure::MaxLength)?),
        ("avg_length", floats(Measure::AvgLength)?),
        ("most_frequent", texts(Measure::MostFrequent)?),
    ];
    let nullable = out.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn int64(array: &ArrayRef) -> Result<Option<i64>> {
    let array = cast(array, &DataType::Int64)?;
    match ScalarValue::try_from_array(&array, 0)? {
        ScalarValue::Int64(value) => Ok(value),
        _ => Ok(None),
    }
}

fn float64(array: &ArrayRef) -> Result<Option<f64>> {
    let array = cast(array, &DataType::Float64)?;
    match ScalarValue::try_from_array(&array, 0)? {
        ScalarValue::Float64(value) => Ok(value.map(hundredths)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
