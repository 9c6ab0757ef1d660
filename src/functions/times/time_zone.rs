//! `timezone(zone, timestamp)`, which `AT TIME ZONE` calls, and `wall_clock(time)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::{exec_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::zones;
use crate::functions::sql_function::{ArrayCall, FunctionSpec, Replacement, as_given, is_text};

pub static TIMEZONE: FunctionSpec = FunctionSpec {
    name: "timezone",
    syntax: "timezone(zone, timestamp)",
    description: "With a timestamp without a zone, the instant at which clocks in the zone show it. With an \
                  instant, the time that clocks in the zone show. `timestamp AT TIME ZONE zone` is this call.",
    arity: (2, 2),
    coerce: |types| {
        let zone = match &types[0] {
            DataType::Interval(_) | DataType::Duration(_) => interval(),
            _ => DataType::Utf8,
        };
        let time = match &types[1] {
            zoned @ DataType::Timestamp(_, Some(_)) => zoned.clone(),
            // Postgres reads a text as an instant.
            text if is_text(text) => instant("UTC"),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => {
                DataType::Timestamp(TimeUnit::Nanosecond, None)
            }
            other => {
                return plan_err!(
                    "AT TIME ZONE needs a timestamp, and has a value of the type {other}"
                );
            }
        };
        Ok(vec![zone, time])
    },
    result: |types, _| match &types[1] {
        DataType::Timestamp(_, Some(_)) => Ok(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        text if is_text(text) => Ok(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        _ => Ok(instant("UTC")),
    },
    evaluate: convert,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

pub static WALL_CLOCK: FunctionSpec = FunctionSpec {
    name: "wall_clock",
    syntax: "wall_clock(time)",
    description: "The time that clocks in the session's time zone show at an instant; any other value as it \
                  is. Casts to `timestamp` and `date` read instants so.",
    arity: (1, 1),
    coerce: as_given,
    result: |types, _| {
        Ok(match &types[0] {
            DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Nanosecond, None),
            other => other.clone(),
        })
    },
    evaluate: |call| match call.arguments[0].data_type() {
        DataType::Timestamp(_, Some(_)) => {
            zones::clock_times(&call.arguments[0], zones::zone(&call.session_zone())?)
        }
        _ => Ok(Arc::clone(&call.arguments[0])),
    },
    replace: Some(|types| match &types[0] {
        DataType::Timestamp(_, Some(_)) => Replacement::None,
        _ => Replacement::Argument,
    }),
    keeps_nulls: true,
    volatility: Volatility::Stable,
};

fn instant(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::from(zone)))
}

fn interval() -> DataType {
    DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano)
}

fn convert(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let names = zone_names(&call.arguments[0])?;
    let times = &call.arguments[1];
    let one = |times: &ArrayRef, name: &str| match times.data_type() {
        DataType::Timestamp(_, Some(_)) => zones::clock_times(times, zones::zone(name)?),
        _ => {
            zones::zone(name)?;
            zones::with_zone(&zones::instants(times, name)?, &Arc::from("UTC"))
        }
    };
    // Mostly one zone for all rows.
    let first = names.first().cloned().flatten();
    if names.iter().all(|name| *name == first) {
        return match first {
            Some(name) => Ok(cast(&one(times, &name)?, call.result)?),
            None => Ok(arrow::array::new_null_array(call.result, call.rows)),
        };
    }
    let rows = names.iter().enumerate().map(|(row, name)| match name {
        Some(name) => Ok(cast(&one(&times.slice(row, 1), name)?, call.result)?),
        None => Ok(arrow::array::new_null_array(call.result, 1)),
    });
    let rows = rows.collect::<Result<Vec<ArrayRef>>>()?;
    let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
    Ok(concat(&rows)?)
}

/// Names of zones; an interval is an offset east of Greenwich.
fn zone_names(zones: &ArrayRef) -> Result<Vec<Option<String>>> {
    if let Some(texts) = zones.as_string_opt::<i32>() {
        return Ok(texts.iter().map(|name| name.map(arrow_zone)).collect());
    }
    let offsets = zones.as_primitive::<IntervalMonthDayNanoType>();
    offsets
        .iter()
        .map(|offset| match offset {
            Some(offset) if offset.months != 0 || offset.days != 0 => Err(exec_datafusion_err!(
                "the interval of a time zone has days or months; write hours and minutes"
            )),
            Some(offset) => Ok(Some(offset_name(offset.nanoseconds / 1_000_000_000))),
            None => Ok(None),
        })
        .collect()
}

fn offset_name(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Zone of the engine for a zone of Postgres. An offset in text has the sign of POSIX
/// there: `UTC+3` and `+3` are west of Greenwich.
fn arrow_zone(name: &str) -> String {
    let digits = name
        .strip_prefix("UTC")
        .or_else(|| name.strip_prefix("GMT"))
        .unwrap_or(name);
    let (sign, rest) = match digits.split_at_checked(1) {
        Some(("+", rest)) => (-1, rest),
        Some(("-", rest)) => (1, rest),
        _ => return name.to_string(),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    match (hours.parse::<i64>(), minutes.parse::<i64>()) {
        (Ok(hours), Ok(minutes)) if hours < 16 && minutes < 60 => {
            offset_name(sign * (hours * 3600 + minutes * 60))
        }
        _ => name.to_string(),
    }
}
