//! Constraints of CREATE TABLE and ALTER TABLE.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, IndexColumn, NullsDistinctOption, TableConstraint,
};

use crate::error::{ErrorKind, Result, ShellError};
use crate::statement::syntax::folded;
use crate::tables::ForeignKeyRule;

/// Constraint of a statement, before its columns are known.
#[derive(Clone, Debug)]
pub enum DeclaredConstraint {
    Key {
        name: Option<String>,
        columns: Vec<String>,
        primary: bool,
    },
    Check {
        name: Option<String>,
        /// Column of a check beside its column.
        column: Option<String>,
        condition: Box<Expr>,
    },
    ForeignKey(ForeignKeyRule),
}

/// The constraint of a table.
///
/// # Errors
/// Kinds of constraints that Postgres lacks; keys over expressions.
pub fn of_table(constraint: TableConstraint) -> Result<DeclaredConstraint> {
    match constraint {
        TableConstraint::PrimaryKey(key) => Ok(DeclaredConstraint::Key {
            name: key.name.map(folded),
            columns: columns(key.columns)?,
            primary: true,
        }),
        TableConstraint::Unique(key) => {
            check_nulls(&key.nulls_distinct)?;
            Ok(DeclaredConstraint::Key {
                name: key.name.map(folded),
                columns: columns(key.columns)?,
                primary: false,
            })
        }
        TableConstraint::Check(check) => Ok(DeclaredConstraint::Check {
            name: check.name.map(folded),
            column: None,
            condition: check.expr,
        }),
        TableConstraint::ForeignKey(key) => {
            let sql = key.to_string();
            let name = key.name.map(folded);
            Ok(DeclaredConstraint::ForeignKey(ForeignKeyRule { name, sql }))
        }
        other => Err(not_supported(&other.to_string())),
    }
}

/// Refuses `NULLS NOT DISTINCT`.
///
/// # Errors
/// [`ErrorKind::NotSupported`].
pub fn check_nulls(nulls: &NullsDistinctOption) -> Result<()> {
    match nulls {
        NullsDistinctOption::NotDistinct => Err(not_supported("UNIQUE NULLS NOT DISTINCT")),
        NullsDistinctOption::None | NullsDistinctOption::Distinct => Ok(()),
    }
}

fn columns(columns: Vec<IndexColumn>) -> Result<Vec<String>> {
    let name = |column: IndexColumn| match column.column.expr {
        Expr::Identifier(name) => Ok(folded(name)),
        other => Err(not_supported(&format!("a key over the expression {other}"))),
    };
    columns.into_iter().map(name).collect()
}

/// The name of a constraint in front of a column's option.
pub fn named(name: Option<Ident>) -> Option<String> {
    name.map(folded)
}

fn not_supported(what: &str) -> ShellError {
    ShellError::of_kind(ErrorKind::NotSupported, format!("{what} is not supported"))
}
