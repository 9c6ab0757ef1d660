//! References of statements to the catalogue.

use std::ops::ControlFlow;

use super::expressions::parts;
use super::functions::CATALOG_REWRITES;
use crate::serve::catalog::is_catalog_table;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, ObjectName, Statement as Ast, Visit, Visitor,
};

/// Schemas of the catalogue.
const CATALOG_SCHEMAS: &[&str] = &["pg_catalog", "information_schema"];

/// Whether a statement references relations, functions or types of the
/// catalogue.
pub fn references_catalog(ast: &Ast) -> bool {
    struct ReferenceFinder;

    impl Visitor for ReferenceFinder {
        type Break = ();

        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            break_if(is_relation_of_catalog(name))
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            break_if(match expr {
                Expr::Function(function) => is_function_of_catalog(&function.name),
                Expr::Cast { data_type, .. } => is_type_of_catalog(data_type),
                Expr::BinaryOp { op, .. } => {
                    matches!(op, BinaryOperator::PGCustomBinaryOperator(_))
                }
                _ => false,
            })
        }
    }

    ast.visit(&mut ReferenceFinder).is_break()
}

fn break_if(found: bool) -> ControlFlow<()> {
    match found {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

fn is_of(schemas: &[&str], name: &str) -> bool {
    schemas.contains(&name)
}

fn is_relation_of_catalog(name: &ObjectName) -> bool {
    match parts(name).as_slice() {
        [table] => is_catalog_table(table),
        [.., schema, _] => is_of(CATALOG_SCHEMAS, schema),
        [] => false,
    }
}

fn is_function_of_catalog(name: &ObjectName) -> bool {
    match parts(name).as_slice() {
        [function] => {
            // This one is also ordinary SQL.
            let rewrites = CATALOG_REWRITES.iter().map(|(name, _)| *name);
            let mut rewrites = rewrites.filter(|name| *name != "generate_subscripts");
            rewrites.any(|name| name == function)
        }
        [.., schema, _] => is_of(CATALOG_SCHEMAS, schema),
        [] => false,
    }
}

fn is_type_of_catalog(data_type: &DataType) -> bool {
    const TYPES: &[&str] = &[
        "regclass",
        "regtype",
        "regproc",
        "regprocedure",
        "regnamespace",
        "regrole",
        "regoper",
        "oid",
        "name",
    ];
    match data_type {
        DataType::Regclass => true,
        DataType::Custom(name, _) => match parts(name).as_slice() {
            [name] => is_of(TYPES, name),
            [.., schema, _] => is_of(CATALOG_SCHEMAS, schema),
            [] => false,
        },
        _ => false,
    }
}
