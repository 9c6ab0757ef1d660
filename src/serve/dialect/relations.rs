//! Names of the catalogue's tables and of their system columns.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Select, Statement, TableAlias, TableAliasColumnDef,
    TableFactor, VisitMut, VisitorMut,
};

use super::emptiness::{is_empty_list, unnested};
use super::expressions::{expression, folded, parts};
use crate::dialect;
use crate::serve::catalog::{catalog_table, is_catalog_table, is_information_view};

const CATALOG_SCHEMA: &str = "pg_catalog";
const INFORMATION_SCHEMA: &str = "information_schema";

/// Qualifies tables of the catalogue, and replaces their system columns.
///
/// `information_schema.tables` becomes `pg_catalog."information_schema.tables"`,
/// because the engine reserves the schema of that name.
pub fn qualify(statement: &mut Statement) {
    let _ = statement.visit(&mut RelationQualifier::default());
}

#[derive(Default)]
struct RelationQualifier {
    /// Aliases and tables of the enclosing selects, innermost last.
    scopes: Vec<Vec<(String, String)>>,
}

impl VisitorMut for RelationQualifier {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let scope = dialect::relations(&select.from).filter_map(alias_and_table);
        self.scopes.push(scope.collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let derived = unnest_without_rows(factor).or_else(|| function_without_rows(factor));
        let derived = derived.or_else(|| function_value(factor));
        if let Some(derived) = derived {
            *factor = derived;
        }
        if let TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } = factor
        {
            match parts(name).as_slice() {
                [table] if is_catalog_table(table) => *name = of_catalog(table),
                [.., schema, table]
                    if schema == INFORMATION_SCHEMA && is_information_view(table) =>
                {
                    *name = of_catalog(&format!("{INFORMATION_SCHEMA}.{table}"));
                    if alias.is_none() {
                        *alias = Some(alias_of(table));
                    }
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(names) = expr {
            match names.as_slice() {
                [schema, table, column] if folded(schema) == INFORMATION_SCHEMA => {
                    *expr = Expr::CompoundIdentifier(vec![table.clone(), column.clone()]);
                }
                [alias, column] => {
                    let (alias, column) = (folded(alias), folded(column));
                    if let Some(value) = self.system_column(&alias, &column) {
                        *expr = value;
                    }
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

impl RelationQualifier {
    /// Value of a system column of a table of the catalogue.
    fn system_column(&self, alias: &str, column: &str) -> Option<Expr> {
        let scopes = self.scopes.iter().rev();
        let table = scopes
            .flat_map(|scope| scope.iter())
            .find(|(known, _)| known == alias)
            .map(|(_, table)| table)?;
        match column {
            "tableoid" => expression(&catalog_table(table).unwrap_or(0).to_string()),
            "xmin" | "cmin" | "xmax" | "cmax" => expression("0"),
            _ => None,
        }
    }
}

/// Functions that give one value, which Postgres also accepts in FROM.
const VALUE_FUNCTIONS: &[&str] = &["current_schemas", "current_setting", "string_to_array"];

/// Functions of rows about objects that semql lacks, and their columns.
const EMPTY_FUNCTIONS: &[(&str, &str)] = &[
    ("pg_partition_ancestors", "CAST(NULL AS INT) AS relid"),
    (
        "pg_partition_tree",
        "CAST(NULL AS INT) AS relid, CAST(NULL AS INT) AS parentrelid, CAST(NULL AS BOOLEAN) AS isleaf, CAST(NULL AS INT) AS level",
    ),
    (
        "ts_token_type",
        "CAST(NULL AS INT) AS tokid, CAST(NULL AS TEXT) AS alias, CAST(NULL AS TEXT) AS description",
    ),
];

/// A query without rows in place of a function.
fn function_without_rows(factor: &TableFactor) -> Option<TableFactor> {
    let TableFactor::Table {
        name,
        alias,
        args: Some(_),
        ..
    } = factor
    else {
        return None;
    };
    let function = parts(name).pop()?;
    let (_, columns) = EMPTY_FUNCTIONS.iter().find(|(name, _)| *name == function)?;
    derived(
        &format!("(SELECT {columns} WHERE false)"),
        alias.clone().or_else(|| Some(alias_of(&function))),
    )
}

/// A query without rows in place of `unnest` of a list that never has elements.
fn unnest_without_rows(factor: &TableFactor) -> Option<TableFactor> {
    let lists = unnested(factor)?;
    if !lists.into_iter().any(is_empty_list) {
        return None;
    }
    let (TableFactor::Table { alias, .. }
    | TableFactor::UNNEST { alias, .. }
    | TableFactor::Function { alias, .. }) = factor
    else {
        return None;
    };
    let alias = alias.clone().unwrap_or_else(|| alias_of("unnest"));
    let mut names: Vec<String> = alias
        .columns
        .iter()
        .map(|column| column.name.to_string())
        .collect();
    if names.is_empty() {
        names.push(alias.name.to_string());
    }
    if names.len() == 1 {
        names.push("ordinality".to_string());
    }
    let columns = names
        .iter()
        .map(|name| format!("CAST(NULL AS BIGINT) AS {name}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let alias = TableAlias {
        columns: Vec::new(),
        ..alias
    };
    derived(&format!("(SELECT {columns} WHERE false)"), Some(alias))
}

fn derived(query: &str, alias: Option<TableAlias>) -> Option<TableFactor> {
    match expression(query)? {
        Expr::Subquery(subquery) => Some(TableFactor::Derived {
            lateral: false,
            subquery,
            alias,
            sample: None,
        }),
        _ => None,
    }
}

fn alias_of(name: &str) -> TableAlias {
    TableAlias {
        explicit: true,
        name: Ident::with_quote('"', name),
        columns: Vec::new(),
        at: None,
    }
}

/// A function in FROM with its alias: of one value, a query; of numbers, with the
/// alias as the name of its column, as in Postgres.
fn function_value(factor: &mut TableFactor) -> Option<TableFactor> {
    let TableFactor::Table {
        name,
        alias: Some(alias),
        args: Some(arguments),
        ..
    } = factor
    else {
        return None;
    };
    let function = parts(name).pop()?;
    if function == "generate_series" && alias.columns.is_empty() {
        alias.columns = vec![TableAliasColumnDef {
            name: alias.name.clone(),
            data_type: None,
        }];
    }
    if !VALUE_FUNCTIONS.contains(&function.as_str()) {
        return None;
    }
    let arguments: Vec<String> = arguments.args.iter().map(ToString::to_string).collect();
    let column = alias
        .columns
        .first()
        .map_or(&alias.name, |column| &column.name);
    let query = format!("(SELECT {function}({}) AS {column})", arguments.join(", "));
    derived(&query, Some(alias.clone()))
}

/// Alias and name of a table of the catalogue.
fn alias_and_table(factor: &TableFactor) -> Option<(String, String)> {
    let TableFactor::Table { name, alias, .. } = factor else {
        return None;
    };
    let parts = parts(name);
    let table = match parts.as_slice() {
        [table] if is_catalog_table(table) => table,
        [.., schema, table] if schema == CATALOG_SCHEMA => table,
        _ => return None,
    };
    let alias = match alias {
        Some(alias) => folded(&alias.name),
        None => table.clone(),
    };
    Some((alias, table.clone()))
}

fn of_catalog(table: &str) -> ObjectName {
    ObjectName(vec![
        ObjectNamePart::Identifier(Ident::new(CATALOG_SCHEMA)),
        ObjectNamePart::Identifier(Ident::with_quote('"', table)),
    ])
}
