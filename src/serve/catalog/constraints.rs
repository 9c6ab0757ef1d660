//! Constraints of tables in memory, as `information_schema` shows them.

use arrow::array::RecordBatch;
use datafusion::error::Result;

use super::row_builder::RowBuilder;
use super::schema::{CatalogRequest, SessionTable, information, no_rows};
use super::snapshot::{CatalogConstraint, CatalogRelation, ConstraintKind};

const TABLE_CONSTRAINTS_COLUMNS: &str = "\
constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name,
table_schema name, table_name name, constraint_type text, is_deferrable text,
initially_deferred text, enforced text, nulls_distinct text";

const KEY_COLUMN_USAGE_COLUMNS: &str = "\
constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name,
table_schema name, table_name name, column_name name, ordinal_position int4,
position_in_unique_constraint int4";

const CONSTRAINT_COLUMN_USAGE_COLUMNS: &str = "\
table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name,
constraint_schema name, constraint_name name";

const CONSTRAINT_TABLE_USAGE_COLUMNS: &str = "\
table_catalog name, table_schema name, table_name name, constraint_catalog name,
constraint_schema name, constraint_name name";

const CHECK_CONSTRAINTS_COLUMNS: &str = "\
constraint_catalog name, constraint_schema name, constraint_name name, check_clause text";

/// Views about constraints.
pub const TABLES: &[SessionTable] = &[
    information(
        "table_constraints",
        TABLE_CONSTRAINTS_COLUMNS,
        table_constraints,
    ),
    information("key_column_usage", KEY_COLUMN_USAGE_COLUMNS, key_columns),
    information(
        "constraint_column_usage",
        CONSTRAINT_COLUMN_USAGE_COLUMNS,
        constrained_columns,
    ),
    information(
        "constraint_table_usage",
        CONSTRAINT_TABLE_USAGE_COLUMNS,
        no_rows,
    ),
    information("check_constraints", CHECK_CONSTRAINTS_COLUMNS, checks),
];

/// Constraints with their tables.
fn constraints<'a>(
    request: &'a CatalogRequest<'_>,
) -> impl Iterator<Item = (&'a CatalogRelation, &'a CatalogConstraint)> {
    let relations = request.relations.iter();
    relations.flat_map(|relation| {
        relation
            .constraints
            .iter()
            .map(move |each| (relation, each))
    })
}

/// Adds a row with the names of a constraint and its table.
fn push(
    request: &CatalogRequest<'_>,
    rows: &mut RowBuilder,
    relation: &CatalogRelation,
    constraint: &CatalogConstraint,
) {
    rows.push([
        ("constraint_catalog", request.context.database.into()),
        ("constraint_schema", relation.schema.clone().into()),
        ("constraint_name", constraint.name.clone().into()),
        ("table_catalog", request.context.database.into()),
        ("table_schema", relation.schema.clone().into()),
        ("table_name", relation.name.clone().into()),
    ]);
}

fn table_constraints(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for (relation, constraint) in constraints(request) {
        let kind = match constraint.kind {
            ConstraintKind::PrimaryKey => "PRIMARY KEY",
            ConstraintKind::Unique => "UNIQUE",
            ConstraintKind::Check => "CHECK",
        };
        push(request, &mut rows, relation, constraint);
        rows.extend([
            ("constraint_type", kind.into()),
            ("is_deferrable", "NO".into()),
            ("initially_deferred", "NO".into()),
            ("enforced", "YES".into()),
        ]);
        if constraint.kind == ConstraintKind::Unique {
            rows.extend([("nulls_distinct", "YES".into())]);
        }
    }
    rows.finish()
}

fn key_columns(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for (relation, constraint) in constraints(request) {
        for (column, position) in constraint.columns.iter().zip(1_i64..) {
            push(request, &mut rows, relation, constraint);
            rows.extend([
                ("column_name", column.clone().into()),
                ("ordinal_position", position.into()),
            ]);
        }
    }
    rows.finish()
}

fn constrained_columns(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for (relation, constraint) in constraints(request) {
        for column in &constraint.columns {
            push(request, &mut rows, relation, constraint);
            rows.extend([("column_name", column.clone().into())]);
        }
    }
    rows.finish()
}

fn checks(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for (relation, constraint) in constraints(request) {
        if let Some(condition) = &constraint.condition {
            push(request, &mut rows, relation, constraint);
            rows.extend([("check_clause", format!("({condition})").into())]);
        }
    }
    rows.finish()
}
