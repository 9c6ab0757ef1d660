//! Statements about Postgres' catalogue, which clients write in Postgres' SQL.
//! Whether a statement is one is decided on its syntax tree; any other one is
//! planned as it is.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::sql::parser::{ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArguments, Ident, ObjectName,
    Query, SelectItem, SetExpr, Statement as Ast, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use crate::error::Result;
use crate::statement::Statement;
use crate::statement::parsed::{Command, ConnectionCommand};
use crate::statement::parser;

/// Schemas of the catalogue.
const SCHEMAS: &[&str] = &["pg_catalog", "information_schema"];

/// Functions that are written without their schema and are about the catalogue,
/// besides those of [`CATALOG_REWRITES`].
const FUNCTIONS: &[&str] = &[
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

static POSTGRES_PARSER: LazyLock<PostgresCompatibilityParser> =
    LazyLock::new(PostgresCompatibilityParser::new);

/// Parses the statements of a client.
///
/// # Errors
/// As [`parser::parse`].
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    let statements = parser::parse_of_client(text)?;
    Ok(statements.into_iter().map(rewritten).collect())
}

/// The statement, in the engine's SQL where it is about the catalogue.
fn rewritten(mut statement: Statement) -> Statement {
    let text = statement.text.clone();
    match &mut statement.command {
        Command::Engine(engine) => rewrite(engine, Some(&text)),
        Command::Explain(explain) => rewrite_explained(explain),
        Command::Connection(ConnectionCommand::Declare { query, .. }) => rewrite_inner(query),
        Command::Connection(ConnectionCommand::CopyOut(copy)) => rewrite_inner(&mut copy.query),
        _ => {}
    }
    statement
}

fn rewrite_inner(statement: &mut Statement) {
    if let Command::Engine(engine) = &mut statement.command {
        rewrite(engine, None);
    }
}

fn rewrite_explained(explain: &mut ExplainStatement) {
    match explain.statement.as_mut() {
        EngineStatement::Explain(inner) => rewrite_explained(inner),
        engine => rewrite(engine, None),
    }
}

/// `text` is that of the whole statement, where it is known: the library has
/// replacements for texts that well-known clients send, and gives a tree again.
fn rewrite(engine: &mut EngineStatement, text: Option<&str>) {
    let EngineStatement::Statement(ast) = engine else {
        return;
    };
    if !is_about_catalog(ast) {
        return;
    }
    let known = text.and_then(|text| POSTGRES_PARSER.parse(&qualified(text)).ok());
    let mut catalog = match known.map(<[Ast; 1]>::try_from) {
        Some(Ok([ast])) => ast,
        _ => POSTGRES_PARSER.rewrite(ast.as_ref().clone()),
    };
    replace_functions(&mut catalog);
    **ast = catalog;
}

/// Whether a statement references relations or functions of the catalogue.
fn is_about_catalog(ast: &Ast) -> bool {
    struct References;

    impl Visitor for References {
        type Break = ();

        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            stop_if(is_relation_of_catalog(name))
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            stop_if(match expr {
                Expr::Function(function) => is_function_of_catalog(&function.name),
                Expr::Cast { data_type, .. } => is_type_of_catalog(data_type),
                Expr::BinaryOp { op, .. } => {
                    matches!(op, BinaryOperator::PGCustomBinaryOperator(_))
                }
                _ => false,
            })
        }
    }

    ast.visit(&mut References).is_break()
}

fn stop_if(found: bool) -> ControlFlow<()> {
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
        [.., schema, _] => is_of(SCHEMAS, schema),
        [] => false,
    }
}

fn is_function_of_catalog(name: &ObjectName) -> bool {
    match parts(name).as_slice() {
        [function] => {
            let rewrites = CATALOG_REWRITES.iter().map(|(name, _)| *name);
            // Those two are also ordinary SQL.
            let mut own = rewrites.filter(|name| !is_of(&["array", "generate_subscripts"], name));
            own.any(|name| name == function) || is_of(FUNCTIONS, function)
        }
        [.., schema, _] => is_of(SCHEMAS, schema),
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
            [.., schema, _] => is_of(SCHEMAS, schema),
            [] => false,
        },
        _ => false,
    }
}

/// `'pg_class'::regclass` with its schema, which Postgres finds by itself and
/// the parser does not; and functions by their names, which they are in the
/// catalogue here.
fn qualified(sql: &str) -> String {
    let sql = sql
        .replace("'::regproc", "'")
        .replace("'::pg_catalog.regproc", "'");
    const NAME: &str = "'pg_";
    let mut parts = sql.split(NAME);
    let mut whole = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let cast = part.split_once('\'').is_some_and(|(_, behind)| {
            behind.starts_with("::regclass") || behind.starts_with("::pg_catalog.regclass")
        });
        whole.push_str(if cast { "'pg_catalog.pg_" } else { NAME });
        whole.push_str(part);
    }
    whole
}

/// Functions of Postgres' catalogue, and what stands in their place: `{0}` is
/// the first argument, `{1}` the second. A function of ours could not read
/// tables; what there is nothing of is NULL.
const CATALOG_REWRITES: &[(&str, &str)] = &[
    (
        "obj_description",
        "(SELECT max(d.description) FROM pg_catalog.pg_description d WHERE d.objoid = {0} AND d.objsubid = 0)",
    ),
    (
        "col_description",
        "(SELECT max(d.description) FROM pg_catalog.pg_description d WHERE d.objoid = {0} AND d.objsubid = {1})",
    ),
    ("shobj_description", NO_TEXT),
    (
        "to_regclass",
        "(SELECT max(c.oid) FROM pg_catalog.pg_class c WHERE c.relname = {0})",
    ),
    (
        "to_regtype",
        "(SELECT max(t.oid) FROM pg_catalog.pg_type t WHERE t.typname = {0})",
    ),
    ("pg_size_pretty", NO_TEXT),
    ("pg_get_function_result", NO_TEXT),
    ("pg_get_function_arguments", NO_TEXT),
    ("pg_get_function_identity_arguments", NO_TEXT),
    ("pg_get_indexdef", NO_TEXT),
    ("pg_get_viewdef", NO_TEXT),
    ("pg_function_is_visible", "true"),
    ("pg_type_is_visible", "true"),
    ("pg_is_in_recovery", "false"),
    // What is in lists that indexes and constraints have; there are none.
    ("generate_subscripts", NO_NUMBER),
    (
        "_pg_expandarray",
        "named_struct('x', CAST(NULL AS INT), 'n', CAST(NULL AS INT))",
    ),
    // `ARRAY(SELECT ...)`: roles, members and options, of which there are none.
    ("array", NO_TEXT),
];

const NO_TEXT: &str = "CAST(NULL AS TEXT)";
const NO_NUMBER: &str = "CAST(NULL AS INT)";

/// Columns of the catalogue that are lists of columns, and text here.
const LISTS: &[&str] = &[
    "indkey",
    "indclass",
    "indoption",
    "indcollation",
    "conkey",
    "confkey",
];

/// Puts other expressions in the place of these functions.
fn replace_functions(statement: &mut Ast) {
    struct Replace;

    impl VisitorMut for Replace {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let other = match expr {
                Expr::Function(function) => {
                    forget_order(function);
                    in_place_of(function)
                }
                Expr::CompoundFieldAccess { root, access_chain } => field_of(root, access_chain),
                Expr::CompoundIdentifier(parts) => missing_column(parts),
                Expr::Subquery(query) => at_most_one(query),
                _ => None,
            };
            if let Some(other) = other {
                *expr = other;
            }
            ControlFlow::Continue(())
        }
    }

    let _ = statement.visit(&mut Replace);
}

fn in_place_of(function: &Function) -> Option<Expr> {
    let ObjectName(parts) = &function.name;
    let name = parts.last()?.as_ident()?.value.to_lowercase();
    let arguments: Vec<String> = match &function.args {
        FunctionArguments::List(list) => list.args.iter().map(ToString::to_string).collect(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => Vec::new(),
    };
    // psql joins options of tables with an array that it selects.
    let joined = name == "array_to_string"
        && arguments
            .iter()
            .any(|text| text.to_lowercase().contains("array("));
    let listed = name == "unnest"
        && arguments.iter().any(|text| {
            LISTS
                .iter()
                .any(|list| text.ends_with(&format!(".{list}")) || text == list)
        });
    let mut text = match (joined, listed) {
        (true, _) => "''".to_string(),
        (_, true) => NO_NUMBER.to_string(),
        _ => CATALOG_REWRITES
            .iter()
            .find(|(known, _)| *known == name)?
            .1
            .to_string(),
    };
    for (at, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{at}}}"), argument);
    }
    expression(&text)
}

/// `array_agg(x ORDER BY y)` of the columns of keys, of which there are none:
/// the engine has no plan for it beside other aggregates.
fn forget_order(function: &mut Function) {
    if function.name.to_string().eq_ignore_ascii_case("array_agg")
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.clear();
    }
}

/// A column that the catalogue lacks.
fn missing_column(parts: &[Ident]) -> Option<Expr> {
    let last = parts.last()?;
    last.value
        .eq_ignore_ascii_case("reloptions")
        .then(|| expression(NO_TEXT))?
}

/// `(row).field`, which the engine writes as a call, and `list[n]` of a list
/// that is text here.
fn field_of(row: &Expr, path: &[AccessExpr]) -> Option<Expr> {
    let mut name = row.to_string();
    for step in path {
        match step {
            AccessExpr::Dot(field) => name = field.to_string(),
            // Aliases of such columns end as they do.
            AccessExpr::Subscript(_) => {
                let name = name.to_lowercase();
                let listed = LISTS.iter().any(|list| name.ends_with(list));
                return listed.then(|| expression(NO_NUMBER))?;
            }
        }
    }
    let [AccessExpr::Dot(Expr::Identifier(field))] = path else {
        return None;
    };
    expression(&format!("get_field({row}, '{}')", field.value))
}

/// `(SELECT x FROM ... WHERE ...)` as `(SELECT max(x) ...)`: the engine wants to
/// see that a query which hangs on the row outside gives one value at most. In
/// the catalogue they look up one thing by its identifier.
fn at_most_one(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let [SelectItem::UnnamedExpr(value)] = select.projection.as_slice() else {
        return None;
    };
    if matches!(value, Expr::Function(_))
        || select.selection.is_none()
        || query.limit_clause.is_some()
    {
        return None;
    }
    let mut query = query.clone();
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(expression(&format!(
            "max({value})"
        ))?)];
    }
    Some(Expr::Subquery(Box::new(query)))
}

fn expression(text: &str) -> Option<Expr> {
    let parser = Parser::new(&PostgreSqlDialect {});
    parser.try_with_sql(text).ok()?.parse_expr().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, SessionOptions};
    use crate::statement::query;

    #[test]
    fn tables_of_the_catalogue_get_their_schema() {
        let sql =
            "SELECT 'pg_class'::regclass, 'pg_x', 'pg_type'::pg_catalog.regclass, 't'::regclass";
        let with = "SELECT 'pg_catalog.pg_class'::regclass, 'pg_x', 'pg_catalog.pg_type'::pg_catalog.regclass, 't'::regclass";
        assert_eq!(qualified(sql), with);
    }

    #[test]
    fn descriptions_are_looked_up_by_queries() {
        let sql = "SELECT pg_catalog.obj_description(c.oid, 'pg_class'), col_description(a.attrelid, a.attnum) FROM c, a";
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .unwrap()
            .remove(0);
        replace_functions(&mut statement);
        let written = statement.to_string();
        assert!(
            written.contains("d.objoid = c.oid AND d.objsubid = 0"),
            "{written}"
        );
        assert!(
            written.contains("d.objoid = a.attrelid AND d.objsubid = a.attnum"),
            "{written}"
        );
    }

    #[test]
    fn what_the_engine_does_not_know_is_written_otherwise() {
        let of = |sql: &str| {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
                .unwrap()
                .remove(0);
            replace_functions(&mut statement);
            statement.to_string()
        };
        assert_eq!(
            of("SELECT (SELECT c.relkind = 'c' FROM c WHERE c.oid = t.typrelid) FROM t"),
            "SELECT (SELECT max(c.relkind = 'c') FROM c WHERE c.oid = t.typrelid) FROM t"
        );
        assert_eq!(
            of("SELECT (a.keys).n FROM a"),
            "SELECT get_field((a.keys), 'n') FROM a"
        );
        assert_eq!(
            of("SELECT unnest(i.indkey) FROM i"),
            "SELECT CAST(NULL AS INT) FROM i"
        );
        assert_eq!(of("SELECT unnest(x) FROM i"), "SELECT unnest(x) FROM i");
        assert_eq!(
            of("SELECT i.indoption[1], t.I_INDOPTION[n - 1] FROM i"),
            "SELECT CAST(NULL AS INT), CAST(NULL AS INT) FROM i"
        );
        assert_eq!(
            of("SELECT array_agg(a.x ORDER BY a.y) FROM a"),
            "SELECT array_agg(a.x) FROM a"
        );
    }

    fn is_rewritten(sql: &str) -> bool {
        let before = parser::parse_of_client(sql).unwrap().remove(0);
        let after = parse(sql).unwrap().remove(0);
        let shown = |statement: &Statement| match &statement.command {
            Command::Engine(engine) => engine.to_string(),
            other => panic!("{sql}: {other:?}"),
        };
        shown(&before) != shown(&after)
    }

    #[test]
    fn statements_about_the_catalogue_are_told_by_their_trees() {
        for sql in [
            "SELECT array_agg(attname ORDER BY attnum) FROM pg_catalog.pg_attribute",
            "SELECT (SELECT typname FROM pg_type t WHERE t.oid = a.atttypid) FROM pg_attribute a",
            "SELECT obj_description(1, 'pg_class')",
        ] {
            assert!(is_rewritten(sql), "{sql}");
        }
        for sql in [
            "SELECT jpg_url, 'pg_class', \"to_reg\" FROM shop",
            "SELECT array_agg(x ORDER BY pg_rank) FROM shop -- pg_catalog.pg_class",
            "SELECT (SELECT price FROM shop s WHERE s.id = t.id) FROM shop t WHERE t.note = '::regclass'",
            "SELECT reloptions, (t.a).b FROM t",
            "SELECT ARRAY(SELECT 1)",
        ] {
            assert!(!is_rewritten(sql), "{sql}");
        }
    }

    /// Any statement that is not about the catalogue is planned unchanged.
    #[tokio::test]
    async fn other_statements_are_planned_unchanged() {
        const WORDS: &[&str] = &[
            "a",
            "jpg_url",
            "pg_rank",
            "'pg_class'",
            "array_agg(a ORDER BY pg_rank)",
            "count(*)",
            "(SELECT max(a) FROM t)",
            "(SELECT u.a FROM t u WHERE u.pg_rank = t.a LIMIT 1)",
            "a + 1",
            "upper(jpg_url)",
            "CASE WHEN a > 1 THEN jpg_url END",
            "[a, 2][1]",
            "NULL",
            "coalesce(reloptions, 'x')",
            "a::text",
            "'::regclass'",
            "current_schema_of",
        ];
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let table = "CREATE TABLE t AS SELECT 1 AS a, 'x' AS jpg_url, 2 AS pg_rank, 'y' AS reloptions, 'z' AS current_schema_of";
        crate::statement::run_text(&session, table).await.unwrap();
        let mut seed = 7u64;
        let mut next = |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let mut planned = 0;
        for _ in 0..300 {
            let columns: Vec<&str> = (0..1 + next(4)).map(|_| WORDS[next(WORDS.len())]).collect();
            let filter = WORDS[next(WORDS.len())];
            let sql = format!(
                "SELECT {} FROM t WHERE {filter} IS NOT NULL",
                columns.join(", ")
            );
            let direct = parser::parse(&sql).unwrap().remove(0);
            let client = parse(&sql).unwrap().remove(0);
            let direct = query::plan_of(&session, &direct).await;
            let client = query::plan_of(&session, &client).await;
            match (direct, client) {
                (Ok(direct), Ok(client)) => {
                    planned += 1;
                    assert_eq!(direct, client, "{sql}");
                }
                (Err(direct), Err(client)) => assert_eq!(direct.message, client.message, "{sql}"),
                (direct, client) => panic!("{sql}: {direct:?} and {client:?}"),
            }
        }
        assert!(planned > 50, "{planned}");
    }
}
