//! Parameters in arguments of table functions, which planning has to know.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    DataType as SqlType, Expr, FunctionArg, FunctionArgExpr, ObjectName, TableFactor, Value,
    VisitMut, VisitorMut, visit_expressions_mut,
};
use semql_udfs::relations::{ParameterKind, RELATIONS, RelationSignature};

use super::number::placeholder;
use super::{literal, number};
use crate::error::Result;

/// Types of the parameters in arguments of table functions, by number.
pub type PlanningParameters = BTreeMap<usize, DataType>;

/// Finds the parameters in arguments of table functions.
///
/// # Errors
/// Names other than `$1`, `$2`, ...
pub fn find(statement: &EngineStatement) -> Result<PlanningParameters> {
    let mut found = PlanningParameters::new();
    let mut statement = statement.clone();
    visit_arguments(&mut statement, &mut |name, _, data_type| {
        found
            .entry(number::of(name)?)
            .or_insert_with(|| data_type.clone());
        Ok(None)
    })?;
    Ok(found)
}

/// Puts the values of parameters into the arguments of table functions. The statement
/// keeps all other parameters.
///
/// # Errors
/// A value that no literal can express.
pub fn substitute(
    statement: &mut EngineStatement,
    value_of: &dyn Fn(usize) -> Option<ScalarValue>,
) -> Result<()> {
    visit_arguments(statement, &mut |name, kind, _| {
        let value = value_of(number::of(name)?);
        let value = value.map(|value| literal_for(kind, &value));
        value.transpose()
    })
}

/// Values with which a statement is planned before its parameters have theirs. The
/// columns of a table function do not depend on them.
pub fn sample(data_type: &DataType) -> Result<ScalarValue> {
    Ok(match data_type {
        integer if integer.is_integer() => ScalarValue::Int64(Some(1)),
        float if float.is_floating() => ScalarValue::Float64(Some(1.0)),
        DataType::Utf8 => ScalarValue::Utf8(Some("sample".to_string())),
        other => ScalarValue::try_new_null(other)?,
    })
}

/// The literal of a value for a kind of argument: counts and numbers are written as
/// numbers, whatever the client has sent.
fn literal_for(kind: ParameterKind, value: &ScalarValue) -> Result<Expr> {
    let wanted = match kind {
        ParameterKind::Count => DataType::Int64,
        ParameterKind::Number => DataType::Float64,
        ParameterKind::Text => DataType::Utf8,
        _ => return literal::of(value),
    };
    match value.is_null() {
        true => Ok(Expr::Value(Value::Null.into())),
        false => literal::of(&value.cast_to(&wanted)?),
    }
}

/// Replacement of a parameter, given its name, the kind of the argument and the type.
type Replace<'a> = dyn FnMut(&str, ParameterKind, &DataType) -> Result<Option<Expr>> + 'a;

fn visit_arguments(statement: &mut EngineStatement, replace: &mut Replace<'_>) -> Result<()> {
    let ast = match statement {
        EngineStatement::Statement(ast) => ast,
        EngineStatement::Explain(explain) => {
            return visit_arguments(&mut explain.statement, replace);
        }
        _ => return Ok(()),
    };
    let mut visitor = ArgumentVisitor {
        replace,
        failed: Ok(()),
    };
    let _ = ast.visit(&mut visitor);
    visitor.failed
}

struct ArgumentVisitor<'a, 'b> {
    replace: &'a mut Replace<'b>,
    failed: Result<()>,
}

impl VisitorMut for ArgumentVisitor<'_, '_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let (name, arguments) = match factor {
            TableFactor::Table {
                name,
                args: Some(args),
                ..
            } => (name, &mut args.args),
            TableFactor::Function { name, args, .. } => (name, args),
            _ => return ControlFlow::Continue(()),
        };
        let signature = signature_of(name);
        for (at, argument) in arguments.iter_mut().enumerate() {
            let kind = match signature {
                Some(signature) => kind_of(signature, at, argument),
                None => ArgumentKind::OfEngine(type_in_engine(name)),
            };
            if let Err(error) = self.visit(kind, argument) {
                self.failed = Err(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl ArgumentVisitor<'_, '_> {
    fn visit(&mut self, kind: ArgumentKind, argument: &mut FunctionArg) -> Result<()> {
        let (FunctionArg::Unnamed(value)
        | FunctionArg::Named { arg: value, .. }
        | FunctionArg::ExprNamed { arg: value, .. }) = argument;
        let FunctionArgExpr::Expr(expr) = value else {
            return Ok(());
        };
        let (kind, plain) = match kind {
            ArgumentKind::Literal(kind) => (kind, type_of(kind)),
            ArgumentKind::OfEngine(data_type) => (ParameterKind::Value, data_type),
            // Names are no values; a query is planned with its parameters.
            ArgumentKind::Name => return Ok(()),
        };
        let data_type = cast_type(expr).unwrap_or(plain);
        let mut failed = Ok(());
        let _ = visit_expressions_mut(expr, |expr| {
            let Some(name) = placeholder(expr) else {
                return ControlFlow::Continue(());
            };
            match (self.replace)(name, kind, &data_type) {
                Ok(Some(literal)) => *expr = literal,
                Ok(None) => {}
                Err(error) => {
                    failed = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        failed
    }
}

/// What an argument may be.
enum ArgumentKind {
    Literal(ParameterKind),
    /// An argument of a function of the engine.
    OfEngine(DataType),
    /// A table, a query or a column.
    Name,
}

fn signature_of(name: &ObjectName) -> Option<&'static RelationSignature> {
    let name = name.to_string();
    let mut signatures = RELATIONS.iter().map(|relation| relation.signature());
    signatures.find(|signature| signature.name.eq_ignore_ascii_case(&name))
}

fn kind_of(
    signature: &'static RelationSignature,
    at: usize,
    argument: &FunctionArg,
) -> ArgumentKind {
    let name = match argument {
        FunctionArg::Unnamed(_) => None,
        FunctionArg::Named { name, .. } => Some(name.value.to_lowercase()),
        FunctionArg::ExprNamed { name, .. } => Some(name.to_string().to_lowercase()),
    };
    let parameter = match &name {
        None => signature.parameters.get(at),
        Some(name) => signature.parameters.iter().find(|p| p.name == name),
    };
    match parameter.map(|parameter| parameter.kind) {
        Some(ParameterKind::Table | ParameterKind::Column) | None => ArgumentKind::Name,
        Some(kind) => ArgumentKind::Literal(kind),
    }
}

/// Type of a parameter of a table function of the engine.
fn type_in_engine(name: &ObjectName) -> DataType {
    const OF_NUMBERS: &[&str] = &["generate_series", "range"];
    let name = name.to_string();
    match OF_NUMBERS
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
    {
        true => DataType::Int64,
        false => DataType::Utf8,
    }
}

/// Type of a parameter that nothing else types.
fn type_of(kind: ParameterKind) -> DataType {
    match kind {
        ParameterKind::Count => DataType::Int64,
        ParameterKind::Number => DataType::Float64,
        _ => DataType::Utf8,
    }
}

/// The type of `$1::float4[]`: arrays in arguments are vectors.
fn cast_type(expr: &Expr) -> Option<DataType> {
    match expr {
        Expr::Cast {
            data_type: SqlType::Array(_),
            ..
        } => Some(DataType::new_list(DataType::Float32, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parsed::StatementCommand;
    use crate::statement::parser::parse_one;

    fn engine(sql: &str) -> EngineStatement {
        match parse_one(sql).unwrap().command {
            StatementCommand::Engine(engine) => *engine,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_have_the_types_of_their_kinds() {
        let found = find(&engine(
            "SELECT * FROM vector_search('v.parquet', $2, k => $1) WHERE price < $3",
        ));
        assert_eq!(
            found.unwrap().into_iter().collect::<Vec<_>>(),
            [(1, DataType::Int64), (2, DataType::Utf8)]
        );
        let vector = find(&engine(
            "SELECT * FROM vector_search('v.parquet', $1::real[])",
        ));
        assert!(matches!(vector.unwrap()[&1], DataType::List(_)));
        let query = find(&engine(
            "SELECT * FROM vector_search((SELECT * FROM t WHERE a = $1), 'x')",
        ));
        assert!(query.unwrap().is_empty());
    }

    #[test]
    fn other_parameters_stay() {
        let mut statement = engine("SELECT $1 FROM hybrid_search(t, $1, k => $2) WHERE a = $2");
        let values = [
            ScalarValue::Utf8(Some("red".to_string())),
            ScalarValue::Int16(Some(3)),
        ];
        substitute(&mut statement, &|number| values.get(number - 1).cloned()).unwrap();
        assert_eq!(
            statement.to_string(),
            "SELECT $1 FROM hybrid_search(t, 'red', k => 3) WHERE a = $2"
        );
    }
}
