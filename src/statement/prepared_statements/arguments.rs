//! Arguments of EXECUTE.

use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, Expr, Ident, SelectItem, SetExpr, TimezoneInfo,
};

use crate::dialect::cast_to;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::parameters::PreparedPlan;
use crate::statement::query;
use crate::statement::syntax::query_in;

/// The values of arguments: expressions without columns, cast to the types of the
/// parameters.
///
/// # Errors
/// Too few or too many arguments; an argument that does not fit its type; planning and
/// execution.
pub async fn values(
    session: &Session,
    plan: &PreparedPlan,
    arguments: &[Expr],
) -> Result<Vec<ScalarValue>> {
    plan.check_count(arguments.len())?;
    if arguments.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = Vec::with_capacity(arguments.len());
    for (argument, parameter) in arguments.iter().zip(plan.parameters()) {
        let argument = argument.clone();
        let expr = match sql_type(&parameter.data_type) {
            Some(data_type) => cast_to(argument, data_type).map_err(DataFusionError::from)?,
            None => argument,
        };
        let alias = Ident::with_quote('"', format!("${}", items.len() + 1));
        items.push(SelectItem::ExprWithAlias { expr, alias });
    }
    let mut query = query_in("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = items;
    }
    let plan = query::plan_query(session, query).await?;
    let frame = session.ctx.execute_logical_plan(plan).await?;
    let batches = frame.collect().await?;
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    match (rows.next(), rows.next()) {
        (Some(batch), None) if batch.num_rows() == 1 => {
            let columns = batch.columns().iter();
            let values = columns.map(|column| ScalarValue::try_from_array(column, 0));
            Ok(values.collect::<datafusion::error::Result<_>>()?)
        }
        _ => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            "an argument of EXECUTE is a function that returns a set; pass single values",
        )),
    }
}

/// The SQL type that a value is cast to. `None` for types of which the binding of values
/// casts alone.
fn sql_type(data_type: &DataType) -> Option<SqlType> {
    Some(match data_type {
        DataType::Boolean => SqlType::Boolean,
        DataType::Int16 => SqlType::SmallInt(None),
        DataType::Int32 => SqlType::Integer(None),
        DataType::Int64 => SqlType::BigInt(None),
        DataType::Float32 => SqlType::Real,
        DataType::Float64 => SqlType::DoublePrecision,
        DataType::Date32 => SqlType::Date,
        DataType::Timestamp(_, None) => SqlType::Timestamp(None, TimezoneInfo::None),
        DataType::Timestamp(_, Some(_)) => SqlType::Timestamp(None, TimezoneInfo::WithTimeZone),
        DataType::Interval(_) => SqlType::Interval {
            fields: None,
            precision: None,
        },
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => SqlType::Bytea,
        DataType::List(element) => {
            let element = match element.data_type() {
                text if text.is_string() => SqlType::Text,
                other => sql_type(other)?,
            };
            SqlType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None))
        }
        _ => return None,
    })
}
