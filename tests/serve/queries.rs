//! Statements of several tests. `ENDLESS...` do not end by themselves.

/// Query whose rows are all filtered out.
pub const ENDLESS: &str = "SELECT value FROM generate_series(1, 1000000000000) WHERE value % 7 = 8";

/// Query with inference.
pub const ENDLESS_INFERENCE: &str =
    "SELECT count(embed('text ' || value)) FROM generate_series(1, 1000000000000)";

/// Query that sends rows.
pub const ENDLESS_ROWS: &str = "COPY (SELECT * FROM generate_series(1, 1000000000000)) TO STDOUT";

/// Write to a file.
pub const ENDLESS_COPY: &str =
    "COPY (SELECT value FROM generate_series(1, 1000000000000)) TO 'big.parquet'";

/// Query with three parameters and three columns.
pub const THREE_PARAMETERS: &str = "SELECT $1::int AS a, $2::text AS b, $3::float8 AS c";
