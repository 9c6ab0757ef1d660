//! Parameters of prepared statements: their types for clients, and the values that
//! clients bind.

use arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::{PgWireError, PgWireResult};

use super::errors;
use super::values::{decode, parameter_type, wire_type};
use crate::error::ShellError;
use crate::statement::StatementParameter;

/// The type that a client declares for a parameter; `None` if it leaves it open.
fn declared(types: &[Option<Type>], at: usize) -> Option<&Type> {
    let declared = types.get(at)?.as_ref();
    declared.filter(|declared| **declared != Type::UNKNOWN)
}

/// Types of the engine for the types that a client declares.
pub fn declared_types(types: &[Option<Type>]) -> Vec<Option<DataType>> {
    let types = (0..types.len()).map(|at| declared(types, at));
    types
        .map(|declared| declared.and_then(parameter_type))
        .collect()
}

/// Types of Postgres of the parameters: those that the client declares, and those of
/// the statement.
pub fn wire_types(parameters: &[StatementParameter], types: &[Option<Type>]) -> Vec<Type> {
    let parameters = parameters.iter().enumerate();
    let types = parameters.map(|(at, parameter)| match declared(types, at) {
        Some(declared) => declared.clone(),
        None => planned(&parameter.data_type),
    });
    types.collect()
}

/// Type of Postgres for a type that the statement gives. What Postgres lacks is sent
/// as text.
fn planned(data_type: &DataType) -> Type {
    let field = Field::new("", data_type.clone(), true);
    match wire_type(&field) {
        Some(Type::UNKNOWN | Type::RECORD | Type::RECORD_ARRAY) | None => Type::TEXT,
        Some(wire) => wire,
    }
}

/// Values that a client has bound, in the types that it declares.
///
/// # Errors
/// Too few or too many values; a value that is invalid for its type.
pub fn values<S: Clone>(
    portal: &Portal<S>,
    parameters: &[StatementParameter],
) -> PgWireResult<Vec<ScalarValue>> {
    if portal.parameter_len() != parameters.len() {
        return Err(PgWireError::ParameterIndexOutOfBound(
            portal.parameter_len(),
        ));
    }
    let types = wire_types(parameters, &portal.statement.parameter_types);
    let values = portal.parameters.iter().zip(types).enumerate();
    let values = values.map(|(at, (bytes, wire))| match bytes {
        None => Ok(ScalarValue::Null),
        Some(bytes) => {
            decode(&wire, portal.parameter_format.format_for(at), bytes).map_err(|error| {
                errors::wire(ShellError {
                    message: format!("parameter ${}: {}", at + 1, error.message),
                    ..error
                })
            })
        }
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_types_are_left_open() {
        let types = [
            Some(Type::UNKNOWN),
            None,
            Some(Type::INT2),
            Some(Type::NUMERIC_ARRAY),
        ];
        let found = declared_types(&types);
        assert_eq!(found[..3], [None, None, Some(DataType::Int16)]);
        assert!(matches!(found[3], Some(DataType::List(_))));
    }

    #[test]
    fn types_that_postgres_lacks_are_text() {
        assert_eq!(planned(&DataType::Null), Type::TEXT);
        assert_eq!(planned(&DataType::UInt64), Type::NUMERIC);
        let record = DataType::Struct(vec![Field::new("a", DataType::Utf8, true)].into());
        assert_eq!(planned(&record), Type::TEXT);
    }
}
