//! Relations of the session at one moment, with their columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, SchemaProvider};
use datafusion::datasource::TableType;

use super::names::Names;
use super::oids::{CATALOG_SCHEMA, INFORMATION_SCHEMA};
use crate::serve::rows::presentable;
use crate::serve::values::{type_modifier, wire_type};

/// Table or view.
#[derive(Clone, Debug)]
pub struct CatalogRelation {
    pub oid: i32,
    pub schema: String,
    pub name: String,
    pub is_view: bool,
    /// Query of a view.
    pub definition: Option<String>,
    pub columns: SchemaRef,
}

/// Column of a relation in the types that clients receive.
#[derive(Clone, Debug)]
pub struct CatalogColumn {
    pub name: String,
    /// From 1.
    pub position: i64,
    pub type_oid: i32,
    /// As in Postgres: precision and scale of a numeric; -1 for none.
    pub modifier: i32,
    /// Precision and scale of a numeric.
    pub precision: Option<(u8, i8)>,
    pub dimensions: i32,
    pub nullable: bool,
}

/// Lists the relations of the database that a session sees. A table whose file is
/// missing has no columns.
pub async fn relations(
    names: &Names,
    database: Option<Arc<dyn CatalogProvider>>,
) -> Vec<CatalogRelation> {
    let of_catalog = names.catalog_tables().iter().map(|table| CatalogRelation {
        oid: names.relation_oid(table.schema, table.name),
        schema: table.schema.to_string(),
        name: table.name.to_string(),
        is_view: table.is_view,
        definition: None,
        columns: Arc::clone(&table.columns),
    });
    let mut found: Vec<CatalogRelation> = of_catalog.collect();
    for schema_name in names.schemas() {
        if [CATALOG_SCHEMA, INFORMATION_SCHEMA].contains(&schema_name.as_str()) {
            continue;
        }
        let schema = database
            .as_ref()
            .and_then(|database| database.schema(&schema_name));
        let Some(schema) = schema else { continue };
        let mut tables = schema.table_names();
        tables.sort();
        for name in tables {
            found.push(relation(names, schema.as_ref(), &schema_name, name).await);
        }
    }
    found
}

async fn relation(
    names: &Names,
    schema: &dyn SchemaProvider,
    schema_name: &str,
    name: String,
) -> CatalogRelation {
    let table = schema.table(&name).await.ok().flatten();
    let is_view = table
        .as_ref()
        .is_some_and(|table| table.table_type() == TableType::View);
    let definition = table
        .as_ref()
        .and_then(|table| table.get_table_definition().map(str::to_string));
    CatalogRelation {
        oid: names.relation_oid(schema_name, &name),
        schema: schema_name.to_string(),
        name,
        is_view,
        definition,
        columns: table.map_or_else(
            || Arc::new(Schema::empty()),
            |table| presentable(&table.schema()),
        ),
    }
}

impl CatalogRelation {
    /// Whether the relation is part of the catalogue.
    pub fn is_of_catalog(&self) -> bool {
        [CATALOG_SCHEMA, INFORMATION_SCHEMA].contains(&self.schema.as_str())
    }

    /// `r` for a table, `v` for a view.
    pub fn kind(&self) -> &'static str {
        match self.is_view {
            true => "v",
            false => "r",
        }
    }

    /// Columns in order.
    pub fn columns(&self) -> impl Iterator<Item = CatalogColumn> + '_ {
        let fields = self.columns.fields().iter().zip(1..);
        fields.map(|(field, position)| column(field, position))
    }
}

fn column(field: &FieldRef, position: i64) -> CatalogColumn {
    const TEXT: i32 = 25;
    let known = wire_type(field).and_then(|known| i32::try_from(known.oid()).ok());
    let (element, dimensions) = element(field.data_type());
    let precision = match element {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    };
    CatalogColumn {
        name: field.name().clone(),
        position,
        type_oid: known.unwrap_or(TEXT),
        modifier: type_modifier(field.data_type()),
        precision,
        dimensions,
        nullable: field.is_nullable(),
    }
}

/// Innermost element of a list, and how many lists enclose it.
fn element(data_type: &DataType) -> (&DataType, i32) {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field) => {
            let (element, dimensions) = element(field.data_type());
            (element, dimensions + 1)
        }
        other => (other, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Field;

    fn of(data_type: DataType) -> CatalogColumn {
        column(&Arc::new(Field::new("c", data_type, true)), 1)
    }

    #[test]
    fn columns_have_types_of_postgres() {
        let numeric = of(DataType::Decimal128(10, 2));
        assert_eq!(numeric.type_oid, 1700);
        assert_eq!(numeric.modifier, ((10 << 16) | 2) + 4);
        let list = of(DataType::new_list(DataType::Float32, true));
        assert_eq!((list.type_oid, list.dimensions), (1021, 1));
        assert_eq!(of(DataType::Utf8View).type_oid, 25);
    }
}
