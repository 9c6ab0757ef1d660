//! `row_fraction`: the number by which a repeatable sample chooses rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::hash_utils::{QualityRandomState, create_hashes_with_hasher};
use datafusion::logical_expr::{ScalarUDF, Volatility};

use super::sql_function::{FunctionSpec, SqlFunction};

/// Most columns of a table.
const MAX_COLUMNS: usize = 10_000;

pub static ROW_FRACTION: FunctionSpec = FunctionSpec {
    name: "row_fraction",
    syntax: "row_fraction(seed, value [, ...])",
    description: "A number from 0 to 1 that depends on the seed and the values alone, and is as good as random.",
    arity: (1, MAX_COLUMNS),
    coerce: |types| {
        let values = types.iter().skip(1).cloned();
        Ok([DataType::Int64].into_iter().chain(values).collect())
    },
    result: |_, _| Ok(DataType::Float64),
    evaluate: |call| {
        let seeds = call.arguments[0].as_primitive::<Int64Type>();
        let seed = seeds.values().first().copied().unwrap_or_default();
        let state = QualityRandomState::with_seed(seed as u64);
        let mut hashes = vec![0_u64; call.rows];
        create_hashes_with_hasher(&call.arguments[1..], &state, &mut hashes)?;
        let fractions = hashes.iter().map(|hash| fraction(*hash, seed as u64));
        Ok(Arc::new(fractions.collect::<Float64Array>()) as ArrayRef)
    },
    replace: None,
    keeps_nulls: true,
    volatility: Volatility::Immutable,
};

pub fn row_fraction() -> ScalarUDF {
    SqlFunction::udf(&ROW_FRACTION)
}

/// A number from 0 to 1. The hash of several columns is a sum whose bits depend on each
/// other, so they are mixed, as in SplitMix64.
fn fraction(hash: u64, seed: u64) -> f64 {
    let mut mixed = hash.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // The 53 bits that a double holds.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}
