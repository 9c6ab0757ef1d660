//! `normalize_values(table, column [, min_similarity])`: proposed canonical values of a
//! column.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, cast as cast_expr, ident, lit};
use tokio_util::sync::CancellationToken;

use super::arguments::RelationArguments;
use super::columns::{is_text, is_text_list};
use super::exec::{OperationContext, TableOperation};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;
use semql_inference::encoding::ModelInput;
use semql_learning::extraction::normalization::{
    CanonicalValue, NormalizationOptions, TextEncoder, propose_canonical_values,
};

/// Cosine from which two values have a similar meaning, if `min_similarity` is missing.
const DEFAULT_MIN_SIMILARITY: f64 = 0.9;

/// Columns of the plan below the operation.
const VALUE: &str = "value";
const COUNT: &str = "count";

static SIGNATURE: RelationSignature = RelationSignature {
    name: "normalize_values",
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required(
            "column",
            ParameterKind::Column,
            "a column of texts or of lists of texts",
        ),
        Parameter::optional(
            "min_similarity",
            ParameterKind::Number,
            "the cosine from which two values have a similar meaning, 0.9 if not given; 1 compares no meanings",
        ),
    ],
    description: "Proposed canonical values of a column: a row for each distinct value, groups of several values \
        first. `canonical` is the most frequent value of the group, `variant` the value, `count` its occurrences \
        and `total` those of the group. `evidence` says why the variant belongs to the group, and is NULL for the \
        most frequent value: `same letters` (equal but for case, punctuation, white space, diacritics, plural and \
        word order), `same quantity` (equal after conversion of units), `spelling` (one letter of a long word \
        differs from a value that is at least four times as frequent) or `similar meaning` (mutual nearest \
        neighbours in the vectors of `ai.model`, with equal numbers). `similarity` is that of the last two. \
        Without a model that can be used, meanings are not compared, and a notice says why. The rows that are \
        kept can be written for `data_dict.yaml`: `COPY (SELECT canonical, variant FROM ...) TO 'values.yaml'`.",
    example: "SELECT * FROM normalize_values(products_with_features, color) WHERE evidence IS NOT NULL",
};

#[derive(Debug)]
pub struct NormalizeValues;

impl Relation for NormalizeValues {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let min_similarity = arguments.number("min_similarity");
        if let Some(cosine) = min_similarity {
            if !(0.0..=1.0).contains(&cosine) {
                return plan_err!(
                    "min_similarity of {} is {cosine}; it is a cosine, from 0 to 1",
                    SIGNATURE.name
                );
            }
            if cosine < 1.0 {
                let AiOptions {
                    settings, runtime, ..
                } = options;
                runtime
                    .facts_with_cancel(settings, &options.cancel)
                    .map_err(to_datafusion)?;
            }
        }
        let column = arguments.text("column").unwrap_or_default();
        let counts = value_counts(table, column)?;
        let schema = Arc::new(Schema::new(vec![
            Field::new("canonical", DataType::Utf8, false),
            Field::new("variant", DataType::Utf8, false),
            Field::new("count", DataType::Int64, false),
            Field::new("total", DataType::Int64, false),
            Field::new("evidence", DataType::Utf8, true),
            Field::new("similarity", DataType::Float32, true),
        ]));
        let normalization = ValueNormalization {
            column: column.to_string(),
            min_similarity,
            options: options.clone(),
        };
        TableOperationNode::plan(Arc::new(normalization), vec![counts], &schema)
    }
}

/// The distinct values of a column with their counts.
///
/// # Errors
/// A column that is missing, or is neither text nor a list of texts.
fn value_counts(table: LogicalPlan, column: &str) -> Result<LogicalPlan> {
    let fields = table.schema().fields();
    let named = |exact: bool| {
        fields.iter().find(|field| match exact {
            true => field.name() == column,
            false => field.name().eq_ignore_ascii_case(column),
        })
    };
    let Some(field) = named(true).or_else(|| named(false)).cloned() else {
        let names = table.schema().field_names().join(", ");
        return plan_err!(
            "{}: the table has no column {column}; it has {names}",
            SIGNATURE.name
        );
    };
    let is_list = is_text_list(field.data_type());
    if !is_list && !is_text(field.data_type()) {
        return plan_err!(
            "{}: {} is {}, and neither text nor a list of texts",
            SIGNATURE.name,
            field.name(),
            field.data_type()
        );
    }
    let value = ident(field.name()).alias(VALUE);
    let mut values = LogicalPlanBuilder::from(table).project(vec![value])?;
    if is_list {
        values = values.unnest_column(VALUE)?;
    }
    values
        .project(vec![cast_expr(ident(VALUE), DataType::Utf8).alias(VALUE)])?
        .filter(ident(VALUE).is_not_null())?
        .aggregate(vec![ident(VALUE)], vec![count(lit(1)).alias(COUNT)])?
        .build()
}

/// Proposes canonical values for distinct values and their counts.
#[derive(Debug)]
struct ValueNormalization {
    column: String,
    /// `None`: [`DEFAULT_MIN_SIMILARITY`] where a model can be used.
    min_similarity: Option<f64>,
    options: AiOptions,
}

impl TableOperation for ValueNormalization {
    fn name(&self) -> &'static str {
        SIGNATURE.name
    }

    fn display_arguments(&self) -> String {
        let similarity = self.min_similarity;
        let similarity =
            similarity.map_or(String::new(), |cosine| format!(", min_similarity={cosine}"));
        format!("{}{similarity}", self.column)
    }

    fn run(
        &self,
        inputs: Vec<RecordBatch>,
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let values = inputs.first().map_or(Ok(Vec::new()), counted_values)?;
        let encoder: &TextEncoder<'_> =
            &|texts: &[&str]| self.encode(texts, context.cancel_token());
        let min_similarity = self.min_similarity.unwrap_or(DEFAULT_MIN_SIMILARITY);
        let options = NormalizationOptions {
            meaning: (min_similarity < 1.0).then_some((encoder, min_similarity as f32)),
        };
        let is_cancelled = || context.is_cancelled();
        let proposed =
            propose_canonical_values(&values, &options, &is_cancelled).map_err(to_datafusion)?;
        Ok(vec![batch(&proposed, context)?])
    }
}

impl ValueNormalization {
    /// Vectors of values by `ai.model`; none if `min_similarity` is not given and the model
    /// cannot be used.
    fn encode(
        &self,
        texts: &[&str],
        cancel: &CancellationToken,
    ) -> crate::error::Result<Vec<Option<Vec<f32>>>> {
        if texts.len() < 2 {
            return Ok(vec![None; texts.len()]);
        }
        let AiOptions {
            settings, runtime, ..
        } = &self.options;
        let encoder = match runtime.encoder_with_cancel(settings, cancel) {
            Ok(encoder) => encoder,
            Err(Error::Setup(reason) | Error::Forbidden(reason))
                if self.min_similarity.is_none() =>
            {
                runtime.add_notice(format!("{} compared no meanings: {reason}", SIGNATURE.name));
                return Ok(vec![None; texts.len()]);
            }
            Err(error) => return Err(error),
        };
        let run = runtime.encode_context(settings)?.with_cancel(cancel);
        let inputs = texts.iter().map(|text| Some((*text).into()));
        let inputs: Vec<ModelInput<'_>> = inputs.collect();
        let vectors = encoder.encode(&inputs, &run)?;
        let vector = |text: usize| vectors.get(text).map(<[f32]>::to_vec);
        Ok((0..texts.len()).map(vector).collect())
    }
}

/// The values and counts of the input.
fn counted_values(table: &RecordBatch) -> Result<Vec<(String, u64)>> {
    let values = cast(table.column(0), &DataType::Utf8)?;
    let counts = cast(table.column(1), &DataType::Int64)?;
    let counts = counts.as_primitive::<Int64Type>().iter();
    let pairs = values.as_string::<i32>().iter().zip(counts);
    let pairs = pairs.filter_map(|(value, count)| {
        Some((
            value?.to_string(),
            u64::try_from(count?).unwrap_or_default(),
        ))
    });
    Ok(pairs.collect())
}

fn batch(proposed: &[CanonicalValue], context: &OperationContext) -> Result<RecordBatch> {
    let text = |get: fn(&CanonicalValue) -> Option<&str>| -> ArrayRef {
        Arc::new(proposed.iter().map(get).collect::<StringArray>())
    };
    let number = |get: fn(&CanonicalValue) -> u64| -> ArrayRef {
        let numbers = proposed.iter().map(|value| i64::try_from(get(value)).ok());
        Arc::new(numbers.collect::<Int64Array>())
    };
    let similarity: Float32Array = proposed.iter().map(|value| value.similarity).collect();
    Ok(RecordBatch::try_new(
        Arc::clone(&context.schema),
        vec![
            text(|value| Some(&value.canonical)),
            text(|value| Some(&value.variant)),
            number(|value| value.count),
            number(|value| value.total),
            text(|value| value.evidence.map(|evidence| evidence.name())),
            Arc::new(similarity),
        ],
    )?)
}
