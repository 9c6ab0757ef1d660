//! The list of table functions that take tables.

use super::catalogue_diff::CatalogueDiff;
use super::check_taxonomy::CheckTaxonomy;
use super::discover_attributes::DiscoverAttributes;
use super::hybrid_search::HybridSearch;
use super::knn_join::KnnJoin;
use super::normalize_values::NormalizeValues;
use super::relation::Relation;
use super::resolve::Resolve;
use super::text_search::TextSearch;
use super::vector_search::VectorSearch;

/// All functions.
pub const RELATIONS: &[&dyn Relation] = &[
    &VectorSearch,
    &KnnJoin,
    &TextSearch,
    &HybridSearch,
    &CheckTaxonomy,
    &NormalizeValues,
    &DiscoverAttributes,
    &Resolve,
    &CatalogueDiff,
];
