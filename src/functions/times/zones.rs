//! Time zones: clock times of instants, and instants of clock times.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{ArrayRef, AsArray, PrimitiveArray, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::functions::datetime::to_local_time::adjust_to_local_time;

/// Reads the name of a zone, or its offset.
///
/// # Errors
/// An unknown zone.
pub fn zone(name: &str) -> Result<Tz> {
    let known = match name {
        "Z" | "z" | "GMT" => "UTC",
        name => name,
    };
    let folded = known.parse::<Tz>().or_else(|_| {
        // `utc`, `europe/berlin`: Postgres ignores the case.
        known.to_uppercase().parse::<Tz>()
    });
    match folded {
        Ok(zone) => Ok(zone),
        Err(_) => plan_err!(
            "time zone '{name}' is unknown; write a name such as 'Europe/Berlin', or an offset such as '+02:00'"
        ),
    }
}

/// Clock time, in microseconds, that an instant has in a zone.
///
/// # Errors
/// An instant that the calendar of the zone does not have.
pub fn local_micros(instant: i64, zone: Tz) -> Result<i64> {
    adjust_to_local_time::<TimestampMicrosecondType>(instant, zone)
}

/// Clock times that instants have in a zone: timestamps without a zone.
///
/// # Errors
/// An instant that the calendar of the zone does not have.
pub fn clock_times(instants: &ArrayRef, zone: Tz) -> Result<ArrayRef> {
    let nanos = cast(instants, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let nanos = nanos.as_primitive::<TimestampNanosecondType>();
    let local: PrimitiveArray<TimestampNanosecondType> = nanos
        .try_unary(|instant| adjust_to_local_time::<TimestampNanosecondType>(instant, zone))?;
    Ok(Arc::new(local))
}

/// Instants at which clocks in a zone show the times: timestamps with that zone.
///
/// # Errors
/// Times that the zone skips.
pub fn instants(times: &ArrayRef, zone: &str) -> Result<ArrayRef> {
    let nanos = cast(times, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let zoned = DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::from(zone)));
    Ok(cast(&nanos, &zoned)?)
}

/// The same instants with another zone.
pub fn with_zone(instants: &ArrayRef, zone: &Arc<str>) -> Result<ArrayRef> {
    let nanos = cast(instants, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let nanos: &TimestampNanosecondArray = nanos.as_primitive();
    Ok(Arc::new(nanos.clone().with_timezone(Arc::clone(zone))))
}
