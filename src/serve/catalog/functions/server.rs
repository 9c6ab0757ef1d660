//! Functions about the server and its transactions.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::function::{CatalogCall, CatalogFunction, strict, volatile};
use super::values;
use crate::serve::settings::SERVER_VERSION;

pub const FUNCTIONS: &[CatalogFunction] = &[
    strict("version", &[0], "text", version),
    strict("pg_postmaster_start_time", &[0], "timestamptz", start_time),
    strict("pg_conf_load_time", &[0], "timestamptz", start_time),
    strict("inet_server_addr", &[0], "text", no_text),
    strict("inet_server_port", &[0], "int4", no_integer),
    strict("pg_is_in_recovery", &[0], "bool", no),
    strict("pg_is_wal_replay_paused", &[0], "bool", no),
    strict("pg_jit_available", &[0], "bool", no),
    strict("pg_last_wal_receive_lsn", &[0], "text", no_text),
    strict("pg_last_wal_replay_lsn", &[0], "text", no_text),
    strict(
        "pg_last_xact_replay_timestamp",
        &[0],
        "timestamptz",
        no_time,
    ),
    strict("pg_current_logfile", &[0, 1], "text", no_text),
    strict("pg_my_temp_schema", &[0], "int4", zero),
    strict("pg_is_other_temp_schema", &[1], "bool", no),
    strict("pg_trigger_depth", &[0], "int4", zero),
    strict("pg_backend_memory_contexts", &[0], "text", no_text),
    volatile("txid_current", &[0], "int8", transaction),
    volatile("pg_current_xact_id", &[0], "int8", transaction),
    strict("txid_current_if_assigned", &[0], "int8", no_bigint),
    strict("pg_current_xact_id_if_assigned", &[0], "int8", no_bigint),
    volatile("pg_stat_clear_snapshot", &[0], "text", nothing),
    volatile("pg_notify", &[2], "text", nothing),
    strict("pg_client_encoding", &[0], "text", encoding),
    strict("getdatabaseencoding", &[0], "text", encoding),
    strict("pg_encoding_to_char", &[1], "text", encoding_name),
    strict("pg_char_to_encoding", &[1], "int4", encoding_number),
    strict("pg_tablespace_location", &[1], "text", nothing),
    strict("pg_size_pretty", &[1], "text", pretty_size),
];

/// Number of the encoding UTF8.
const UTF8_ENCODING: i64 = 6;

static START: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// Records the start of the server.
pub fn record_start() {
    LazyLock::force(&START);
}

fn version(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(format!("PostgreSQL {SERVER_VERSION}")))
}

fn start_time(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    let since = START.duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or_default();
    Ok(ScalarValue::TimestampMicrosecond(
        Some(micros),
        Some("UTC".into()),
    ))
}

fn no_time(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(ScalarValue::TimestampMicrosecond(None, Some("UTC".into())))
}

fn no_text(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_optional_text(None))
}

fn no_integer(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int4(None))
}

fn no_bigint(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int8(None))
}

fn nothing(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(""))
}

fn no(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_boolean(false))
}

fn zero(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int4(Some(0)))
}

/// Number of the transaction: each statement is one, counted by the clock.
fn transaction(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    let since = START.elapsed().unwrap_or_default();
    let number = i64::try_from(since.as_micros()).unwrap_or_default();
    Ok(values::of_int8(Some(number.saturating_add(1))))
}

fn encoding(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text("UTF8"))
}

fn encoding_name(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let is_utf8 = values::integer(&call.arguments[0])? == UTF8_ENCODING;
    Ok(values::of_text(if is_utf8 { "UTF8" } else { "" }))
}

fn encoding_number(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let name = values::text(&call.arguments[0])?.to_uppercase();
    let is_utf8 = ["UTF8", "UTF-8", "UNICODE"].contains(&name.as_str());
    Ok(values::of_int4(Some(if is_utf8 { 6 } else { -1 })))
}

/// Size in the unit that leaves at most five digits, as Postgres rounds it.
fn pretty_size(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    const UNITS: &[&str] = &["bytes", "kB", "MB", "GB", "TB", "PB"];
    const MAX_SHOWN: i64 = 10 * 1024;
    let mut size = values::integer(&call.arguments[0])?;
    let mut unit = 0;
    // A half is kept until the last step, to round once.
    let mut halves = size.saturating_mul(2);
    while size.saturating_abs() >= MAX_SHOWN && unit + 1 < UNITS.len() {
        halves /= 1024;
        size = (halves + halves.signum()) / 2;
        unit += 1;
    }
    Ok(values::of_text(format!("{size} {}", UNITS[unit])))
}
