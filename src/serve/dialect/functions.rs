//! Functions of the catalogue that read tables, as expressions.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArguments, Ident, Statement, Value, VisitMut, VisitorMut,
};

use super::expressions::{arguments, expression, folded, function_name};
use crate::serve::catalog::LIST_COLUMNS;

/// Functions of Postgres' catalogue, and the expressions that replace them:
/// `{0}` is the first argument, `{1}` the second. They are not functions of the
/// session, because those cannot read tables. NULL replaces features that semql lacks.
pub const CATALOG_REWRITES: &[(&str, &str)] = &[
    (
        "obj_description",
        "(SELECT max(found.description) FROM pg_catalog.pg_description found WHERE found.objoid = {0} AND found.objsubid = 0)",
    ),
    (
        "col_description",
        "(SELECT max(found.description) FROM pg_catalog.pg_description found WHERE found.objoid = {0} AND found.objsubid = {1})",
    ),
    (
        "pg_get_viewdef",
        "(SELECT max(found.definition) FROM pg_catalog.pg_view_definitions found WHERE found.oid = {0})",
    ),
    (
        "generate_subscripts",
        "unnest(range(1, CAST(cardinality({0}) AS BIGINT) + 1))",
    ),
    (
        "_pg_expandarray",
        "named_struct('x', unnest({0}), 'n', unnest(range(1, CAST(cardinality({0}) AS BIGINT) + 1)))",
    ),
];

/// Replaces functions and fields.
pub fn replace(statement: &mut Statement) {
    let _ = statement.visit(&mut FunctionReplacer);
}

struct FunctionReplacer;

impl VisitorMut for FunctionReplacer {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replacement = match expr {
            Expr::Function(function) => {
                drop_order(function);
                replacement_of(function)
            }
            // No table of the catalogue has a column of this name.
            Expr::Identifier(word)
                if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("user") =>
            {
                expression("current_user()")
            }
            Expr::BinaryOp { left, right, .. } => {
                if let Some(list) = list_of(left, right) {
                    **right = list;
                }
                None
            }
            Expr::CompoundFieldAccess { root, access_chain } => field_of(root, access_chain),
            _ => None,
        };
        if let Some(replacement) = replacement {
            *expr = replacement;
        }
        ControlFlow::Continue(())
    }
}

/// List of a text such as `'{0}'`, which is compared with a list column.
fn list_of(column: &Expr, text: &Expr) -> Option<Expr> {
    let name = match column {
        Expr::Identifier(name) => folded(name),
        Expr::CompoundIdentifier(names) => names.last().map(folded)?,
        _ => return None,
    };
    let (_, element) = LIST_COLUMNS.iter().find(|(known, _)| *known == name)?;
    let Expr::Value(value) = text else {
        return None;
    };
    let Value::SingleQuotedString(text) = &value.value else {
        return None;
    };
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let elements = inner.split(',').filter(|part| !part.is_empty());
    let elements: Vec<String> = match *element {
        "text" => elements
            .map(|part| format!("'{}'", part.replace('\'', "''")))
            .collect(),
        _ => elements
            .map(|part| part.trim().parse::<i64>().map(|number| number.to_string()))
            .collect::<Result<_, _>>()
            .ok()?,
    };
    expression(&format!("ARRAY[{}]", elements.join(", ")))
}

fn replacement_of(function: &Function) -> Option<Expr> {
    let name = function_name(function)?;
    let (_, text) = CATALOG_REWRITES.iter().find(|(known, _)| *known == name)?;
    let mut text = (*text).to_string();
    let arguments = arguments(function);
    if name == "obj_description" && arguments.len() == 2 {
        let class = "found.classoid = regclass_oid({1}) AND found.objsubid";
        text = text.replace("found.objsubid", class);
    }
    for (at, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{at}}}"), &argument.to_string());
    }
    expression(&text)
}

/// Drops ORDER BY from `array_agg(x ORDER BY y)`, which the engine cannot plan
/// beside other aggregates. In the catalogue it is over key columns, of which
/// there are none.
fn drop_order(function: &mut Function) {
    if function_name(function).as_deref() == Some("array_agg")
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.clear();
    }
}

/// Replacement of `(row).field`, a call in the engine, and of `alias.column[n]`.
fn field_of(row: &Expr, path: &[AccessExpr]) -> Option<Expr> {
    let element = |alias: &Ident, column: &Ident, rest: &[AccessExpr]| Expr::CompoundFieldAccess {
        root: Box::new(Expr::CompoundIdentifier(vec![
            alias.clone(),
            column.clone(),
        ])),
        access_chain: rest.to_vec(),
    };
    match (row, path) {
        (Expr::Identifier(alias), [AccessExpr::Dot(Expr::Identifier(column)), rest @ ..])
            if !rest.is_empty() =>
        {
            Some(element(alias, column, rest))
        }
        // The parser nests the subscript in the column.
        (
            Expr::Identifier(alias),
            [AccessExpr::Dot(Expr::CompoundFieldAccess { root, access_chain })],
        ) => match root.as_ref() {
            Expr::Identifier(column) => Some(element(alias, column, access_chain)),
            _ => None,
        },
        (_, [AccessExpr::Dot(Expr::Identifier(field))]) => {
            expression(&format!("get_field({row}, '{}')", field.value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn replaced(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .unwrap()
            .remove(0);
        replace(&mut statement);
        statement.to_string()
    }

    #[test]
    fn descriptions_are_subqueries() {
        let written = replaced(
            "SELECT pg_catalog.obj_description(c.oid, 'pg_class'), col_description(a.attrelid, a.attnum) FROM c, a",
        );
        assert!(
            written.contains(
                "found.objoid = c.oid AND found.classoid = regclass_oid('pg_class') AND found.objsubid = 0"
            ),
            "{written}"
        );
        assert!(
            written.contains("found.objoid = a.attrelid AND found.objsubid = a.attnum"),
            "{written}"
        );
    }

    #[test]
    fn fields_of_rows_are_calls() {
        assert_eq!(
            replaced("SELECT (a.keys).n FROM a"),
            "SELECT get_field((a.keys), 'n') FROM a"
        );
        assert!(replaced("SELECT i.indkey[0] FROM i").contains("i.indkey[0]"));
        assert_eq!(
            replaced("SELECT array_agg(a.x ORDER BY a.y), unnest(x) FROM a"),
            "SELECT array_agg(a.x), unnest(x) FROM a"
        );
    }
}
