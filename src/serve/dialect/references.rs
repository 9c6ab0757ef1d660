//! References of statements to the catalogue.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, ObjectName, Statement as Ast, Visit, Visitor,
};
use datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;

use super::rewrites::CATALOG_REWRITES;

/// Schemas of the catalogue.
const CATALOG_SCHEMAS: &[&str] = &["pg_catalog", "information_schema"];

/// Functions of the catalogue that need no schema and no rewrite.
const CATALOG_FUNCTIONS: &[&str] = &[
    "current_schema",
    "current_schemas",
    "format_type",
    "pg_get_expr",
    "pg_get_userbyid",
    "pg_table_is_visible",
    "pg_get_constraintdef",
    "pg_encoding_to_char",
    "pg_backend_pid",
    "pg_relation_is_publishable",
];

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

/// The parts of a name, in lower case.
fn parts(name: &ObjectName) -> Vec<String> {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    parts.map(|part| part.value.to_lowercase()).collect()
}

fn is_of(schemas: &[&str], name: &str) -> bool {
    schemas.contains(&name)
}

fn is_relation_of_catalog(name: &ObjectName) -> bool {
    match parts(name).as_slice() {
        [table] => PG_CATALOG_TABLES.contains(&table.as_str()),
        [.., schema, _] => is_of(CATALOG_SCHEMAS, schema),
        [] => false,
    }
}

fn is_function_of_catalog(name: &ObjectName) -> bool {
    match parts(name).as_slice() {
        [function] => {
            let rewrites = CATALOG_REWRITES.iter().map(|(name, _)| *name);
            // These two are also ordinary SQL.
            let mut rewrites =
                rewrites.filter(|name| !is_of(&["array", "generate_subscripts"], name));
            rewrites.any(|name| name == function) || is_of(CATALOG_FUNCTIONS, function)
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
