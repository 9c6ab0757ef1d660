//! Table functions that take tables, one file each; `list.rs` lists them.
//!
//! In `FROM name(table, ...)` a table is a name, a 'file' or a query in parentheses. A
//! function returns a plan. What the nodes of DataFusion cannot express is a
//! `TableOperation` over whole tables.

mod arguments;
mod catalogue_diff;
mod check_taxonomy;
mod columns;
mod difference_rows;
mod discover_attributes;
mod exec;
mod hybrid_search;
mod knn_join;
mod list;
mod node;
mod normalize_values;
mod planner;
mod relation;
mod resolve;
mod resolve_columns;
mod row_differences;
mod signature;
mod text_search;
mod vector_search;
mod words;

pub use arguments::RelationArguments;
pub use columns::{IDS, PRICES, TEXTS, TITLES, first_called};
pub use list::RELATIONS;
pub(crate) use node::{TableOperationNode, TableOperationPlanner};
pub(crate) use planner::{RelationCallPlanner, RelationName};
pub use relation::Relation;
pub use signature::{Parameter, ParameterKind, RelationSignature};
