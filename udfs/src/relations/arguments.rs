//! Arguments of table functions that take tables.

use std::collections::HashMap;

use datafusion::common::{DFSchema, internal_datafusion_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor,
    UnaryOperator, Value,
};

use super::signature::{Parameter, ParameterKind, RelationSignature};

/// The arguments of one call, by name.
#[derive(Debug, Default)]
pub struct RelationArguments {
    given: HashMap<&'static str, ArgumentValue>,
}

#[derive(Debug)]
enum ArgumentValue {
    Table(Box<LogicalPlan>),
    /// The name of a column, or a literal text.
    Text(String),
    Number(f64),
    Value(Box<Expr>),
}

/// Look-up of a table of the session that DataFusion has not resolved, because only an
/// argument names it.
pub type Lookup<'a> = dyn Fn(&ObjectName) -> Result<LogicalPlan> + 'a;

impl RelationArguments {
    /// Reads the arguments of a call.
    ///
    /// # Errors
    /// Arguments that are missing, unknown, given twice or of another kind.
    pub fn read(
        signature: &RelationSignature,
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
                None => signature.parameters.get(at),
                Some(name) => signature.parameters.iter().find(|p| p.name == name),
            };
            let Some(parameter) = parameter else {
                let what = name.map_or(format!("{} arguments", at + 1), |name| {
                    format!("an argument {name}")
                });
                return plan_err!(
                    "{} does not take {what}: {}",
                    signature.name,
                    signature.syntax()
                );
            };
            let FunctionArgExpr::Expr(value) = value else {
                return plan_err!("{} does not take *: {}", signature.name, signature.syntax());
            };
            if is_null(&value) && !parameter.required {
                continue;
            }
            let argument = read(signature, parameter, value, context, lookup)?;
            if arguments.given.insert(parameter.name, argument).is_some() {
                return plan_err!("{} is given {} twice", signature.name, parameter.name);
            }
        }
        let missing = signature
            .parameters
            .iter()
            .find(|p| p.required && !arguments.given.contains_key(p.name));
        match missing {
            Some(missing) => plan_err!(
                "{} needs {}, {}: {}",
                signature.name,
                missing.name,
                missing.description,
                signature.syntax()
            ),
            None => Ok(arguments),
        }
    }

    pub fn table(&mut self, name: &str) -> Option<LogicalPlan> {
        match self.given.remove(name) {
            Some(ArgumentValue::Table(plan)) => Some(*plan),
            _ => None,
        }
    }

    /// The table of a required parameter.
    ///
    /// # Errors
    /// An internal error for any other parameter.
    pub fn required_table(&mut self, name: &str) -> Result<LogicalPlan> {
        let table = self.table(name);
        table.ok_or_else(|| internal_datafusion_err!("the argument {name} is missing"))
    }

    /// The expression of a required parameter.
    ///
    /// # Errors
    /// An internal error for any other parameter.
    pub fn required_value(&mut self, name: &str) -> Result<Expr> {
        let value = self.value(name);
        value.ok_or_else(|| internal_datafusion_err!("the argument {name} is missing"))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some(ArgumentValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        match self.given.get(name) {
            Some(ArgumentValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn count(&self, name: &str) -> Option<usize> {
        self.number(name).map(|number| number as usize)
    }

    pub fn value(&mut self, name: &str) -> Option<Expr> {
        match self.given.remove(name) {
            Some(ArgumentValue::Value(value)) => Some(*value),
            _ => None,
        }
    }
}

fn read(
    signature: &RelationSignature,
    parameter: &Parameter,
    value: SqlExpr,
    context: &mut dyn RelationPlannerContext,
    lookup: &Lookup<'_>,
) -> Result<ArgumentValue> {
    let given = value.to_string();
    let wrong = |what: &str| {
        DataFusionError::Plan(format!(
            "{} of {} is {given}, which is not a {what}",
            parameter.name, signature.name
        ))
    };
    match parameter.kind {
        ParameterKind::Table => {
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
                    return Ok(ArgumentValue::Table(Box::new(plan)));
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
            Ok(ArgumentValue::Table(Box::new(table(
                name, context, lookup,
            )?)))
        }
        ParameterKind::Column => match value {
            SqlExpr::Identifier(ident) => Ok(ArgumentValue::Text(context.normalize_ident(ident))),
            SqlExpr::Value(value) => match value.value {
                Value::SingleQuotedString(name) => Ok(ArgumentValue::Text(name)),
                _ => Err(wrong("column")),
            },
            _ => Err(wrong("column")),
        },
        ParameterKind::Text => match literal(&value) {
            Some(Value::SingleQuotedString(text)) => Ok(ArgumentValue::Text(text.clone())),
            _ => Err(wrong("text")),
        },
        ParameterKind::Count => match number(&value) {
            Some(count) if count >= 1.0 && count.fract() == 0.0 => Ok(ArgumentValue::Number(count)),
            _ => Err(wrong("whole number of at least 1")),
        },
        ParameterKind::Number => number(&value)
            .map(ArgumentValue::Number)
            .ok_or_else(|| wrong("number")),
        ParameterKind::Value => {
            let value = context.sql_to_expr(value, &DFSchema::empty())?;
            Ok(ArgumentValue::Value(Box::new(value)))
        }
    }
}

/// The table of a name, from the query or the session.
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

/// The literal of an argument, also below a cast, such as `'red shoes'::text`.
fn literal(value: &SqlExpr) -> Option<&Value> {
    match value {
        SqlExpr::Value(value) => Some(&value.value),
        SqlExpr::Nested(inner) | SqlExpr::Cast { expr: inner, .. } => literal(inner),
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
        _ => match (literal(value)?, value) {
            (Value::Number(number, _), _) => number.to_string().parse().ok(),
            (Value::SingleQuotedString(text), SqlExpr::Cast { .. }) => text.trim().parse().ok(),
            _ => None,
        },
    }
}
