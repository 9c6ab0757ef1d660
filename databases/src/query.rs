//! The SQL that reads a table.

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::unparser::Unparser;
use datafusion::sql::unparser::dialect::Dialect;

use crate::address::TableName;

/// Column of a query.
pub struct SelectedColumn<'a> {
    pub name: &'a str,
    /// The type of the database that its values are cast to.
    pub cast: Option<&'a str>,
}

impl SelectedColumn<'_> {
    pub fn sql(&self, dialect: &dyn Dialect) -> String {
        let name = quoted(dialect, self.name);
        match self.cast {
            Some(data_type) => format!("CAST({name} AS {data_type})"),
            None => name,
        }
    }
}

/// A name as the dialect quotes it.
pub fn quoted(dialect: &dyn Dialect, name: &str) -> String {
    match dialect.identifier_quote_style(name) {
        Some(quote) => Ident::with_quote(quote, name).to_string(),
        None => Ident::new(name).to_string(),
    }
}

/// The quoted name of a table, with its schema if it is given.
pub fn table_name(dialect: &dyn Dialect, table: &TableName) -> String {
    let name = quoted(dialect, &table.table);
    match &table.schema {
        Some(schema) => format!("{}.{name}", quoted(dialect, schema)),
        None => name,
    }
}

/// `SELECT columns FROM table [WHERE filters] [LIMIT limit]`. Without columns, a constant
/// stands for each row.
///
/// # Errors
/// A filter that the dialect does not express.
pub fn select(
    dialect: &dyn Dialect,
    table: &TableName,
    columns: &[SelectedColumn<'_>],
    filters: &[Expr],
    limit: Option<usize>,
) -> Result<String> {
    let mut sql = String::from("SELECT ");
    match columns {
        [] => sql.push('1'),
        columns => {
            let columns: Vec<String> = columns.iter().map(|column| column.sql(dialect)).collect();
            sql.push_str(&columns.join(", "));
        }
    }
    sql.push_str(" FROM ");
    sql.push_str(&table_name(dialect, table));
    let unparser = Unparser::new(dialect);
    for (at, filter) in filters.iter().enumerate() {
        let filter = unqualified(filter.clone())?;
        sql.push_str(if at == 0 { " WHERE " } else { " AND " });
        sql.push_str(&unparser.expr_to_sql(&filter)?.to_string());
    }
    if let Some(limit) = limit {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    Ok(sql)
}

/// Columns without the name of the table, which may be an alias of the query.
fn unqualified(filter: Expr) -> Result<Expr> {
    let plain = filter.transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(plain.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};
    use datafusion::sql::unparser::dialect::PostgreSqlDialect;

    #[test]
    fn names_and_texts_are_quoted() {
        let table = TableName {
            schema: Some("Sales".to_string()),
            table: "odd\"name".to_string(),
        };
        let filters = [
            col("t.a").eq(lit("it's")),
            col("b").gt(lit(3_i64)).or(col("b").is_null()),
        ];
        let sql = select(
            &PostgreSqlDialect {},
            &table,
            &[
                SelectedColumn {
                    name: "a",
                    cast: None,
                },
                SelectedColumn {
                    name: "B",
                    cast: Some("text"),
                },
            ],
            &filters,
            Some(5),
        )
        .unwrap();
        assert_eq!(
            sql,
            "SELECT \"a\", CAST(\"B\" AS text) FROM \"Sales\".\"odd\"\"name\" WHERE (\"a\" = 'it''s') AND \
             ((\"b\" > 3) OR \"b\" IS NULL) LIMIT 5"
        );
    }

    #[test]
    fn rows_without_columns_are_constants() {
        let table = TableName::parse("t").unwrap();
        let sql = select(&PostgreSqlDialect {}, &table, &[], &[], None).unwrap();
        assert_eq!(sql, "SELECT 1 FROM \"t\"");
    }
}
