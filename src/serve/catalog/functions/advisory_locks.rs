//! Advisory locks. They coordinate clients of one database that write; statements
//! of this server are complete on their own, so every lock is granted at once.

use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::function::{CatalogCall, CatalogFunction, volatile};
use super::values;

pub const FUNCTIONS: &[CatalogFunction] = &[
    volatile("pg_advisory_lock", &[1, 2], "text", done),
    volatile("pg_advisory_lock_shared", &[1, 2], "text", done),
    volatile("pg_advisory_xact_lock", &[1, 2], "text", done),
    volatile("pg_advisory_xact_lock_shared", &[1, 2], "text", done),
    volatile("pg_advisory_unlock_all", &[0], "text", done),
    volatile("pg_advisory_unlock", &[1, 2], "bool", granted),
    volatile("pg_advisory_unlock_shared", &[1, 2], "bool", granted),
    volatile("pg_try_advisory_lock", &[1, 2], "bool", granted),
    volatile("pg_try_advisory_lock_shared", &[1, 2], "bool", granted),
    volatile("pg_try_advisory_xact_lock", &[1, 2], "bool", granted),
    volatile("pg_try_advisory_xact_lock_shared", &[1, 2], "bool", granted),
];

/// Result of a function without a value: the empty text that Postgres sends for
/// `void`.
fn done(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(""))
}

fn granted(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_boolean(true))
}
