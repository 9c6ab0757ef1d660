//! Parameters of prepared statements: `$1`, `$2`, ...

use std::collections::BTreeMap;

use arrow::compute::CastOptions;
use arrow::datatypes::DataType;
use arrow_pg::datatypes::{df, into_pg_type};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::{PgWireError, PgWireResult};

use super::errors::{self, SqlState};
use crate::error::{Result, ShellError};
use crate::panic;

/// Parameters allowed per statement, as in Postgres.
const MAX_PARAMETERS: usize = 65_535;

/// Types of the parameters, in order.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<Parameter>);

#[derive(Clone, Debug)]
struct Parameter {
    /// Text if the plan gives no type.
    data_type: DataType,
    /// Whether the plan gives the type.
    planned: bool,
}

impl Parameters {
    /// Finds the parameters of a plan.
    ///
    /// # Errors
    /// Names other than `$1`, `$2`, ...
    pub fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut found = BTreeMap::new();
        for (name, data_type) in plan.get_parameter_types()? {
            found.insert(number(&name)?, data_type);
        }
        // The type of `$1::int` is that of the cast.
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    if let Expr::Cast(cast) = expr
                        && let Expr::Placeholder(placeholder) = cast.expr.as_ref()
                        && let Ok(number) = number(&placeholder.id)
                    {
                        let known = found.entry(number).or_insert(None);
                        known.get_or_insert_with(|| cast.field.data_type().clone());
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        let last = found.keys().next_back().copied().unwrap_or(0);
        let types = (1..=last).map(|number| match found.remove(&number).flatten() {
            Some(DataType::Null) | None => Parameter {
                data_type: DataType::Utf8,
                planned: false,
            },
            Some(data_type) => Parameter {
                data_type,
                planned: true,
            },
        });
        Ok(Self(types.collect()))
    }

    /// Types of Postgres.
    ///
    /// # Errors
    /// A type that Postgres lacks.
    pub fn wire(&self) -> PgWireResult<Vec<Type>> {
        self.0
            .iter()
            .map(|parameter| into_pg_type(&parameter.data_type))
            .collect()
    }

    /// Values that a client has bound. They are decoded as the types that the
    /// client declares, and cast to those of the statement.
    ///
    /// # Errors
    /// Too few or too many values; a value that is invalid for its type.
    pub fn values<S: Clone>(&self, portal: &Portal<S>) -> PgWireResult<ParamValues> {
        if portal.parameter_len() != self.0.len() {
            return Err(PgWireError::ParameterIndexOutOfBound(
                portal.parameter_len(),
            ));
        }
        let is_declared =
            |at: usize| matches!(portal.statement.parameter_types.get(at), Some(Some(_)));
        let wire = self.wire()?;
        let wire: Vec<Option<&Type>> = wire.iter().map(Some).collect();
        let types = self.0.iter().enumerate();
        let types: Vec<Option<&DataType>> = types
            .map(|(at, parameter)| (!is_declared(at)).then_some(&parameter.data_type))
            .collect();
        for (at, planned) in wire.iter().enumerate() {
            let declared = portal.statement.parameter_types.get(at).cloned().flatten();
            let data_type = declared.as_ref().or(*planned);
            // Names of array types begin with an underscore, as in Postgres.
            let is_array = data_type.is_some_and(|t| t.name().starts_with('_'));
            if let Some(bytes) = portal.parameters.get(at).and_then(Option::as_ref)
                && is_array
                && portal.parameter_format.is_binary(at)
            {
                check_array(bytes)?;
            }
        }
        // The decoder panics on some values, such as numerics of some scales.
        let values = panic::contained_now(|| {
            df::deserialize_parameters_with_server_types(portal, &types, &wire)
        });
        let values = values.unwrap_or_else(|| {
            Err(errors::error(
                SqlState::InvalidParameter,
                "a parameter cannot be converted to the type that it declares",
            ))
        })?;
        let ParamValues::List(values) = values else {
            return Ok(values);
        };
        // A client may declare another type than the statement was planned with,
        // such as int2 for a bigint column.
        let values = values.into_iter().zip(&self.0);
        let values = values.map(|(mut value, parameter)| {
            let expected = &parameter.data_type;
            let given = value.value.data_type();
            let text_given = given.is_string() && !expected.is_string();
            if given != *expected && (parameter.planned || text_given) {
                value.value = cast(&value.value, expected)?;
            }
            Ok(value)
        });
        Ok(ParamValues::List(values.collect::<PgWireResult<_>>()?))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks that a binary array has at least four bytes for each element in its
/// header, for which decoders allocate memory.
fn check_array(bytes: &[u8]) -> PgWireResult<()> {
    const HEADER: usize = 12;
    const DIMENSION: usize = 8;
    const MAX_DIMENSIONS: usize = 6;
    let wrong = || {
        errors::error(
            SqlState::InvalidParameter,
            "an array parameter has fewer elements than its header",
        )
    };
    let number = |at: usize| -> Option<usize> {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(i32::from_be_bytes(four)).ok()
    };
    let dimensions = number(0)
        .filter(|n| *n <= MAX_DIMENSIONS)
        .ok_or_else(wrong)?;
    let mut elements = usize::from(dimensions > 0);
    for dimension in 0..dimensions {
        let length = number(HEADER + dimension * DIMENSION).ok_or_else(wrong)?;
        elements = elements.checked_mul(length).ok_or_else(wrong)?;
    }
    let body = bytes.len().checked_sub(HEADER + dimensions * DIMENSION);
    match body {
        Some(body) if elements <= body / 4 => Ok(()),
        _ => Err(wrong()),
    }
}

/// Casts a value; one that does not fit is an error, not NULL.
fn cast(value: &ScalarValue, wanted: &DataType) -> PgWireResult<ScalarValue> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = value.cast_to_with_options(wanted, &options);
    cast.map_err(|error| errors::error(SqlState::InvalidParameter, ShellError::from(error).message))
}

fn number(name: &str) -> Result<usize> {
    name.strip_prefix('$')
        .and_then(|digits| digits.parse().ok())
        .filter(|number| (1..=MAX_PARAMETERS).contains(number))
        .ok_or_else(|| {
            ShellError::query(format!("parameter {name}: write parameters as $1, $2, ..."))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, SessionOptions};
    use crate::statement::{parser, query};

    async fn types(sql: &str) -> Vec<DataType> {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let statement = parser::parse_one(sql).unwrap();
        let plan = query::plan_of(&session, &statement).await.unwrap().unwrap();
        let parameters = Parameters::of(&plan).unwrap().0;
        parameters.into_iter().map(|p| p.data_type).collect()
    }

    #[tokio::test]
    async fn types_come_from_the_statement() {
        let found = types("SELECT * FROM generate_series(1, 3) AS t(n) WHERE n > $1").await;
        assert_eq!(found, [DataType::Int64]);
        let found = types("SELECT $2::double, upper($1)").await;
        assert_eq!(found[1], DataType::Float64);
        assert_eq!(found.len(), 2);
        assert!(types("SELECT 1").await.is_empty());
    }

    #[test]
    fn arrays_have_the_elements_of_their_header() {
        let array =
            |numbers: &[i32]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_be_bytes()).collect() };
        // Dimensions, nulls, element type; length, lower bound; elements.
        check_array(&array(&[0, 0, 23])).unwrap();
        check_array(&array(&[1, 0, 23, 2, 1, 4, 7, 4, 8])).unwrap();
        check_array(&array(&[1, 1, 23, 2, 1, -1, -1])).unwrap();
        for wrong in [
            &[1, 0, 25, i32::MAX, 1][..],
            &[1, 0, 25, -1, 1],
            &[2, 0, 25, 65_536, 1, 65_536, 1],
            &[100, 0, 25],
            &[-1, 0, 25],
            &[1, 0],
            &[1, 0, 23, 3, 1, 4, 7],
        ] {
            assert!(check_array(&array(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_numbers() {
        assert_eq!(number("$12").unwrap(), 12);
        for wrong in ["$0", "$x", "1", "$65536"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
