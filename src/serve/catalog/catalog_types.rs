//! Columns of a query that have types of the catalogue: object identifiers and
//! vectors. Drivers decode `oid[]` without asking what it is, and read vectors as `1 2`.
//!
//! The tables store such values as integers without metadata, because unions, casts
//! and aggregates of the engine would lose it or refuse it. So the plan says where each
//! column comes from.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow_pg::datatypes::PG_OID_ALIAS_KEY;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::column_kinds::{INTEGER_COLUMNS, LIST_COLUMNS};
use super::install::session_table;
use super::oids::CATALOG_SCHEMA;
use super::static_tables::is_static;
use crate::serve::values::WIRE_TYPE_KEY;

/// Functions whose result is one of their arguments, or a list of them.
const SELECTING_FUNCTIONS: &[&str] = &[
    "array_element",
    "coalesce",
    "greatest",
    "least",
    "make_array",
    "nullif",
];

/// Aggregates whose result is a value of their argument, or a list of them.
const SELECTING_AGGREGATES: &[&str] = &["array_agg", "first_value", "last_value", "max", "min"];

/// Columns that are vectors in Postgres.
const VECTOR_COLUMNS: &[(&str, CatalogType)] = &[
    ("indclass", CatalogType::OidVector),
    ("indcollation", CatalogType::OidVector),
    ("indkey", CatalogType::Int2Vector),
    ("indoption", CatalogType::Int2Vector),
    ("partattrs", CatalogType::Int2Vector),
    ("partclass", CatalogType::OidVector),
    ("partcollation", CatalogType::OidVector),
    ("proargtypes", CatalogType::OidVector),
    ("stxkeys", CatalogType::Int2Vector),
    ("tgattr", CatalogType::Int2Vector),
];

/// Type of a column of the catalogue that its Arrow type does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CatalogType {
    /// An identifier, or a list of them.
    Oid,
    OidVector,
    Int2Vector,
}

/// Marks the columns of a plan's rows that have types of the catalogue.
pub fn mark(plan: &LogicalPlan, schema: &Schema) -> Schema {
    let fields = schema.fields().iter().enumerate().map(|(at, field)| {
        let found = match has_integers(field.data_type()) {
            true => type_of_output(plan, at),
            false => None,
        };
        let marked = found.and_then(|found| marked(field, found));
        marked.map_or_else(|| Arc::clone(field), Arc::new)
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn has_integers(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(element) => {
            matches!(element.data_type(), DataType::Int16 | DataType::Int32)
        }
        other => other == &DataType::Int32,
    }
}

fn marked(field: &Field, found: CatalogType) -> Option<Field> {
    let metadata = |key: &str, value: &str| HashMap::from([(key.to_string(), value.to_string())]);
    let oid = metadata(PG_OID_ALIAS_KEY, "oid");
    match (field.data_type(), found) {
        (DataType::List(_), CatalogType::OidVector) => Some(
            field
                .clone()
                .with_metadata(metadata(WIRE_TYPE_KEY, "oidvector")),
        ),
        (DataType::List(_), CatalogType::Int2Vector) => Some(
            field
                .clone()
                .with_metadata(metadata(WIRE_TYPE_KEY, "int2vector")),
        ),
        (DataType::List(element), CatalogType::Oid) => {
            let element = element.as_ref().clone().with_metadata(oid);
            Some(
                field
                    .clone()
                    .with_data_type(DataType::List(Arc::new(element))),
            )
        }
        (_, CatalogType::Int2Vector) => None,
        _ if field.metadata().contains_key(PG_OID_ALIAS_KEY) => None,
        _ => Some(field.clone().with_metadata(oid)),
    }
}

/// Type of a column of a plan, by the column that it comes from.
fn type_of_output(plan: &LogicalPlan, at: usize) -> Option<CatalogType> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let field = scan.projected_schema.fields().get(at)?;
            match scan.table_name.schema() {
                Some(CATALOG_SCHEMA) => type_of_column(scan.table_name.table(), field.name()),
                _ => None,
            }
        }
        LogicalPlan::Projection(node) => type_of(&node.input, node.expr.get(at)?),
        LogicalPlan::Aggregate(node) => {
            let mut outputs = node.group_expr.iter().chain(&node.aggr_expr);
            type_of(&node.input, outputs.nth(at)?)
        }
        LogicalPlan::Window(node) => match at < node.input.schema().fields().len() {
            true => type_of_output(&node.input, at),
            false => None,
        },
        LogicalPlan::Join(node) => {
            let left = node.left.schema().fields().len();
            match at.checked_sub(left) {
                Some(at) => type_of_output(&node.right, at),
                None => type_of_output(&node.left, at),
            }
        }
        LogicalPlan::Union(node) => {
            let mut inputs = node.inputs.iter();
            inputs.find_map(|input| type_of_output(input, at))
        }
        LogicalPlan::RecursiveQuery(node) => type_of_output(&node.static_term, at),
        LogicalPlan::Distinct(Distinct::All(input)) => type_of_output(input, at),
        LogicalPlan::Distinct(Distinct::On(node)) => {
            type_of(&node.input, node.select_expr.get(at)?)
        }
        LogicalPlan::SubqueryAlias(node) => type_of_output(&node.input, at),
        LogicalPlan::Filter(node) => type_of_output(&node.input, at),
        LogicalPlan::Sort(node) => type_of_output(&node.input, at),
        LogicalPlan::Limit(node) => type_of_output(&node.input, at),
        _ => None,
    }
}

/// Type of an expression over the rows of a plan.
fn type_of(input: &LogicalPlan, expr: &Expr) -> Option<CatalogType> {
    let first = |exprs: &[Expr]| exprs.iter().find_map(|expr| type_of(input, expr));
    match expr {
        Expr::Column(column) => {
            let at = input.schema().index_of_column(column).ok()?;
            type_of_output(input, at)
        }
        Expr::Alias(alias) => type_of(input, &alias.expr),
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, result)| result);
            let mut results = results.chain(&case.else_expr);
            results.find_map(|result| type_of(input, result))
        }
        Expr::ScalarFunction(call) if SELECTING_FUNCTIONS.contains(&call.func.name()) => {
            first(&call.args)
        }
        Expr::AggregateFunction(call) if SELECTING_AGGREGATES.contains(&call.func.name()) => {
            first(&call.params.args)
        }
        Expr::ScalarSubquery(query) => type_of_output(&query.subquery, 0),
        _ => None,
    }
}

/// Type of a column of a table of the catalogue.
fn type_of_column(table: &str, column: &str) -> Option<CatalogType> {
    if let Some((_, vector)) = VECTOR_COLUMNS.iter().find(|(name, _)| *name == column) {
        return Some(*vector);
    }
    let is_oid = match session_table(CATALOG_SCHEMA, table) {
        Some(table) => {
            let mut columns = table.columns.split(',').map(str::split_whitespace);
            columns.any(|mut words| {
                words.next() == Some(column) && matches!(words.next(), Some("oid" | "oid[]"))
            })
        }
        None if !is_static(table) => false,
        None => match LIST_COLUMNS.iter().find(|(list, _)| *list == column) {
            Some((_, element)) => *element == "oid",
            None => !INTEGER_COLUMNS.contains(&column),
        },
    };
    is_oid.then_some(CatalogType::Oid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_tables_are_known() {
        for (table, column, expected) in [
            ("pg_class", "oid", Some(CatalogType::Oid)),
            ("pg_class", "relpages", None),
            ("pg_type", "typelem", Some(CatalogType::Oid)),
            ("pg_type", "typtypmod", None),
            ("pg_constraint", "confkey", None),
            ("pg_index", "indclass", Some(CatalogType::OidVector)),
            ("pg_index", "indkey", Some(CatalogType::Int2Vector)),
            ("products", "oid", None),
        ] {
            assert_eq!(type_of_column(table, column), expected, "{table}.{column}");
        }
    }
}
