//! Catalogue of Postgres, made of the session's tables, functions and dictionary.
//!
//! `install` adds it to a session: the tables of `schema`, which are `static_tables`
//! of Postgres or made per query by `relations`, `roles`, `routines`, `views`,
//! `information`, `constraints` and `dependencies` from a `snapshot`; and the `functions`,
//! which look up `names` of objects and their `oids`. `type_planner` has the types of
//! casts, and `catalog_types` finds the columns of a query that have types of the
//! catalogue. `client` describes the client to tables and functions.

mod catalog_types;
mod client;
mod column_kinds;
mod column_types;
mod constraints;
mod dependencies;
mod functions;
mod information;
mod install;
mod names;
mod oids;
mod procedure;
mod procedures;
mod relations;
mod roles;
mod routines;
mod row_builder;
mod schema;
mod session_functions;
mod snapshot;
mod static_tables;
mod type_names;
mod type_planner;
mod views;

pub use catalog_types::mark as mark_catalog_types;
pub use client::ClientContext;
pub use column_kinds::{FUNCTION_COLUMNS, LIST_COLUMNS};
pub use install::{DATABASE, install, is_catalog_table, is_information_view};
pub use oids::catalog_table;
pub use static_tables::is_always_empty;
