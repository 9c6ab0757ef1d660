//! What stands in the parentheses of a table function.

use std::collections::HashMap;

use datafusion::common::{DFSchema, internal_datafusion_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor,
    UnaryOperator, Value,
};

use super::Shape;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, a 'file' or a query in parentheses.
    Table,
    /// The name of a column.
    Column,
    /// A literal text.
    Text,
    /// A whole number of at least one.
    Count,
    /// Any literal number.
    Number,
    /// An expression without columns.
    Value,
}

/// An argument, in its place or by its name: `name => value`.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub description: &'static str,
}

impl Parameter {
    pub const fn required(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            required: true,
            description,
        }
    }

    pub const fn optional(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, kind, description)
        }
    }
}

/// The arguments of one call, by name.
#[derive(Debug, Default)]
pub struct Arguments {
    given: HashMap<&'static str, Argument>,
}

#[derive(Debug)]
enum Argument {
    Table(Box<LogicalPlan>),
    /// Of a column or a literal.
    Text(String),
    Number(f64),
    Value(Box<Expr>),
}

/// Where a table of the session comes from that the statement does not name
/// among its tables.
pub type Lookup<'a> = dyn Fn(&ObjectName) -> Result<LogicalPlan> + 'a;

impl Arguments {
    /// Reads the arguments of a call of the function `shape`.
    ///
    /// # Errors
    /// For one that is missing, not known, given twice or of another kind.
    pub fn read(
        shape: &Shape,
        args: Vec<FunctionArg>,
        context: &mut dyn RelationPlannerContext,
        lookup: &Lookup<'_>,
    ) -> Result<Self> {
        let mut arguments = Self::default();
        for (at, arg) in args.into_iter().enumerate() {
            let (name, value) = match arg {
                FunctionArg::Unnamed(value) => (None, value),
                FunctionArg::Named { name, arg, .. } => (Some(name.value.to_lowercase()), arg),
                FunctionArg::ExprNamed { name, arg, .. } => {
                    (Some(name.to_string().to_lowercase()), arg)
                }
            };
            let parameter = match &name {
                None => shape.parameters.get(at),
                Some(name) => shape.parameters.iter().find(|p| p.name == name),
            };
            let Some(parameter) = parameter else {
                let what = name.map_or(format!("{} arguments", at + 1), |name| {
                    format!("an argument {name}")
                });
                return plan_err!("{} does not take {what}: {}", shape.name, shape.syntax());
            };
            let FunctionArgExpr::Expr(value) = value else {
                return plan_err!("* is no argument of {}: {}", shape.name, shape.syntax());
            };
            if is_null(&value) && !parameter.required {
                continue;
            }
            let argument = read(shape, parameter, value, context, lookup)?;
            if arguments.given.insert(parameter.name, argument).is_some() {
                return plan_err!("{} is given {} twice", shape.name, parameter.name);
            }
        }
        let missing = shape
            .parameters
            .iter()
            .find(|p| p.required && !arguments.given.contains_key(p.name));
        match missing {
            Some(missing) => plan_err!(
                "{} needs {}, {}: {}",
                shape.name,
                missing.name,
                missing.description,
                shape.syntax()
            ),
            None => Ok(arguments),
        }
    }

    pub fn table(&mut self, name: &str) -> Option<LogicalPlan> {
        match self.given.remove(name) {
            Some(Argument::Table(plan)) => Some(*plan),
            _ => None,
        }
    }

    /// A table that the function needs.
    ///
    /// # Errors
    /// Never for a parameter that is required and of the kind.
    pub fn required_table(&mut self, name: &str) -> Result<LogicalPlan> {
        let table = self.table(name);
        table.ok_or_else(|| internal_datafusion_err!("no table {name} was read"))
    }

    /// The same for an expression.
    ///
    /// # Errors
    /// Never for a parameter that is required and of the kind.
    pub fn required_value(&mut self, name: &str) -> Result<Expr> {
        let value = self.value(name);
        value.ok_or_else(|| internal_datafusion_err!("no {name} was read"))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some(Argument::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        match self.given.get(name) {
            Some(Argument::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn count(&self, name: &str) -> Option<usize> {
        self.number(name).map(|number| number as usize)
    }

    pub fn value(&mut self, name: &str) -> Option<Expr> {
        match self.given.remove(name) {
            Some(Argument::Value(value)) => Some(*value),
            _ => None,
        }
    }
}

fn read(
    shape: &Shape,
    parameter: &Parameter,
    value: SqlExpr,
    context: &mut dyn RelationPlannerContext,
    lookup: &Lookup<'_>,
) -> Result<Argument> {
    let shown = value.to_string();
    let wrong = |what: &str| {
        DataFusionError::Plan(format!(
            "{} of {} is {shown}, and no {what}",
            parameter.name, shape.name
        ))
    };
    match parameter.kind {
        Kind::Table => {
            let name = match value {
                SqlExpr::Subquery(subquery) => {
                    let alias = TableAlias {
                        explicit: false,
                        name: Ident::new(parameter.name),
                        columns: Vec::new(),
                        at: None,
                    };
                    let plan = context.plan(TableFactor::Derived {
                        lateral: false,
                        subquery,
                        alias: Some(alias),
                        sample: None,
                    })?;
                    return Ok(Argument::Table(Box::new(plan)));
                }
                SqlExpr::Identifier(ident) => ObjectName::from(vec![ident]),
                SqlExpr::CompoundIdentifier(idents) => ObjectName::from(idents),
                SqlExpr::Value(value) => match value.value {
                    Value::SingleQuotedString(file) => {
                        ObjectName::from(vec![Ident::with_quote('"', file)])
                    }
                    _ => return Err(wrong("table")),
                },
                _ => return Err(wrong("table")),
            };
            Ok(Argument::Table(Box::new(table(name, context, lookup)?)))
        }
        Kind::Column => match value {
            SqlExpr::Identifier(ident) => Ok(Argument::Text(context.normalize_ident(ident))),
            SqlExpr::Value(value) => match value.value {
                Value::SingleQuotedString(name) => Ok(Argument::Text(name)),
                _ => Err(wrong("column")),
            },
            _ => Err(wrong("column")),
        },
        Kind::Text => match literal(&value) {
            Some(Value::SingleQuotedString(text)) => Ok(Argument::Text(text.clone())),
            _ => Err(wrong("text")),
        },
        Kind::Count => match number(&value) {
            Some(count) if count >= 1.0 && count.fract() == 0.0 => Ok(Argument::Number(count)),
            _ => Err(wrong("whole number of at least 1")),
        },
        Kind::Number => number(&value)
            .map(Argument::Number)
            .ok_or_else(|| wrong("number")),
        Kind::Value => {
            let value = context.sql_to_expr(value, &DFSchema::empty())?;
            Ok(Argument::Value(Box::new(value)))
        }
    }
}

/// A table by name: one that the query defines, or one of the session.
fn table(
    name: ObjectName,
    context: &mut dyn RelationPlannerContext,
    lookup: &Lookup<'_>,
) -> Result<LogicalPlan> {
    let factor = TableFactor::Table {
        name: name.clone(),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    context.plan(factor).or_else(|_| lookup(&name))
}

fn literal(value: &SqlExpr) -> Option<&Value> {
    match value {
        SqlExpr::Value(value) => Some(&value.value),
        _ => None,
    }
}

fn is_null(value: &SqlExpr) -> bool {
    matches!(literal(value), Some(Value::Null))
}

fn number(value: &SqlExpr) -> Option<f64> {
    match value {
        SqlExpr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => number(expr).map(|number| -number),
        _ => match literal(value)? {
            Value::Number(number, _) => number.to_string().parse().ok(),
            _ => None,
        },
    }
}
