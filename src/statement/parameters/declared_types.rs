//! Casts of parameters to the types that a client declares. The engine plans a parameter
//! without a type, and cannot plan every expression of one.

use std::ops::ControlFlow;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, Expr, TimezoneInfo, visit_expressions_mut,
};

use super::number::{self, placeholder};

/// The statement with casts around its parameters of declared types; `None` without any.
pub fn with_casts(
    statement: &EngineStatement,
    declared: &[Option<DataType>],
) -> Option<EngineStatement> {
    let EngineStatement::Statement(ast) = statement else {
        return None;
    };
    let mut ast = ast.clone();
    let mut found = false;
    let _ = visit_expressions_mut(&mut ast, |expr| {
        if let Some(data_type) = placeholder(expr)
            .and_then(|name| number::of(name).ok())
            .and_then(|number| declared.get(number.checked_sub(1)?)?.as_ref())
            .and_then(sql_type)
        {
            found = true;
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(expr.clone()),
                data_type,
                array: false,
                format: None,
            };
        }
        ControlFlow::<()>::Continue(())
    });
    found.then_some(EngineStatement::Statement(ast))
}

/// The type in SQL; `None` for types whose parameters need no cast.
fn sql_type(data_type: &DataType) -> Option<SqlType> {
    Some(match data_type {
        DataType::Boolean => SqlType::Boolean,
        DataType::Int16 => SqlType::SmallInt(None),
        DataType::Int32 => SqlType::Integer(None),
        DataType::Int64 => SqlType::BigInt(None),
        DataType::Float32 => SqlType::Real,
        DataType::Float64 => SqlType::DoublePrecision,
        DataType::Utf8 => SqlType::Text,
        DataType::Date32 => SqlType::Date,
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            SqlType::Timestamp(None, TimezoneInfo::None)
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            SqlType::Timestamp(None, TimezoneInfo::WithTimeZone)
        }
        _ => return None,
    })
}
