//! Name under which a table also gives the ids of its rows.

/// Suffix of the name. A user does not write a control character by accident.
const ROWS_SUFFIX: &str = "\u{1}rows";

/// Name of a table with the ids of its rows.
pub fn rows_name(table: &str) -> String {
    format!("{table}{ROWS_SUFFIX}")
}

/// The table of a name of [`rows_name`].
pub fn table_of_rows_name(name: &str) -> Option<&str> {
    name.strip_suffix(ROWS_SUFFIX)
}
