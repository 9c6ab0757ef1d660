//! Numbers of rows in messages.

/// `1 row`, `250 rows`.
pub fn rows(count: u64) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} row{s}")
}
