//! `to_char`, `to_timestamp` and `to_date` with the formats of Postgres. Formats with `%`
//! are the engine's.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, StringArray, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;

use super::calendar::NANOS_PER_DAY;
use super::timestamp_text::nanos_of;
use super::zones;
use crate::functions::formats::date_template::{DatePart, parse};
use crate::functions::formats::read_date::{ReadTime, read};
use crate::functions::formats::write_date::{TimeParts, write};
use crate::functions::value_text::per_second;

/// Parsed formats: mostly one for all rows.
#[derive(Default)]
pub struct FormatCache(Option<(String, Vec<DatePart>)>);

impl FormatCache {
    fn parts(&mut self, format: &str) -> Result<&[DatePart]> {
        if self.0.as_ref().is_none_or(|(known, _)| known != format) {
            let parts = parse(format).map_err(|error| exec_datafusion_err!("{error}"))?;
            self.0 = Some((format.to_string(), parts));
        }
        Ok(self.0.as_ref().map_or(&[], |(_, parts)| parts.as_slice()))
    }
}

/// Texts of times in the formats of each row.
///
/// # Errors
/// An invalid format; a type without such a format.
pub fn write_times(values: &ArrayRef, formats: &ArrayRef, zone: &Arc<str>) -> Result<ArrayRef> {
    let parts_of = time_parts(values, zone)?;
    let formats = formats.as_string::<i32>();
    let mut cache = FormatCache::default();
    let mut out = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        if values.is_null(row) || formats.is_null(row) {
            out.push(None);
            continue;
        }
        let format = formats.value(row);
        let parts = cache.parts(format)?;
        let text = write(&parts_of(row)?, parts)
            .map_err(|error| exec_datafusion_err!("to_char with the format '{format}': {error}"))?;
        out.push(Some(text));
    }
    Ok(Arc::new(StringArray::from(out)))
}

type PartsOfRow = Box<dyn Fn(usize) -> Result<TimeParts>>;

fn time_parts(values: &ArrayRef, zone: &Arc<str>) -> Result<PartsOfRow> {
    Ok(match values.data_type() {
        DataType::Interval(_) => {
            let whole = cast(values, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let whole = whole.as_primitive::<IntervalMonthDayNanoType>().clone();
            Box::new(move |row| {
                let value = whole.value(row);
                Ok(TimeParts::of_interval(
                    i64::from(value.months),
                    i64::from(value.days),
                    value.nanoseconds,
                ))
            })
        }
        DataType::Duration(unit) => {
            let per_second = per_second(*unit);
            let counts = cast(values, &DataType::Int64)?;
            let counts = counts.as_primitive::<Int64Type>().clone();
            Box::new(move |row| {
                let nanos = nanos_of(counts.value(row), per_second);
                Ok(TimeParts::of_interval(
                    0,
                    (nanos / NANOS_PER_DAY) as i64,
                    (nanos % NANOS_PER_DAY) as i64,
                ))
            })
        }
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let per_second = per_second(*unit);
            let counts = match values.data_type() {
                DataType::Time32(_) => cast(&cast(values, &DataType::Int32)?, &DataType::Int64)?,
                _ => cast(values, &DataType::Int64)?,
            };
            let counts = counts.as_primitive::<Int64Type>().clone();
            Box::new(move |row| {
                let nanos = nanos_of(counts.value(row), per_second) as i64;
                Ok(TimeParts::of_interval(0, 0, nanos))
            })
        }
        DataType::Date32 | DataType::Date64 => {
            let days = cast(&cast(values, &DataType::Date32)?, &DataType::Int32)?;
            let days = cast(&days, &DataType::Int64)?;
            let days = days.as_primitive::<Int64Type>().clone();
            Box::new(move |row| {
                let nanos = i128::from(days.value(row)) * NANOS_PER_DAY;
                Ok(TimeParts::of_clock(nanos, None))
            })
        }
        DataType::Timestamp(unit, zoned) => {
            let per_second = per_second(*unit);
            let counts = cast(values, &DataType::Int64)?;
            let counts = counts.as_primitive::<Int64Type>().clone();
            if zoned.is_none() {
                return Ok(Box::new(move |row| {
                    let nanos = nanos_of(counts.value(row), per_second);
                    Ok(TimeParts::of_clock(nanos, None))
                }));
            }
            let tz = zones::zone(zone)?;
            let micros = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
            let shown = zones::with_zone(values, zone)?;
            Box::new(move |row| {
                let instant = micros.value(row);
                let shift = zones::local_micros(instant, tz)? - instant;
                let nanos = nanos_of(counts.value(row), per_second) + i128::from(shift) * 1000;
                let options = FormatOptions::new().with_timestamp_tz_format(Some("%Z"));
                let name = ArrayFormatter::try_new(shown.as_ref(), &options)?;
                // The formatter writes UTC as an offset.
                let name = match shift == 0 && name.value(row).try_to_string()? == "+00:00" {
                    true => "UTC".to_string(),
                    false => name.value(row).try_to_string()?,
                };
                Ok(TimeParts::of_clock(nanos, Some((shift / 1_000_000, name))))
            })
        }
        other => return exec_err!("to_char has no formats for the type {other}"),
    })
}

/// Instants that texts state in the formats of each row.
///
/// # Errors
/// An invalid format; a text that does not match; a time out of range.
pub fn read_instants(texts: &ArrayRef, formats: &ArrayRef, zone: &Arc<str>) -> Result<ArrayRef> {
    let times = read_times("to_timestamp", texts, formats)?;
    let out_of_range =
        || exec_datafusion_err!("to_timestamp: a time is out of range, from 1677 to 2262");
    let mut clocks = Vec::with_capacity(times.len());
    for time in &times {
        clocks.push(match time {
            Some(time) => {
                let nanos = time.nanos - i128::from(time.offset.unwrap_or(0)) * 1_000_000_000;
                Some(i64::try_from(nanos).map_err(|_| out_of_range())?)
            }
            None => None,
        });
    }
    // Times without an offset are those of clocks in the session's zone.
    let clocks: ArrayRef = Arc::new(TimestampNanosecondArray::from(clocks));
    let local = zones::with_zone(&zones::instants(&clocks, zone)?, &Arc::from("UTC"))?;
    let exact = zones::with_zone(&clocks, &Arc::from("UTC"))?;
    let has_offset = times
        .iter()
        .map(|time| time.as_ref().is_some_and(|time| time.offset.is_some()));
    let has_offset: arrow::array::BooleanArray = has_offset.map(Some).collect();
    Ok(arrow::compute::kernels::zip::zip(
        &has_offset,
        &exact,
        &local,
    )?)
}

/// Dates that texts state in the formats of each row.
///
/// # Errors
/// As [`read_instants`].
pub fn read_dates(texts: &ArrayRef, formats: &ArrayRef) -> Result<ArrayRef> {
    let times = read_times("to_date", texts, formats)?;
    let days = times.iter().map(|time| match time {
        Some(time) => i32::try_from(time.nanos.div_euclid(NANOS_PER_DAY))
            .map(Some)
            .map_err(|_| exec_datafusion_err!("to_date: a date is out of range")),
        None => Ok(None),
    });
    let days: Date32Array = days.collect::<Result<_>>()?;
    Ok(Arc::new(days))
}

fn read_times(
    function: &str,
    texts: &ArrayRef,
    formats: &ArrayRef,
) -> Result<Vec<Option<ReadTime>>> {
    let (texts, formats) = (texts.as_string::<i32>(), formats.as_string::<i32>());
    let mut cache = FormatCache::default();
    let mut out = Vec::with_capacity(texts.len());
    for row in 0..texts.len() {
        if texts.is_null(row) || formats.is_null(row) {
            out.push(None);
            continue;
        }
        let (text, format) = (texts.value(row), formats.value(row));
        let time = read(text, cache.parts(format)?).map_err(|error| {
            exec_datafusion_err!(
                "{function}: '{text}' does not match the format '{format}': {error}"
            )
        })?;
        out.push(Some(time));
    }
    Ok(out)
}
