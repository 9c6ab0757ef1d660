//! The map of the words of a page.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};

use super::page::{WordMap, unit_range};
use super::query::{MAX_NAME_CHARS, WORDS, column, floats, replace_table, texts_or_empty};
use super::template::{self, filled};
use super::vectors::RowVectors;
use crate::error::Result;
use crate::statement::StatementRunner;

/// Rows below which word2vec has too little text to learn from.
pub const MIN_WORD_MAP_ROWS: usize = 50;

const MAX_WORDS: usize = 300;
const MIN_WORDS: usize = 10;

/// Listed words that are used alike.
const MAX_NEAR_WORDS: usize = 8;

/// Learns vectors of the words of `rows` rows, and projects them onto a map; empty
/// with fewer than [`MIN_WORDS`] words.
///
/// # Errors
/// Those of the queries.
pub async fn word_map(runner: &StatementRunner, rows: usize) -> Result<WordMap> {
    let min_count = if rows < 2_000 { 3 } else { 10 };
    let values = [
        ("min_count", min_count.to_string()),
        ("words", MAX_WORDS.to_string()),
    ];
    let words = replace_table(runner, WORDS, &filled(template::WORDS, &values)).await?;
    if words.num_rows() < MIN_WORDS {
        return Ok(WordMap::default());
    }
    let words = replace_table(runner, WORDS, template::WORDS_MAP).await?;
    let vectors = RowVectors::of(column(&words, "vector")?)?;
    let counts = cast(column(&words, "uses")?, &DataType::UInt64)?;
    let near = vectors.neighbours(MAX_NEAR_WORDS);
    Ok(WordMap {
        names: texts_or_empty(&words, "word", MAX_NAME_CHARS)?,
        counts: counts.as_primitive::<UInt64Type>().values().to_vec(),
        x: unit_range(&floats(&words, "x")?),
        y: unit_range(&floats(&words, "y")?),
        near: near
            .into_iter()
            .map(|near| near.into_iter().map(|word| word.0).collect())
            .collect(),
    })
}
