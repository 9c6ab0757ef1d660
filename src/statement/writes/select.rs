//! Syntax trees of the queries behind UPDATE, DELETE and MERGE.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
    With,
};

use crate::statement::syntax::{Parsed, all_of};
use crate::tables::ROW_ID;

/// Parts of a query.
pub struct SelectParts {
    pub with: Option<With>,
    pub items: Vec<Expr>,
    pub from: Vec<TableWithJoins>,
    pub condition: Option<Expr>,
}

impl SelectParts {
    /// The query. Its columns are named `c0`, `c1`, ...
    pub fn into_query(self) -> Parsed<Box<Query>> {
        let mut query = all_of(table_factor(ObjectName(Vec::new()), None))?;
        query.with = self.with;
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.from = self.from;
            select.selection = self.condition;
            let items = self.items.into_iter().enumerate();
            let items = items.map(|(at, expr)| SelectItem::ExprWithAlias {
                expr,
                alias: Ident::with_quote('"', format!("c{at}")),
            });
            select.projection = items.collect();
        }
        Ok(query)
    }
}

/// Item of FROM for a table.
pub fn table_factor(name: ObjectName, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// The id of a row of the table with this alias.
pub fn row_id(alias: &Ident) -> Expr {
    Expr::CompoundIdentifier(vec![alias.clone(), Ident::with_quote('"', ROW_ID)])
}

/// Whether a value is the keyword DEFAULT.
pub fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
}
