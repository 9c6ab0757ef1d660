//! Join of two tables by the similarity of their vectors, as products of blocks instead
//! of a loop over pairs of rows.
//!
//! `rule.rs` replaces a join on `cosine_similarity(a.v, b.v) > t`. The relation
//! `knn_join` plans the node itself.

mod exec;
mod node;
mod rule;
mod side_vectors;

pub use exec::{RANK, SCORE, VectorJoinExec};
pub use node::{VectorJoin, VectorJoinPlanner};
pub use rule::JoinByVectors;
