//! Intervals: products, `age` and `justify_days`, `justify_hours`, `justify_interval`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{exec_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::calendar::{CivilDate, MICROS_PER_DAY, days_of_month};
use super::zones;
use crate::functions::sql_function::{ArrayCall, FunctionSpec};

const NANOS_PER_DAY: i128 = super::calendar::NANOS_PER_DAY;
const DAYS_PER_MONTH: i64 = 30;

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

pub static INTERVAL_TIMES: FunctionSpec = FunctionSpec {
    name: "interval_times",
    syntax: "interval_times(interval, factor)",
    description: "The interval a number of times. `interval * number` and `interval / number` are this call.",
    arity: (2, 2),
    coerce: |types| {
        Ok(match types.first() {
            Some(DataType::Interval(_)) => vec![INTERVAL, DataType::Float64],
            _ => vec![DataType::Float64, INTERVAL],
        })
    },
    result: |_, _| Ok(INTERVAL),
    evaluate: interval_times,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

pub static AGE: FunctionSpec = FunctionSpec {
    name: "age",
    syntax: "age(end [, start])",
    description: "The interval between two times in years, months and days. With one time, from it until \
                  the start of today.",
    arity: (1, 2),
    coerce: |types| {
        types
            .iter()
            .map(|data_type| match data_type {
                DataType::Timestamp(_, Some(zone)) => Ok(DataType::Timestamp(
                    TimeUnit::Microsecond,
                    Some(Arc::clone(zone)),
                )),
                other if other.is_numeric() => {
                    plan_err!("age needs a timestamp, and has a value of the type {other}")
                }
                _ => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
            })
            .collect()
    },
    result: |_, _| Ok(INTERVAL),
    evaluate: age,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Stable,
};

const fn justification(
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
) -> FunctionSpec {
    FunctionSpec {
        name,
        syntax,
        description,
        arity: (1, 1),
        coerce: |_| Ok(vec![INTERVAL]),
        result: |_, _| Ok(INTERVAL),
        evaluate,
        replace: None,
        keeps_nulls: false,
        volatility: Volatility::Immutable,
    }
}

pub static JUSTIFY_HOURS: FunctionSpec = justification(
    "justify_hours",
    "justify_hours(interval)",
    "The interval with 24 hours as a day.",
    |call| each(call, |value| of_parts(justified_hours(parts_of(value)))),
);

pub static JUSTIFY_DAYS: FunctionSpec = justification(
    "justify_days",
    "justify_days(interval)",
    "The interval with 30 days as a month.",
    |call| each(call, |value| of_parts(justified_days(parts_of(value)))),
);

pub static JUSTIFY_INTERVAL: FunctionSpec = justification(
    "justify_interval",
    "justify_interval(interval)",
    "The interval with 24 hours as a day and 30 days as a month.",
    |call| {
        each(call, |value| {
            of_parts(justified_days(justified_hours(parts_of(value))))
        })
    },
);

/// Months, days and nanoseconds.
#[derive(Clone, Copy)]
struct IntervalParts {
    months: i64,
    days: i64,
    nanos: i128,
}

fn parts_of(value: IntervalMonthDayNano) -> IntervalParts {
    IntervalParts {
        months: i64::from(value.months),
        days: i64::from(value.days),
        nanos: i128::from(value.nanoseconds),
    }
}

/// `None` for parts out of range.
fn of_parts(parts: IntervalParts) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(
        i32::try_from(parts.months).ok()?,
        i32::try_from(parts.days).ok()?,
        i64::try_from(parts.nanos).ok()?,
    ))
}

fn justified_hours(mut parts: IntervalParts) -> IntervalParts {
    parts.days += (parts.nanos / NANOS_PER_DAY) as i64;
    parts.nanos %= NANOS_PER_DAY;
    // Days and hours get the same sign.
    if parts.days > 0 && parts.nanos < 0 {
        parts.days -= 1;
        parts.nanos += NANOS_PER_DAY;
    } else if parts.days < 0 && parts.nanos > 0 {
        parts.days += 1;
        parts.nanos -= NANOS_PER_DAY;
    }
    parts
}

fn justified_days(mut parts: IntervalParts) -> IntervalParts {
    parts.months += parts.days / DAYS_PER_MONTH;
    parts.days %= DAYS_PER_MONTH;
    if parts.months > 0 && parts.days < 0 {
        parts.months -= 1;
        parts.days += DAYS_PER_MONTH;
    } else if parts.months < 0 && parts.days > 0 {
        parts.months += 1;
        parts.days -= DAYS_PER_MONTH;
    }
    parts
}

fn each(
    call: &ArrayCall<'_>,
    convert: fn(IntervalMonthDayNano) -> Option<IntervalMonthDayNano>,
) -> Result<ArrayRef> {
    let values = call.arguments[0].as_primitive::<IntervalMonthDayNanoType>();
    let out = values.iter().map(|value| match value {
        Some(value) => convert(value)
            .map(Some)
            .ok_or_else(|| out_of_range(call.name)),
        None => Ok(None),
    });
    let out: IntervalMonthDayNanoArray = out.collect::<Result<_>>()?;
    Ok(Arc::new(out))
}

fn out_of_range(function: &str) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("{function}: the interval is out of range")
}

fn interval_times(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let (values, factors) = match call.arguments[0].data_type() {
        DataType::Interval(_) => (&call.arguments[0], &call.arguments[1]),
        _ => (&call.arguments[1], &call.arguments[0]),
    };
    let values = values.as_primitive::<IntervalMonthDayNanoType>();
    let factors = factors.as_primitive::<Float64Type>();
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        out.push(match values.is_null(row) || factors.is_null(row) {
            true => None,
            false => {
                let product = product(parts_of(values.value(row)), factors.value(row));
                Some(product.ok_or_else(|| out_of_range("interval * number"))?)
            }
        });
    }
    Ok(Arc::new(IntervalMonthDayNanoArray::from(out)))
}

/// Fractions of months become days, and those of days become time.
fn product(parts: IntervalParts, factor: f64) -> Option<IntervalMonthDayNano> {
    if !factor.is_finite() {
        return None;
    }
    let months = parts.months as f64 * factor;
    let days_of_months = rounded((months - months.trunc()) * DAYS_PER_MONTH as f64);
    let days = parts.days as f64 * factor;
    let rest = rounded((days - days.trunc()) + (days_of_months - days_of_months.trunc()));
    let whole_days = days.trunc() + days_of_months.trunc();
    let nanos = parts.nanos as f64 * factor + rest * NANOS_PER_DAY as f64;
    // Postgres has microseconds.
    let nanos = (nanos / 1000.0).round() * 1000.0;
    of_parts(IntervalParts {
        months: months.trunc() as i64,
        days: whole_days as i64,
        nanos: nanos as i128,
    })
}

/// Rounds what floats add, so that a tenth of ten days is one day.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn age(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let zone = zones::zone(&call.session_zone())?;
    let clock = |times: &ArrayRef| -> Result<ArrayRef> {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        match times.data_type() {
            DataType::Timestamp(_, Some(_)) => {
                Ok(cast(&zones::clock_times(times, zone)?, &micros)?)
            }
            _ => Ok(cast(times, &micros)?),
        }
    };
    let (ends, starts) = match call.arguments {
        [start] => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = now.map_or(0, |since| since.as_micros() as i64);
            let today = zones::local_micros(now, zone)?.div_euclid(MICROS_PER_DAY) * MICROS_PER_DAY;
            let today = arrow::array::TimestampMicrosecondArray::from(vec![today; call.rows]);
            (Arc::new(today) as ArrayRef, clock(start)?)
        }
        [end, start] => (clock(end)?, clock(start)?),
        _ => return plan_err!("age has one or two arguments"),
    };
    let ends = ends.as_primitive::<TimestampMicrosecondType>();
    let starts = starts.as_primitive::<TimestampMicrosecondType>();
    let out = ends.iter().zip(starts.iter()).map(|pair| match pair {
        (Some(end), Some(start)) => age_between(end, start)
            .map(Some)
            .ok_or_else(|| out_of_range("age")),
        _ => Ok(None),
    });
    let out: IntervalMonthDayNanoArray = out.collect::<Result<_>>()?;
    Ok(Arc::new(out))
}

/// The interval between two clock times in microseconds.
fn age_between(end: i64, start: i64) -> Option<IntervalMonthDayNano> {
    let is_negative = end < start;
    let (later, earlier) = if is_negative {
        (start, end)
    } else {
        (end, start)
    };
    let split = |micros: i64| {
        let date = CivilDate::of_days(micros.div_euclid(MICROS_PER_DAY));
        (date, micros.rem_euclid(MICROS_PER_DAY))
    };
    let ((last, last_time), (first, first_time)) = (split(later), split(earlier));
    let mut months = (last.year - first.year) * 12 + last.month - first.month;
    let mut days = last.day - first.day;
    let mut micros = last_time - first_time;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        // Postgres borrows the days of the month of the earlier time.
        days += days_of_month(first.year, first.month);
        months -= 1;
    }
    let sign = if is_negative { -1 } else { 1 };
    of_parts(IntervalParts {
        months: sign * months,
        days: sign * days,
        nanos: i128::from(sign * micros) * 1000,
    })
}
