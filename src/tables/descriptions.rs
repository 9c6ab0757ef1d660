//! Descriptions of tables and columns, from COMMENT ON.

use std::collections::HashMap;
use std::sync::Mutex;

use semql_udfs::inference::sync::lock;

use super::table_name::TableName;

/// Descriptions by table, and by column; the table's has no column.
#[derive(Debug, Default)]
pub struct Descriptions(Mutex<HashMap<(TableName, Option<String>), String>>);

impl Descriptions {
    /// Sets the description of a table or of its column; `None` removes it.
    pub fn set(&self, table: TableName, column: Option<String>, text: Option<String>) {
        let mut all = lock(&self.0);
        match text {
            Some(text) => all.insert((table, column), text),
            None => all.remove(&(table, column)),
        };
    }

    /// Removes the descriptions of a table and its columns.
    pub fn forget(&self, table: &TableName) {
        lock(&self.0).retain(|(known, _), _| known != table);
    }

    /// Moves the descriptions of a table and its columns to another name.
    pub fn rename(&self, old: &TableName, new: &TableName) {
        let mut all = lock(&self.0);
        let columns: Vec<_> = all
            .keys()
            .filter(|(table, _)| table == old)
            .cloned()
            .collect();
        for key in columns {
            if let Some(text) = all.remove(&key) {
                all.insert((new.clone(), key.1), text);
            }
        }
    }

    /// The description of a table or of its column.
    pub fn get(&self, table: &TableName, column: Option<&str>) -> Option<String> {
        let key = (table.clone(), column.map(str::to_string));
        lock(&self.0).get(&key).cloned()
    }
}
