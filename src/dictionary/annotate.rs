//! Descriptions in field metadata: put there for registered tables and by
//! COPY, so that they travel with the data.

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

use super::Dictionary;
use super::model::Table;

/// The metadata key of a field's description.
pub const DESCRIPTION: &str = "description";

/// `schema` with the descriptions that the dictionary has for `table`, which
/// may be named by its name or by its location. Without a table, and for
/// columns that the dictionary does not describe, metadata stays as it is.
pub fn annotate(dictionary: &Dictionary, table: Option<&str>, schema: &Schema) -> SchemaRef {
    let known = table.and_then(|name| dictionary.table(name).or_else(|| dictionary.table_at(name)));
    let fields = match known {
        Some(table) => described(table, schema.fields()),
        None => schema.fields().clone(),
    };
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn described(table: &Table, fields: &Fields) -> Fields {
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

fn description<'a>(table: &'a Table, column: &str) -> Option<&'a str> {
    table.column(column)?.description.as_deref()
}

/// `provider` with the table's descriptions in its schema.
///
/// A table of files is rebuilt with the described schema, so that scans carry
/// it all the way and nothing of its planning is lost; anything else becomes a
/// projection that adds the metadata.
pub(super) fn describe_provider(
    provider: Arc<dyn TableProvider>,
    table: &Table,
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
    // Partition columns come last and are not part of the files' schema.
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
