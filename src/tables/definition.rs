//! Definition of a table: columns with their rules, keys and checks.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Constraint, Constraints};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

use super::identity::{IdentityKind, IdentitySequence};

/// Maximum length of the texts of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxLength {
    pub characters: usize,
    /// Type in the words of Postgres, such as `character varying(20)`.
    pub declared: String,
}

/// Rules of a column beside its type.
#[derive(Clone, Debug, Default)]
pub struct ColumnRule {
    /// Value of rows that are inserted without one; NULL for `None`.
    pub default: Option<Expr>,
    /// The default as SQL.
    pub default_sql: Option<String>,
    pub max_length: Option<MaxLength>,
    /// Type in the words of Postgres, such as `uuid`, if another type stores it.
    pub declared: Option<String>,
    pub identity: Option<(IdentityKind, Arc<IdentitySequence>)>,
}

/// Primary key or unique constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRule {
    pub name: String,
    /// Positions in the schema.
    pub columns: Vec<usize>,
    pub primary: bool,
}

/// Foreign key, for the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeyRule {
    pub name: Option<String>,
    pub sql: String,
}

/// Check constraint.
#[derive(Clone, Debug)]
pub struct CheckRule {
    pub name: String,
    /// The condition as SQL.
    pub sql: String,
    pub expr: Expr,
    /// The condition over batches with the table's schema.
    pub condition: Arc<dyn PhysicalExpr>,
}

/// Definition of a table.
#[derive(Clone, Debug)]
pub struct TableDefinition {
    pub schema: SchemaRef,
    /// One for each field of the schema.
    pub columns: Vec<ColumnRule>,
    pub keys: Vec<KeyRule>,
    pub checks: Vec<CheckRule>,
    /// Rows are not checked against them.
    pub foreign_keys: Vec<ForeignKeyRule>,
}

impl TableDefinition {
    /// Definition without rules.
    pub fn of_schema(schema: SchemaRef) -> Self {
        let columns = vec![ColumnRule::default(); schema.fields().len()];
        Self {
            schema,
            columns,
            keys: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
        }
    }

    /// Keys in the form of the engine.
    pub fn constraints(&self) -> Constraints {
        let keys = self.keys.iter().map(|key| match key.primary {
            true => Constraint::PrimaryKey(key.columns.clone()),
            false => Constraint::Unique(key.columns.clone()),
        });
        Constraints::new_unverified(keys.collect())
    }

    /// Names of the columns of a key, for messages.
    pub fn column_names(&self, key: &KeyRule) -> String {
        let names = key.columns.iter().map(|at| self.schema.field(*at).name());
        names.cloned().collect::<Vec<_>>().join(", ")
    }
}
