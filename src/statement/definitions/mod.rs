//! Definitions: CREATE, ALTER, DROP, TRUNCATE and COMMENT of tables, views and
//! schemas.
//!
//! `object` resolves names. `column_rules` takes from the columns of CREATE TABLE
//! what the engine does not read, and `table_definition` makes the definition of a
//! table in memory. `dependents` finds the views over a table.

mod alter_table;
mod alteration;
mod column_rules;
mod column_types;
mod comment;
mod constraint_rules;
mod create_table;
mod create_view;
mod dependents;
mod dispatch;
mod drop_object;
mod object;
mod ordinary_index;
mod privileges;
mod rename;
mod schemas;
mod table_change;
mod table_definition;
mod truncate;

pub use dispatch::{of, run};
pub use rename::rename_view;
