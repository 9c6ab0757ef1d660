//! Relations of the session at one moment, with their columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::catalog::SchemaProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::{TableType, ViewTable, source_as_provider};
use datafusion::logical_expr::LogicalPlan;

use super::names::{Database, Names};
use super::oids::{CATALOG_SCHEMA, INFORMATION_SCHEMA, PUBLIC_SCHEMA};
use crate::serve::rows::presentable;
use crate::serve::values::{type_modifier, wire_type};
use crate::tables::{ColumnRule, IdentityKind, StoredTable, TableDefinition};

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
    pub constraints: Vec<CatalogConstraint>,
    /// Table in memory.
    stored: Option<u64>,
    /// Relations that a view reads.
    reads: Vec<ReadRelation>,
    /// Rules of the columns of a table in memory.
    rules: Vec<ColumnRule>,
}

/// Relation that a view reads. Tables in memory keep their number when they are
/// renamed.
#[derive(Clone, Debug)]
enum ReadRelation {
    Stored(u64),
    /// Schema and name.
    Named(String, String),
}

/// Kind of constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    PrimaryKey,
    Unique,
    Check,
}

/// Constraint of a table in memory.
#[derive(Clone, Debug)]
pub struct CatalogConstraint {
    pub name: String,
    pub kind: ConstraintKind,
    /// Columns of a key in order.
    pub columns: Vec<String>,
    /// Condition of a check.
    pub condition: Option<String>,
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
    /// Default as SQL.
    pub default: Option<String>,
    /// `ALWAYS` or `BY DEFAULT` for an identity column.
    pub identity: Option<&'static str>,
}

/// Lists the relations of the database that a session sees. A table whose file is
/// missing has no columns.
pub async fn relations(names: &Names, database: &Database) -> Vec<CatalogRelation> {
    let of_catalog = names.catalog_tables().iter().map(|table| CatalogRelation {
        oid: names.relation_oid(table.schema, table.name),
        schema: table.schema.to_string(),
        name: table.name.to_string(),
        is_view: table.is_view,
        definition: None,
        columns: Arc::clone(&table.columns),
        constraints: Vec::new(),
        stored: None,
        reads: Vec::new(),
        rules: Vec::new(),
    });
    let mut found: Vec<CatalogRelation> = of_catalog.collect();
    for schema_name in names.schemas(database) {
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
    let in_memory = table
        .as_ref()
        .and_then(|table| table.downcast_ref::<StoredTable>());
    let stored = in_memory.map(StoredTable::definition);
    let view = table
        .as_ref()
        .and_then(|table| table.downcast_ref::<ViewTable>());
    CatalogRelation {
        constraints: stored.map_or_else(Vec::new, constraints),
        stored: in_memory.map(StoredTable::id),
        reads: view.map_or_else(Vec::new, |view| reads(view.logical_plan())),
        rules: stored.map_or_else(Vec::new, |stored| stored.columns.clone()),
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

/// Relations that a plan scans.
fn reads(plan: &LogicalPlan) -> Vec<ReadRelation> {
    let mut found = Vec::new();
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source).ok();
            let stored = provider
                .as_ref()
                .and_then(|provider| provider.downcast_ref::<StoredTable>());
            found.push(match stored {
                Some(stored) => ReadRelation::Stored(stored.id()),
                None => ReadRelation::Named(
                    scan.table_name
                        .schema()
                        .unwrap_or(PUBLIC_SCHEMA)
                        .to_string(),
                    scan.table_name.table().to_string(),
                ),
            });
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

impl CatalogRelation {
    /// Whether a view reads another relation.
    pub fn reads(&self, other: &Self) -> bool {
        self.reads.iter().any(|read| match read {
            ReadRelation::Stored(id) => other.stored == Some(*id),
            ReadRelation::Named(schema, name) => *schema == other.schema && *name == other.name,
        })
    }

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
        let mut rules = self.rules.iter();
        fields.map(move |(field, position)| {
            let column = column(field, position);
            match rules.next() {
                Some(rule) => column.with_rule(rule),
                None => column,
            }
        })
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
        default: None,
        identity: None,
    }
}

/// Types of Postgres that other types store.
const DECLARED_TYPES: &[(&str, i32)] = &[
    ("character", 1042),
    ("character varying", 1043),
    ("json", 114),
    ("jsonb", 3802),
    ("uuid", 2950),
];

impl CatalogColumn {
    /// Characters allowed in a text.
    pub fn max_length(&self) -> Option<i32> {
        let is_text = [1042, 1043].contains(&self.type_oid);
        (is_text && self.modifier > 0).then(|| self.modifier - 4)
    }

    fn with_rule(self, rule: &ColumnRule) -> Self {
        let identity = rule.identity.as_ref().map(|(kind, _)| match kind {
            IdentityKind::Always => "ALWAYS",
            IdentityKind::ByDefault => "BY DEFAULT",
        });
        let declared = rule.declared.as_deref().and_then(|declared| {
            let name = declared.split('(').next().unwrap_or(declared);
            DECLARED_TYPES.iter().find(|(known, _)| *known == name)
        });
        // As in Postgres, the modifier counts its own four bytes.
        let length = rule.max_length.as_ref();
        let length = length.and_then(|length| i32::try_from(length.characters).ok());
        Self {
            default: rule.default_sql.clone(),
            identity,
            type_oid: declared.map_or(self.type_oid, |(_, oid)| *oid),
            modifier: length.map_or(self.modifier, |length| length.saturating_add(4)),
            ..self
        }
    }
}

/// Constraints of a definition: keys first.
fn constraints(definition: &TableDefinition) -> Vec<CatalogConstraint> {
    let name = |at: &usize| definition.schema.field(*at).name().clone();
    let keys = definition.keys.iter().map(|key| CatalogConstraint {
        name: key.name.clone(),
        kind: match key.primary {
            true => ConstraintKind::PrimaryKey,
            false => ConstraintKind::Unique,
        },
        columns: key.columns.iter().map(name).collect(),
        condition: None,
    });
    let checks = definition.checks.iter().map(|check| CatalogConstraint {
        name: check.name.clone(),
        kind: ConstraintKind::Check,
        columns: Vec::new(),
        condition: Some(check.sql.clone()),
    });
    keys.chain(checks).collect()
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
