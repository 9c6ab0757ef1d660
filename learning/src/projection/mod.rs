//! Projections of vectors into few dimensions.

mod affinities;
mod nearest_neighbours;
mod pca;
mod quadtree;
mod tsne;

pub use pca::{PrincipalComponents, pca};
pub use tsne::{max_perplexity, tsne};
