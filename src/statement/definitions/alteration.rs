//! Definition of a table while it is altered, and the values of its columns in terms
//! of the table before.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::Expr;

use super::constraint_rules::DeclaredConstraint;
use super::table_definition::{check_rule, check_unique, constrain};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::tables::{ColumnRule, ForeignKeyRule, TableDefinition};

/// Column of the altered table.
pub struct AlteredColumn {
    pub field: Field,
    pub rule: ColumnRule,
    /// Its value, over the columns of the table before.
    pub value: Expr,
}

struct AlteredKey {
    name: String,
    columns: Vec<String>,
    primary: bool,
}

struct AlteredCheck {
    name: String,
    sql: String,
    expr: Expr,
}

/// Table that is altered.
pub struct Alteration {
    table: String,
    columns: Vec<AlteredColumn>,
    keys: Vec<AlteredKey>,
    checks: Vec<AlteredCheck>,
    foreign_keys: Vec<ForeignKeyRule>,
    added: Vec<DeclaredConstraint>,
}

impl Alteration {
    /// The table before any change.
    pub fn of(table: &str, definition: &TableDefinition) -> Self {
        let fields = definition.schema.fields();
        let columns = fields.iter().zip(&definition.columns);
        let columns = columns.map(|(field, rule)| AlteredColumn {
            field: field.as_ref().clone(),
            rule: rule.clone(),
            value: Expr::Column(Column::new_unqualified(field.name())),
        });
        let keys = definition.keys.iter().map(|key| AlteredKey {
            name: key.name.clone(),
            columns: key
                .columns
                .iter()
                .map(|at| fields[*at].name().clone())
                .collect(),
            primary: key.primary,
        });
        let checks = definition.checks.iter().map(|check| AlteredCheck {
            name: check.name.clone(),
            sql: check.sql.clone(),
            expr: check.expr.clone(),
        });
        Self {
            table: table.to_string(),
            columns: columns.collect(),
            keys: keys.collect(),
            checks: checks.collect(),
            foreign_keys: definition.foreign_keys.clone(),
            added: Vec::new(),
        }
    }

    pub fn has_column(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.field.name() == name)
    }

    /// The column of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UndefinedColumn`].
    pub fn column(&mut self, name: &str) -> Result<&mut AlteredColumn> {
        let mut columns = self.columns.iter_mut();
        let found = columns.find(|column| column.field.name() == name);
        found.ok_or_else(|| undefined(&self.table, name))
    }

    pub fn add_column(&mut self, column: AlteredColumn) {
        self.columns.push(column);
    }

    pub fn add_constraint(&mut self, constraint: DeclaredConstraint) {
        self.added.push(constraint);
    }

    /// Removes a column with the constraints over it.
    ///
    /// # Errors
    /// A column that does not exist; the last one.
    pub fn drop_column(&mut self, name: &str) -> Result<()> {
        self.column(name)?;
        if self.columns.len() == 1 {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!(
                    "cannot drop column '{name}', the last one of table '{}'; DROP TABLE removes the table",
                    self.table
                ),
            ));
        }
        self.columns.retain(|column| column.field.name() != name);
        self.keys
            .retain(|key| !key.columns.iter().any(|column| column == name));
        let names =
            |check: &AlteredCheck| check.expr.column_refs().iter().any(|it| it.name == name);
        self.checks.retain(|check| !names(check));
        Ok(())
    }

    /// Gives a column another name, also in constraints.
    ///
    /// # Errors
    /// A column that does not exist; a name that does.
    pub fn rename_column(&mut self, old: &str, new: &str) -> Result<()> {
        if self.has_column(new) {
            return Err(ShellError::of_kind(
                ErrorKind::DuplicateColumn,
                format!("column '{new}' of table '{}' already exists", self.table),
            ));
        }
        let column = self.column(old)?;
        column.field = column.field.clone().with_name(new);
        let keys = self.keys.iter_mut().flat_map(|key| &mut key.columns);
        for column in keys.filter(|column| *column == old) {
            *column = new.to_string();
        }
        for check in &mut self.checks {
            let renamed = check.expr.clone().transform(|expr| match expr {
                Expr::Column(column) if column.name == old => {
                    let column = Column::new_unqualified(new);
                    Ok(Transformed::yes(Expr::Column(column)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            if renamed.transformed {
                check.sql = renamed.data.to_string();
                check.expr = renamed.data;
            }
        }
        Ok(())
    }

    /// Removes a constraint.
    ///
    /// # Errors
    /// A constraint that does not exist.
    pub fn drop_constraint(&mut self, name: &str, if_exists: bool) -> Result<()> {
        let before = self.keys.len() + self.checks.len() + self.foreign_keys.len();
        self.keys.retain(|key| key.name != name);
        self.checks.retain(|check| check.name != name);
        self.foreign_keys
            .retain(|key| key.name.as_deref() != Some(name));
        let after = self.keys.len() + self.checks.len() + self.foreign_keys.len();
        match before == after && !if_exists {
            true => Err(self.no_constraint(name)),
            false => Ok(()),
        }
    }

    /// Gives a constraint another name.
    ///
    /// # Errors
    /// A constraint that does not exist.
    pub fn rename_constraint(&mut self, old: &str, new: String) -> Result<()> {
        let keys = self.keys.iter_mut().map(|key| &mut key.name);
        let checks = self.checks.iter_mut().map(|check| &mut check.name);
        let foreign = self
            .foreign_keys
            .iter_mut()
            .filter_map(|key| key.name.as_mut());
        let found = keys.chain(checks).chain(foreign).find(|name| *name == old);
        match found {
            Some(name) => {
                *name = new;
                Ok(())
            }
            None => Err(self.no_constraint(old)),
        }
    }

    fn no_constraint(&self, name: &str) -> ShellError {
        ShellError::of_kind(
            ErrorKind::UndefinedObject,
            format!(
                "constraint '{name}' of table '{}' does not exist",
                self.table
            ),
        )
    }

    /// The new definition, and the values of its columns.
    ///
    /// # Errors
    /// Two columns of one name; constraints that cannot be planned.
    pub fn finish(self, session: &Session) -> Result<(TableDefinition, Vec<Expr>)> {
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for column in self.columns {
            values.push(column.value.alias(column.field.name()));
            fields.push(Arc::new(column.field));
            columns.push(column.rule);
        }
        check_unique(&fields)?;
        let schema = Arc::new(Schema::new(fields));
        let mut definition = TableDefinition {
            columns,
            foreign_keys: self.foreign_keys,
            ..TableDefinition::of_schema(Arc::clone(&schema))
        };
        let keys = self.keys.into_iter().map(|key| DeclaredConstraint::Key {
            name: Some(key.name),
            columns: key.columns,
            primary: key.primary,
        });
        let all: Vec<DeclaredConstraint> = keys.chain(self.added).collect();
        constrain(session, &mut definition, &self.table, all)?;
        let df_schema = DFSchema::try_from(schema)?;
        for check in self.checks {
            let rule = check_rule(session, &df_schema, check.name, check.sql, check.expr)?;
            definition.checks.push(rule);
        }
        Ok((definition, values))
    }
}

fn undefined(table: &str, column: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::UndefinedColumn,
        format!("column '{column}' of table '{table}' does not exist"),
    )
}
