//! The list of table functions that take tables.

use super::check_taxonomy::CheckTaxonomy;
use super::hybrid_search::HybridSearch;
use super::knn_join::KnnJoin;
use super::relation::Relation;
use super::text_search::TextSearch;
use super::vector_search::VectorSearch;

/// All functions.
pub const RELATIONS: &[&dyn Relation] = &[
    &VectorSearch,
    &KnnJoin,
    &TextSearch,
    &HybridSearch,
    &CheckTaxonomy,
];
