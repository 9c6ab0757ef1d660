//! `resolve(table [, threshold] [, model] [, title] ...)`: the rows of a table that are one product.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Int64Array, ListArray, RecordBatch, StringArray,
    UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type, Schema, SchemaRef};
use datafusion::common::plan_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident};

use super::arguments::RelationArguments;
use super::exec::{OperationContext, TableOperation};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::resolve_columns::{KEY, PRICE, ResolveColumns, SOURCE, TEXT, TITLE, VECTOR};
use super::signature::{Parameter, ParameterKind, RelationSignature};
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;
use semql_learning::matching::{
    MatcherMetadata, PairScorer, ProductRecord, ResolveOptions, ResolvedRow, resolve,
};

/// Threshold if none is given.
const DEFAULT_THRESHOLD: f64 = 0.5;

/// Prefix of columns of the table whose name the result has too.
const INPUT_PREFIX: &str = "input_";

static SIGNATURE: RelationSignature = RelationSignature {
    name: "resolve",
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses; several catalogues are a `UNION ALL`",
        ),
        Parameter::optional(
            "threshold",
            ParameterKind::Number,
            "the probability from which two rows are one product, from 0 to 1; 0.5 if not given",
        ),
        Parameter::optional(
            "title",
            ParameterKind::Column,
            "the column of titles; `title` (or `name`) if the table has one",
        ),
        Parameter::optional(
            "text",
            ParameterKind::Column,
            "the column of texts; `text` (or `description`, `body`) if the table has one",
        ),
        Parameter::optional(
            "price",
            ParameterKind::Column,
            "the column of prices, a number; `price` if the table has one",
        ),
        Parameter::optional(
            "source",
            ParameterKind::Column,
            "the column of catalogues: rows of one catalogue are different products",
        ),
        Parameter::optional(
            "key",
            ParameterKind::Column,
            "the column that identifies rows; `docid` (or `id`) if the table has one, or else rows are numbered",
        ),
        Parameter::optional(
            "vector",
            ParameterKind::Column,
            "the column of the vectors of the titles; if not given, titles are embedded with `ai.model`, or with the \
                encoder of `model`",
        ),
        Parameter::optional(
            "model",
            ParameterKind::Text,
            "a model of `CREATE MODEL ... MATCH`, which learnt from labelled pairs",
        ),
    ],
    description: "The rows of a table that are one product, without labels or by a trained model. `row` is the key of the row, `entity` \
        the number of its product, `representative` the key of the most typical row of the product. `score` is the \
        probability that both are one product and `reason` the evidence, such as `same model number DCRTRV280; \
        title 0.93`; both are NULL for the representative. The columns of the table follow, with the prefix `input_` \
        if the result has the name. Rows are compared by the vectors of their titles, by words, rare ones first, by \
        model numbers, quantities, colors and prices. Each row is compared with few others: those with the nearest \
        titles and those that share rare words or codes. Rows whose model numbers or quantities contradict are never \
        one product. A row without title and text is the only one of its product. The order of the rows does not matter.",
    example: "SELECT entity, row, title, score, reason FROM resolve(products) ORDER BY entity",
};

#[derive(Debug)]
pub struct Resolve;

impl Relation for Resolve {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let threshold = arguments.number("threshold").unwrap_or(DEFAULT_THRESHOLD);
        if !(0.0..=1.0).contains(&threshold) {
            return plan_err!(
                "threshold of {} is {threshold}; it is a probability, from 0 to 1",
                SIGNATURE.name
            );
        }
        let columns = ResolveColumns::of(SIGNATURE.name, &table, &arguments)?;
        let matcher = arguments.text("model").map(|name| {
            let models = options.runtime.trained_models();
            models.matcher(name).map_err(to_datafusion)
        });
        let matcher = matcher.transpose()?;
        let fields: Vec<FieldRef> = table.schema().fields().iter().cloned().collect();
        let resolution = Resolution {
            threshold: threshold as f32,
            scorer: matcher
                .as_ref()
                .map_or_else(PairScorer::default, |matcher| matcher.scorer.clone()),
            model: matcher.as_ref().map(|matcher| {
                let MatcherMetadata {
                    name, fingerprint, ..
                } = &matcher.metadata;
                format!("{name}@{fingerprint}")
            }),
            columns: columns.to_string(),
            table_columns: fields.len(),
        };
        let schema = result_schema(&fields, columns.key_field());
        let computed = columns.expressions(options, matcher.as_deref())?;
        let own = fields.iter().enumerate();
        let own = own.map(|(at, field)| ident(field.name()).alias(column_name(at)));
        let input = LogicalPlanBuilder::from(table)
            .project(own.chain(computed).collect::<Vec<_>>())?
            .build()?;
        TableOperationNode::plan(Arc::new(resolution), vec![input], &schema)
    }
}

/// Name of a column of the table below the operation.
fn column_name(at: usize) -> String {
    format!("__column_{at}")
}

/// The columns of the result, and those of the table.
fn result_schema(fields: &[FieldRef], key: Option<&FieldRef>) -> SchemaRef {
    let key_type = key.map_or(DataType::Int64, |key| key.data_type().clone());
    let mut result = vec![
        Field::new("row", key_type.clone(), key.is_some()),
        Field::new("entity", DataType::Int64, false),
        Field::new("representative", key_type, key.is_some()),
        Field::new("score", DataType::Float32, true),
        Field::new("reason", DataType::Utf8, true),
    ];
    let has_name = |result: &[Field], name: &str| {
        let mut names = result.iter().map(Field::name);
        names.any(|known| known.eq_ignore_ascii_case(name))
    };
    for field in fields {
        let mut name = field.name().clone();
        while has_name(&result, &name) {
            name = format!("{INPUT_PREFIX}{name}");
        }
        result.push(field.as_ref().clone().with_name(name));
    }
    Arc::new(Schema::new(result))
}

/// Finds the rows that are one product.
#[derive(Debug)]
struct Resolution {
    threshold: f32,
    scorer: PairScorer,
    /// The trained model and the fingerprint of its pairs, as EXPLAIN shows them.
    model: Option<String>,
    /// The compared columns, as EXPLAIN shows them.
    columns: String,
    /// Columns of the table, which come first in the input.
    table_columns: usize,
}

impl TableOperation for Resolution {
    fn name(&self) -> &'static str {
        SIGNATURE.name
    }

    fn display_arguments(&self) -> String {
        let model = self.model.as_ref().map(|model| format!("model={model}, "));
        let model = model.unwrap_or_default();
        format!("threshold={}, {model}{}", self.threshold, self.columns)
    }

    fn run(
        &self,
        inputs: Vec<RecordBatch>,
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let Some(table) = inputs.first() else {
            return Ok(Vec::new());
        };
        let columns = ComparedColumns::new(table)?;
        let rows: Vec<ProductRecord<'_>> =
            (0..table.num_rows()).map(|at| columns.row(at)).collect();
        let refused: RefCell<Option<DataFusionError>> = RefCell::new(None);
        let reserve = |bytes: usize| {
            context.reserve(bytes).map_err(|error| {
                let reason = error.to_string();
                *refused.borrow_mut() = Some(error);
                Error::Failed(reason)
            })
        };
        let options = ResolveOptions {
            scorer: &self.scorer,
            threshold: self.threshold,
            reserve: &reserve,
        };
        let is_cancelled = || context.is_cancelled();
        let vector = |row: usize| columns.vector(row);
        let resolved = resolve(&rows, columns.dims(), &vector, &options, &is_cancelled);
        let resolved = resolved.map_err(|error| {
            let refused = refused.borrow_mut().take();
            refused.unwrap_or_else(|| to_datafusion(error))
        })?;
        Ok(vec![self.batch(table, &resolved, context)?])
    }
}

impl Resolution {
    fn batch(
        &self,
        table: &RecordBatch,
        resolved: &[ResolvedRow],
        context: &OperationContext,
    ) -> Result<RecordBatch> {
        let representatives = resolved.iter().map(|row| row.representative);
        let representatives = UInt32Array::from_iter_values(representatives);
        let key: ArrayRef = match table.column_by_name(&format!("{KEY}_value")) {
            Some(key) => Arc::clone(key),
            None => Arc::new(Int64Array::from_iter_values(1..=table.num_rows() as i64)),
        };
        let entities = resolved.iter().map(|row| i64::from(row.entity));
        let scores: Float32Array = resolved.iter().map(|row| row.score).collect();
        let reasons: StringArray = resolved.iter().map(|row| row.reason.as_deref()).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::clone(&key),
            Arc::new(Int64Array::from_iter_values(entities)),
            take(&key, &representatives, None)?,
            Arc::new(scores),
            Arc::new(reasons),
        ];
        columns.extend(table.columns()[..self.table_columns].iter().cloned());
        Ok(RecordBatch::try_new(Arc::clone(&context.schema), columns)?)
    }
}

/// The columns of the input that are compared.
struct ComparedColumns {
    /// Titles, texts, sources and keys.
    texts: [Option<ArrayRef>; 4],
    prices: Option<ArrayRef>,
    vectors: Option<ListArray>,
}

impl ComparedColumns {
    fn new(table: &RecordBatch) -> Result<Self> {
        let column = |name: &str, data_type: &DataType| -> Result<Option<ArrayRef>> {
            let column = table.column_by_name(name);
            Ok(column.map(|column| cast(column, data_type)).transpose()?)
        };
        let text = |name: &str| column(name, &DataType::Utf8);
        let vectors = DataType::List(Arc::new(Field::new("item", DataType::Float32, true)));
        Ok(Self {
            texts: [text(TITLE)?, text(TEXT)?, text(SOURCE)?, text(KEY)?],
            prices: column(PRICE, &DataType::Float64)?,
            vectors: column(VECTOR, &vectors)?.map(|vectors| vectors.as_list::<i32>().clone()),
        })
    }

    fn row(&self, row: usize) -> ProductRecord<'_> {
        let text = |column: usize| {
            let texts = self.texts[column].as_ref()?;
            let texts = texts.as_string_opt::<i32>()?;
            texts.is_valid(row).then(|| texts.value(row))
        };
        let price = self.prices.as_ref().and_then(|prices| {
            let prices = prices.as_primitive_opt::<Float64Type>()?;
            prices.is_valid(row).then(|| prices.value(row))
        });
        ProductRecord {
            title: text(0),
            text: text(1),
            price,
            source: text(2),
            key: text(3).unwrap_or_default(),
        }
    }

    fn vector(&self, row: usize) -> Option<&[f32]> {
        let vectors = self.vectors.as_ref()?;
        let values = vectors.values().as_primitive_opt::<Float32Type>()?;
        let offsets = vectors.value_offsets();
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        vectors.is_valid(row).then(|| &values.values()[start..end])
    }

    /// Values of a vector, by the first row that has one.
    fn dims(&self) -> usize {
        let rows = self.vectors.as_ref().map_or(0, Array::len);
        let mut vectors = (0..rows).filter_map(|row| self.vector(row));
        vectors.next().map_or(0, <[f32]>::len)
    }
}
