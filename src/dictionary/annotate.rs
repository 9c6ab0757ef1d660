//! Descriptions in field metadata, for registered tables and written files.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::Column as ColumnName;
use datafusion::datasource::listing::{ListingTable, ListingTableConfig};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};

use super::model::{Dictionary, DictionaryTable};

/// Metadata key of a field's description.
pub const DESCRIPTION: &str = "description";

/// Adds the descriptions of `table` to `schema`. `table` is the name or the location
/// of a table of the dictionary. Other metadata is kept.
pub fn annotate(dictionary: &Dictionary, table: Option<&str>, schema: &Schema) -> SchemaRef {
    let known = table.and_then(|name| dictionary.table(name).or_else(|| dictionary.table_at(name)));
    let fields = match known {
        Some(table) => described(table, schema.fields()),
        None => schema.fields().clone(),
    };
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn described(table: &DictionaryTable, fields: &Fields) -> Fields {
    fields
        .iter()
        .map(|field| match description(table, field.name()) {
            Some(text) => {
                let mut metadata = field.metadata().clone();
                metadata.insert(DESCRIPTION.to_string(), text.to_string());
                Arc::new(Field::clone(field).with_metadata(metadata))
            }
            None => Arc::clone(field),
        })
        .collect()
}

fn description<'a>(table: &'a DictionaryTable, column: &str) -> Option<&'a str> {
    table.column(column)?.description.as_deref()
}

/// Adds the table's descriptions to the schema of `provider`.
///
/// A table of files is rebuilt with the described schema, so that its scans have the
/// metadata and are planned as before. Other tables get a projection that adds the
/// metadata.
///
/// # Errors
/// A failure of the engine.
pub fn describe_provider(
    provider: Arc<dyn TableProvider>,
    table: &DictionaryTable,
    caches: &CacheManager,
) -> Result<Arc<dyn TableProvider>> {
    let schema = provider.schema();
    let fields = described(table, schema.fields());
    if &fields == schema.fields() {
        return Ok(provider);
    }
    match provider.downcast_ref::<ListingTable>() {
        Some(listing) => describe_listing(listing, &fields, caches),
        None => describe_projection(provider, &fields),
    }
}

fn describe_listing(
    listing: &ListingTable,
    fields: &Fields,
    caches: &CacheManager,
) -> Result<Arc<dyn TableProvider>> {
    // The last fields are partition columns, which the files do not have.
    let in_files = fields.len() - listing.options().table_partition_cols.len();
    let fields: Fields = fields.iter().take(in_files).cloned().collect();
    let metadata = listing.schema().metadata().clone();
    let config = ListingTableConfig::new_with_multi_paths(listing.table_paths().clone())
        .with_listing_options(listing.options().clone())
        .with_schema(Arc::new(Schema::new_with_metadata(fields, metadata)));
    let table = ListingTable::try_new(config)?.with_cache(caches.get_file_statistic_cache());
    Ok(Arc::new(table))
}

fn describe_projection(
    provider: Arc<dyn TableProvider>,
    fields: &Fields,
) -> Result<Arc<dyn TableProvider>> {
    let columns: Vec<Expr> = fields
        .iter()
        .map(|field| {
            let column = Expr::Column(ColumnName::new_unqualified(field.name()));
            let metadata: &HashMap<String, String> = field.metadata();
            column.alias_with_metadata(field.name(), Some(FieldMetadata::from(metadata)))
        })
        .collect();
    let plan = LogicalPlanBuilder::scan("described", provider_as_source(provider), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
