//! Functions of several rows, where the engine has a list in their place: in select lists, and
//! in FROM with columns of other relations or `WITH ORDINALITY`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Interval, ObjectName, Query, Select, SelectItem,
    TableAlias, TableAliasColumnDef, TableFactor, visit_expressions,
};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::SemqlDialect;
use super::expressions::{argument_expr, call, folded, function_name, literal_text, relations};
use super::numbers::take;

/// Functions that are arrays in the engine, and rows in Postgres: name, and name of the
/// column.
const ROW_FUNCTIONS: &[(&str, &str)] = &[
    ("json_array_elements", "value"),
    ("json_array_elements_text", "value"),
    ("json_object_keys", "json_object_keys"),
    ("jsonb_array_elements", "value"),
    ("jsonb_array_elements_text", "value"),
    ("jsonb_object_keys", "jsonb_object_keys"),
];

/// Functions of series: arrays in the engine, and also relations where no bound is a column.
const SERIES: &[(&str, &str)] = &[("generate_series", "generate_series"), ("range", "range")];

/// The function of the elements of arrays, and the name of its column.
const UNNEST: &str = "unnest";

/// The column with the number of a row.
const ORDINALITY: &str = "ordinality";

/// Makes `SELECT generate_series(a, b)` the rows of the series.
pub fn series_as_rows(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
        && let Expr::Function(function) = expr
        && let Some(name) = function_name(function)
        && (name == SERIES[0].0 || ROW_FUNCTIONS.iter().any(|(known, _)| *known == name))
    {
        *expr = call(UNNEST, vec![take(expr)]);
    }
}

/// Names the column of a series after the relation where the query does: `SELECT i FROM
/// generate_series(1, 3) AS i`. Elsewhere it is the engine's `value`.
pub fn name_series(select: &mut Select) {
    let is_column = |name: &String| {
        let found = visit_expressions(&*select, |expr| match expr {
            Expr::Identifier(column) if folded(column) == *name => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    };
    let aliases = relations(&select.from).filter_map(series_alias);
    let names = aliases.map(|alias| folded(&alias.name));
    let names: Vec<String> = names.filter(is_column).collect();
    for from in &mut select.from {
        let joined = from.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut from.relation).chain(joined) {
            if series_alias(factor).is_some_and(|alias| names.contains(&folded(&alias.name)))
                && let TableFactor::Table {
                    alias: Some(alias), ..
                } = factor
            {
                alias.columns = vec![named_column(alias.name.clone())];
            }
        }
    }
}

/// The alias of a series, if it names no column.
fn series_alias(factor: &TableFactor) -> Option<&TableAlias> {
    match factor {
        TableFactor::Table {
            name,
            args: Some(_),
            alias: Some(alias),
            with_ordinality: false,
            ..
        } if alias.columns.is_empty()
            && SERIES.iter().any(|(series, _)| is_named(name, series)) =>
        {
            Some(alias)
        }
        _ => None,
    }
}

/// Replaces a function of rows by relations that the engine plans.
///
/// # Errors
/// Those of the parser, for the templates of this file.
pub fn planned_rows(factor: &mut TableFactor) -> Result<(), ParserError> {
    rows_of_array(factor);
    name_elements(factor);
    if let Some(numbered) = numbered(factor)? {
        *factor = numbered;
    }
    Ok(())
}

/// Reads the step of `generate_series(start, end, '1 day')` in FROM as an interval.
pub fn step_as_interval(factor: &mut TableFactor) {
    let TableFactor::Table {
        name,
        args: Some(arguments),
        ..
    } = factor
    else {
        return;
    };
    if !is_named(name, SERIES[0].0) {
        return;
    }
    if let [_, _, FunctionArg::Unnamed(FunctionArgExpr::Expr(step))] = arguments.args.as_mut_slice()
        && literal_text(step).is_some()
    {
        *step = Expr::Interval(Interval {
            value: Box::new(take(step)),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        });
    }
}

/// Makes the rows of a function those of its array: of `LATERAL unnest(array)`, of
/// `json_array_elements(json)`, and of `generate_series(1, t.n)`.
fn rows_of_array(factor: &mut TableFactor) {
    let (name, arguments, alias, with_ordinality, is_lateral) = match factor {
        TableFactor::Table {
            name,
            args: Some(arguments),
            alias,
            with_ordinality,
            sample: None,
            ..
        } => (name, &arguments.args, alias, *with_ordinality, false),
        TableFactor::Function {
            name,
            args,
            alias,
            with_ordinality,
            ..
        } => (name, &*args, alias, *with_ordinality, true),
        _ => return,
    };
    let values = || {
        arguments
            .iter()
            .filter_map(argument_expr)
            .cloned()
            .collect()
    };
    let mut series = SERIES.iter().chain(ROW_FUNCTIONS);
    let (array_exprs, column) = match series.find(|(known, _)| is_named(name, known)) {
        Some((function, column)) => {
            let is_relation = SERIES.iter().any(|(series, _)| series == function);
            if is_relation && !is_lateral && !arguments.iter().any(has_column) {
                return;
            }
            (vec![call(function, values())], *column)
        }
        None if is_named(name, UNNEST) => (values(), UNNEST),
        None => return,
    };
    let alias = alias.take().unwrap_or_else(|| {
        let ordinality = with_ordinality.then_some(ORDINALITY);
        let columns = [column].into_iter().chain(ordinality);
        TableAlias {
            columns: columns.map(|name| named_column(Ident::new(name))).collect(),
            ..named(column)
        }
    });
    *factor = TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs,
        with_offset: false,
        with_offset_alias: None,
        with_ordinality,
    };
}

fn is_named(name: &ObjectName, known: &str) -> bool {
    let name = name.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| name.value.eq_ignore_ascii_case(known))
}

fn has_column(argument: &FunctionArg) -> bool {
    let found = visit_expressions(argument, |expr| match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Names the column of the elements of one array after the relation, as Postgres does.
fn name_elements(factor: &mut TableFactor) {
    let TableFactor::UNNEST {
        alias,
        array_exprs,
        with_ordinality: false,
        ..
    } = factor
    else {
        return;
    };
    if array_exprs.len() == 1 {
        let alias = alias.get_or_insert_with(|| named(UNNEST));
        if alias.columns.is_empty() {
            alias.columns = vec![named_column(alias.name.clone())];
        }
    }
}

fn named(name: &str) -> TableAlias {
    TableAlias {
        explicit: false,
        name: Ident::new(name),
        columns: Vec::new(),
        at: None,
    }
}

fn named_column(name: Ident) -> TableAliasColumnDef {
    TableAliasColumnDef {
        name,
        data_type: None,
    }
}

/// The rows of a function `WITH ORDINALITY`, with their numbers as the last column.
fn numbered(factor: &mut TableFactor) -> Result<Option<TableFactor>, ParserError> {
    let (sql, alias) = match factor {
        TableFactor::UNNEST {
            alias,
            array_exprs,
            with_ordinality: true,
            ..
        } => {
            let relation = alias.as_ref().map(|alias| alias.name.clone());
            let relation = relation.unwrap_or_else(|| Ident::new(UNNEST));
            let columns = array_exprs.iter().enumerate().map(|(at, array)| match at {
                0 => format!("unnest({array}) AS {relation}"),
                _ => format!("unnest({array}) AS {UNNEST}_{at}"),
            });
            let lengths = array_exprs.iter();
            let lengths = lengths.map(|array| format!("coalesce(array_length({array}), 0)"));
            let sql = format!(
                "SELECT {}, unnest(generate_series(1, CAST(greatest({}) AS BIGINT))) AS {ORDINALITY}",
                columns.collect::<Vec<_>>().join(", "),
                lengths.collect::<Vec<_>>().join(", ")
            );
            (sql, alias.take())
        }
        TableFactor::Table {
            alias,
            args: Some(_),
            with_ordinality,
            ..
        } if *with_ordinality => {
            *with_ordinality = false;
            let alias = alias.take();
            let sql = format!("SELECT *, row_number() OVER () AS {ORDINALITY} FROM {factor}");
            (sql, alias)
        }
        _ => return Ok(None),
    };
    Ok(Some(TableFactor::Derived {
        lateral: true,
        subquery: Box::new(query(&sql)?),
        alias,
        sample: None,
    }))
}

fn query(sql: &str) -> Result<Query, ParserError> {
    let parser = Parser::new(&SemqlDialect);
    parser.try_with_sql(sql)?.parse_query().map(|query| *query)
}
