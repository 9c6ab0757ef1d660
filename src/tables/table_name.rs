//! Names of tables.

/// Full name of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    pub catalog: String,
    pub schema: String,
    pub table: String,
}
