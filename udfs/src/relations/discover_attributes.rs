//! `discover_attributes(table [, k] [, category])`: attributes that texts have, without
//! labels.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, cast as cast_expr, ident};

use super::arguments::RelationArguments;
use super::columns::{CATEGORIES, TEXTS, TITLES, called};
use super::exec::{OperationContext, TableOperation};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use crate::error::to_datafusion;
use crate::options::AiOptions;
use semql_learning::extraction::discovery::{
    DiscoveredAttribute, DiscoveryOptions, DiscoverySource, discover_attributes,
};
use semql_learning::extraction::rules::AttributeSet;

/// Attribute set that names value sets unless `ai.attributes` is set.
const DEFAULT_ATTRIBUTES: &str = "products";

/// Maximum number of clusters.
const MAX_CLUSTERS: usize = 100;

/// Columns of the plan below the operation.
const TITLE: &str = "title";
const TEXT: &str = "text";
const CATEGORY: &str = "category";

static SIGNATURE: RelationSignature = RelationSignature {
    name: "discover_attributes",
    parameters: &[
        Parameter::required(
            "table",
            ParameterKind::Table,
            "a table with a column `title` (or `name`), `text` (or `description`, `body`), or both; of larger tables \
             10,000 rows are read, chosen by `ai.seed`",
        ),
        Parameter::optional(
            "k",
            ParameterKind::Count,
            "the number of clusters of rows, at most 100; if not given, rows are grouped by their category, or else \
             into clusters that suit their number",
        ),
        Parameter::optional(
            "category",
            ParameterKind::Column,
            "the column of categories; `category` (or `product_category`, `categories`) if the table has one",
        ),
    ],
    description: "The attributes that texts have, found without labels and without a model, the most frequent first. \
        `kind` is `values` (words that alternate in one place, such as colors, and brands that titles begin with), \
        `quantity` (numbers with a unit or another word), `code` (letters and digits of recurring shape) or `cue` \
        (the words after `Color:`). `attribute` is a proposed name: that of an attribute of `ai.attributes` with \
        common values, a word beside the values, or the two most frequent values. `category` is the category, or \
        the words of the cluster, that has the attribute; NULL if several have it. `coverage` is the share of its \
        rows with a value, `examples` the most frequent ones with their rows, and `definition` the entry for \
        `attributes:` in `data_dict.yaml`.",
    example: "SELECT attribute, kind, category, coverage, examples FROM discover_attributes(products)",
};

#[derive(Debug)]
pub struct DiscoverAttributes;

impl Relation for DiscoverAttributes {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let table = arguments.required_table("table")?;
        let (clusters, category) = (arguments.count("k"), arguments.text("category"));
        if let Some(k) = clusters.filter(|k| *k > MAX_CLUSTERS) {
            return plan_err!(
                "k of {} is {k}; at most {MAX_CLUSTERS} clusters are possible",
                SIGNATURE.name
            );
        }
        if clusters.is_some() && category.is_some() {
            return plan_err!(
                "{} groups rows by category or into k clusters; leave one of them out",
                SIGNATURE.name
            );
        }
        let settings = &options.settings;
        let known = settings.attributes.as_deref().unwrap_or(DEFAULT_ATTRIBUTES);
        let known = options
            .runtime
            .attribute_set(known)
            .map_err(to_datafusion)?;
        let discovery = AttributeDiscovery {
            clusters,
            seed: settings.seed,
            known,
        };
        let input = source_columns(table, category, clusters.is_none())?;
        let schema = Arc::new(Schema::new(vec![
            Field::new("attribute", DataType::Utf8, false),
            Field::new("kind", DataType::Utf8, false),
            Field::new("category", DataType::Utf8, true),
            Field::new("coverage", DataType::Float32, false),
            Field::new("examples", DataType::List(value_item()), false),
            Field::new("definition", DataType::Utf8, false),
        ]));
        TableOperationNode::plan(Arc::new(discovery), vec![input], &schema)
    }
}

/// Item of the column `examples`.
fn value_item() -> Arc<Field> {
    let fields = DataType::Struct(value_fields());
    Arc::new(Field::new("item", fields, false))
}

fn value_fields() -> Fields {
    Fields::from(vec![
        Field::new("value", DataType::Utf8, false),
        Field::new("count", DataType::Int64, false),
    ])
}

/// Title, text and category, as far as the table has them.
///
/// # Errors
/// A table without title and text, or without the named category.
fn source_columns(
    table: LogicalPlan,
    category: Option<&str>,
    has_categories: bool,
) -> Result<LogicalPlan> {
    let names = table.schema().field_names().join(", ");
    let category = match category {
        Some(name) => match called(&table, &[name]) {
            None => {
                return plan_err!(
                    "{}: the table has no column of texts called {name}; it has {names}",
                    SIGNATURE.name
                );
            }
            found => found,
        },
        None if has_categories => called(&table, CATEGORIES),
        None => None,
    };
    let (title, text) = (called(&table, TITLES), called(&table, TEXTS));
    if title.is_none() && text.is_none() {
        return plan_err!(
            "{} reads a column title (or name), text (or description, body), or both, and the table has {names}; \
             name them in a query: {}((SELECT a AS title, b AS text FROM ...))",
            SIGNATURE.name,
            SIGNATURE.name
        );
    }
    let found = [(title, TITLE), (text, TEXT), (category, CATEGORY)].into_iter();
    let columns = found
        .filter_map(|(column, name)| Some(cast_expr(ident(column?), DataType::Utf8).alias(name)));
    LogicalPlanBuilder::from(table)
        .project(columns.collect::<Vec<_>>())?
        .build()
}

/// Finds the attributes of titles and texts.
#[derive(Debug)]
struct AttributeDiscovery {
    clusters: Option<usize>,
    seed: u64,
    known: Arc<AttributeSet>,
}

impl TableOperation for AttributeDiscovery {
    fn name(&self) -> &'static str {
        SIGNATURE.name
    }

    fn display_arguments(&self) -> String {
        let clusters = self.clusters.map_or(String::new(), |k| format!("k={k}, "));
        format!("{clusters}seed={}, names={}", self.seed, self.known.name)
    }

    fn run(
        &self,
        inputs: Vec<RecordBatch>,
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let Some(table) = inputs.first() else {
            return Ok(Vec::new());
        };
        let [titles, texts, categories] = [TITLE, TEXT, CATEGORY].map(|name| column(table, name));
        let (titles, texts, categories) = (titles?, texts?, categories?);
        let columns: Vec<&ArrayRef> = [&titles, &texts].into_iter().flatten().collect();
        let source = DiscoverySource {
            rows: (0..table.num_rows())
                .map(|row| columns.iter().map(|texts| text(texts, row)).collect())
                .collect(),
            categories: categories.as_ref().map(|categories| {
                let rows = 0..table.num_rows();
                rows.map(|row| text(categories, row)).collect()
            }),
        };
        let options = DiscoveryOptions {
            clusters: self.clusters,
            seed: self.seed,
            known: AttributeSet::clone(&self.known),
        };
        let is_cancelled = || context.is_cancelled();
        let found = discover_attributes(&source, &options, &is_cancelled).map_err(to_datafusion)?;
        Ok(vec![batch(&found, context)?])
    }
}

/// A column of texts, if the input has it.
fn column(table: &RecordBatch, name: &str) -> Result<Option<ArrayRef>> {
    let column = table.column_by_name(name);
    Ok(column
        .map(|column| cast(column, &DataType::Utf8))
        .transpose()?)
}

/// The text of a row.
fn text(texts: &ArrayRef, row: usize) -> Option<&str> {
    texts
        .is_valid(row)
        .then(|| texts.as_string::<i32>().value(row))
}

fn batch(found: &[DiscoveredAttribute], context: &OperationContext) -> Result<RecordBatch> {
    let text = |get: fn(&DiscoveredAttribute) -> Option<&str>| -> ArrayRef {
        Arc::new(found.iter().map(get).collect::<StringArray>())
    };
    let coverage: Float32Array = found
        .iter()
        .map(|found| Some(found.coverage as f32))
        .collect();
    let examples = || found.iter().flat_map(|found| &found.values);
    let values: StringArray = examples().map(|example| Some(&example.value)).collect();
    let counts: Int64Array = examples()
        .map(|example| i64::try_from(example.count).ok())
        .collect();
    let examples = StructArray::try_new(
        value_fields(),
        vec![Arc::new(values), Arc::new(counts)],
        None,
    )?;
    let lengths = found.iter().map(|found| found.values.len());
    let values = ListArray::try_new(
        value_item(),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(examples),
        None,
    )?;
    Ok(RecordBatch::try_new(
        Arc::clone(&context.schema),
        vec![
            text(|found| Some(&found.name)),
            text(|found| Some(found.kind.name())),
            text(|found| found.category.as_deref()),
            Arc::new(coverage),
            Arc::new(values),
            text(|found| Some(&found.definition)),
        ],
    )?)
}
