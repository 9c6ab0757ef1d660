//! A join of two tables by how near their vectors are, as products of blocks in
//! place of a loop over pairs of rows.
//!
//! `rule.rs` makes one of a join on `cosine_similarity(a.v, b.v) > t`; the
//! relation `knn_join` asks for one by itself.

mod exec;
mod node;
mod rule;

pub use exec::VectorJoinExec;
pub use node::{RANK, SCORE, VectorJoin, VectorJoinPlanner};
pub use rule::JoinByVectors;
