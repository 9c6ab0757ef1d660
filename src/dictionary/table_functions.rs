//! Table functions over the dictionary: `dict_tables()`, `dict_columns()`,
//! `dict_labels()` and `dict_attributes()`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use semql_udfs::learning::extraction::rules::{AttributeDefinition, AttributeKind};

use super::model::{AcceptedValues, Dictionary, DictionaryColumn, DictionaryTable};

type BuildRows = fn(&Dictionary) -> Result<RecordBatch>;

/// Names of the functions, with builders of their rows.
const FUNCTIONS: &[(&str, BuildRows)] = &[
    ("dict_tables", tables),
    ("dict_columns", columns),
    ("dict_labels", labels),
    ("dict_attributes", attributes),
];

/// Registers the table functions.
pub fn register(ctx: &SessionContext, dictionary: &Arc<Dictionary>) {
    for (name, build) in FUNCTIONS {
        let function = DictionaryFunction {
            name,
            build: *build,
            dictionary: Arc::clone(dictionary),
        };
        ctx.register_udtf(name, Arc::new(function));
    }
}

#[derive(Debug)]
struct DictionaryFunction {
    name: &'static str,
    build: BuildRows,
    dictionary: Arc<Dictionary>,
}

impl TableFunctionImpl for DictionaryFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        if !args.exprs().is_empty() {
            return Err(DataFusionError::Plan(format!(
                "{0}() takes no arguments; filter with SELECT * FROM {0}() WHERE ...",
                self.name
            )));
        }
        let batch = (self.build)(&self.dictionary)?;
        Ok(Arc::new(MemTable::try_new(
            batch.schema(),
            vec![vec![batch]],
        )?))
    }
}

fn tables(dictionary: &Dictionary) -> Result<RecordBatch> {
    let all = dictionary.tables();
    let text = |get: fn(&DictionaryTable) -> Option<&str>| strings(all.iter().map(get));
    batch(vec![
        ("table_name", text(|t| Some(&t.name))),
        ("description", text(|t| t.description.as_deref())),
        ("location", text(|t| Some(&t.location.as_ref()?.written))),
        ("source_name", text(|t| t.source.as_ref()?.name.as_deref())),
        ("source_url", text(|t| t.source.as_ref()?.url.as_deref())),
        ("owner", text(|t| t.owner.as_deref())),
        ("maintainer", text(|t| t.maintainer.as_deref())),
        ("licence", text(|t| t.licence.as_deref())),
        ("created", text(|t| t.created.as_deref())),
        ("updated", text(|t| t.updated.as_deref())),
        ("tags", lists(all.iter().map(|t| Some(t.tags.as_slice())))),
    ])
}

fn columns(dictionary: &Dictionary) -> Result<RecordBatch> {
    let all: Vec<(&DictionaryTable, usize, &DictionaryColumn)> = dictionary
        .tables()
        .iter()
        .flat_map(|table| {
            let numbered = table.columns.iter().zip(1..);
            numbered.map(move |(column, position)| (table, position, column))
        })
        .collect();
    let text =
        |get: fn(&DictionaryColumn) -> Option<&str>| strings(all.iter().map(|(.., c)| get(c)));
    let length = |get: fn(&DictionaryColumn) -> Option<u64>| -> ArrayRef {
        let lengths = all
            .iter()
            .map(|(.., c)| get(c).and_then(|n| i64::try_from(n).ok()));
        Arc::new(lengths.collect::<Int64Array>())
    };
    let positions: Int64Array = all
        .iter()
        .map(|(_, position, _)| i64::try_from(*position).ok())
        .collect();
    let nullable: BooleanArray = all.iter().map(|(.., c)| c.nullable).collect();
    let unique: BooleanArray = all.iter().map(|(.., c)| Some(c.unique)).collect();
    batch(vec![
        (
            "table_name",
            strings(all.iter().map(|(t, ..)| Some(t.name.as_str()))),
        ),
        ("column_name", text(|c| Some(&c.name))),
        ("position", Arc::new(positions)),
        ("data_type", text(|c| c.type_name.as_deref())),
        ("nullable", Arc::new(nullable)),
        ("unique", Arc::new(unique)),
        ("description", text(|c| c.description.as_deref())),
        (
            "accepted_values",
            lists(all.iter().map(|(.., c)| match &c.accepted {
                AcceptedValues::Values(values) => Some(values.as_slice()),
                AcceptedValues::Anything | AcceptedValues::Taxonomy(_) => None,
            })),
        ),
        (
            "taxonomy",
            text(|c| match &c.accepted {
                AcceptedValues::Taxonomy(name) => Some(name),
                AcceptedValues::Anything | AcceptedValues::Values(_) => None,
            }),
        ),
        ("min_length", length(|c| c.min_length)),
        ("max_length", length(|c| c.max_length)),
    ])
}

fn labels(dictionary: &Dictionary) -> Result<RecordBatch> {
    let all: Vec<_> = dictionary
        .taxonomies()
        .iter()
        .flat_map(|taxonomy| taxonomy.labels.iter().map(move |label| (taxonomy, label)))
        .collect();
    let described = |text: &str| !text.is_empty();
    batch(vec![
        (
            "taxonomy",
            strings(all.iter().map(|(t, _)| Some(t.name.as_str()))),
        ),
        (
            "label",
            strings(all.iter().map(|(_, l)| Some(l.name.as_str()))),
        ),
        (
            "description",
            strings(
                all.iter()
                    .map(|(_, l)| Some(l.description.as_str()).filter(|text| described(text))),
            ),
        ),
        (
            "phrases",
            lists(all.iter().map(|(_, l)| Some(l.phrases.as_slice()))),
        ),
    ])
}

fn attributes(dictionary: &Dictionary) -> Result<RecordBatch> {
    let all: Vec<_> = dictionary
        .attribute_sets()
        .iter()
        .flat_map(|set| set.attributes.iter().map(move |one| (set, one)))
        .collect();
    let text =
        |get: fn(&AttributeDefinition) -> Option<&str>| strings(all.iter().map(|(_, a)| get(a)));
    let values: Vec<Vec<String>> = all
        .iter()
        .map(|(_, a)| a.values.iter().map(|known| known.value.clone()).collect())
        .collect();
    batch(vec![
        (
            "attribute_set",
            strings(all.iter().map(|(set, _)| Some(set.name.as_str()))),
        ),
        ("attribute", text(|a| Some(&a.name))),
        ("description", text(|a| a.description.as_deref())),
        (
            "kind",
            text(|a| {
                Some(match a.kind {
                    AttributeKind::Text => "text",
                    AttributeKind::Quantity => "quantity",
                    AttributeKind::Code => "code",
                })
            }),
        ),
        ("unit", text(|a| a.unit.as_deref())),
        ("pattern", text(|a| a.pattern.as_deref())),
        (
            "canonical_values",
            lists(values.iter().map(|values| Some(values.as_slice()))),
        ),
    ])
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}

fn strings<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn lists<'a>(values: impl Iterator<Item = Option<&'a [String]>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in values {
        match list {
            Some(list) => {
                for value in list {
                    builder.values().append_value(value);
                }
                builder.append(true);
            }
            None => builder.append(false),
        }
    }
    Arc::new(builder.finish())
}

#[cfg(test)]
mod tests;
