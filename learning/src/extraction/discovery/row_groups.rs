//! Rows by category, or by cluster.

use std::collections::{BTreeMap, HashMap};

use semql_inference::progress::ProgressSink;
use semql_inference::random::Random;
use semql_inference::vector::normalize;
use semql_inference::{Error, Result};

use super::tokenized_rows::{TokenKind, TokenizedRows};
use crate::words::{hash_word, is_stop_word};
use crate::{Terms, kmeans};

/// Minimum number of rows of a group.
const MIN_GROUP_ROWS: usize = 20;

/// Maximum number of groups: the largest.
const MAX_GROUPS: usize = 40;

/// Mean rows of a cluster, and maximum number of clusters, if their number is not given.
const ROWS_PER_CLUSTER: usize = 150;
const MAX_CLUSTERS: usize = 12;

/// Dimensions of the vectors that are clustered.
const DIMS: usize = 96;

/// Words that name a cluster.
const NAME_WORDS: usize = 2;

/// Some rows of the table with something in common.
#[derive(Clone, Debug, PartialEq)]
pub struct RowGroup {
    /// The category, or the most characteristic words; `None` for all rows.
    pub name: Option<String>,
    /// Positions in the sampled rows, ascending.
    pub rows: Vec<usize>,
}

/// Groups by category, the largest first. One group of all rows if none has enough rows.
pub fn category_groups(
    tokenized: &TokenizedRows<'_>,
    categories: &[Option<&str>],
) -> Vec<RowGroup> {
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, position) in tokenized.positions.iter().enumerate() {
        let category = categories.get(*position).copied().flatten();
        if let Some(category) = category.filter(|category| !category.trim().is_empty()) {
            rows.entry(category.trim()).or_default().push(row);
        }
    }
    let groups = rows
        .into_iter()
        .map(|(name, rows)| (name.to_string(), rows));
    large_groups(tokenized, groups.collect())
}

/// Groups of rows with similar words: `count` of them, or a number that suits the rows.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn cluster_groups(
    tokenized: &TokenizedRows<'_>,
    count: Option<usize>,
    seed: u64,
    progress: &dyn ProgressSink,
) -> Result<Vec<RowGroup>> {
    let rows = tokenized.rows.len();
    let count = count.unwrap_or((rows / ROWS_PER_CLUSTER).min(MAX_CLUSTERS));
    if count < 2 || rows < 2 * MIN_GROUP_ROWS {
        return Ok(large_groups(tokenized, Vec::new()));
    }
    let vectors = row_vectors(tokenized);
    let clusters = kmeans(&vectors, DIMS, count.min(rows), seed, progress);
    let clusters = clusters.ok_or(Error::Interrupted)?;
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, cluster) in clusters.assignments.iter().enumerate() {
        members.entry(*cluster).or_default().push(row);
    }
    let named = members.into_values().map(|rows| {
        let mut terms = Terms::default();
        for row in &rows {
            let texts: Vec<&str> = tokenized.rows[*row].iter().map(|text| text.text).collect();
            terms.add(&texts.join(" "));
        }
        (terms.best(NAME_WORDS).join(", "), rows)
    });
    Ok(large_groups(tokenized, named.collect()))
}

/// Groups with enough rows, or one of all rows.
fn large_groups(tokenized: &TokenizedRows<'_>, groups: Vec<(String, Vec<usize>)>) -> Vec<RowGroup> {
    let mut groups: Vec<RowGroup> = groups
        .into_iter()
        .filter(|(_, rows)| rows.len() >= MIN_GROUP_ROWS)
        .map(|(name, rows)| RowGroup {
            name: Some(name),
            rows,
        })
        .collect();
    groups.sort_by(|a, b| b.rows.len().cmp(&a.rows.len()).then(a.name.cmp(&b.name)));
    groups.truncate(MAX_GROUPS);
    if groups.len() < 2 {
        groups = vec![RowGroup {
            name: None,
            rows: (0..tokenized.rows.len()).collect(),
        }];
    }
    groups
}

/// Vectors of rows: random directions of their words, weighted by rarity.
fn row_vectors(tokenized: &TokenizedRows<'_>) -> Vec<f32> {
    let words: Vec<Vec<u32>> = tokenized
        .rows
        .iter()
        .map(|texts| {
            let tokens = texts.iter().flat_map(|text| &text.tokens);
            let tokens = tokens.filter(|token| {
                token.kind == TokenKind::Word && !is_stop_word(tokenized.word(token))
            });
            let mut words: Vec<u32> = tokens.map(|token| token.word).collect();
            words.sort_unstable();
            words.dedup();
            words
        })
        .collect();
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for word in words.iter().flatten() {
        *counts.entry(*word).or_default() += 1;
    }
    let mut vectors = vec![0.0; words.len() * DIMS];
    for (words, vector) in words.iter().zip(vectors.chunks_exact_mut(DIMS)) {
        for word in words {
            let count = counts.get(word).copied().unwrap_or(1);
            let is_shared = count > 1;
            if !is_shared {
                continue;
            }
            let weight = (tokenized.rows.len() as f32 / count as f32).ln();
            let mut random = Random::new(hash_word(&tokenized.words[*word as usize]));
            for value in vector.iter_mut() {
                let sign = if random.bits() >> 63 == 0 { 1.0 } else { -1.0 };
                *value += sign * weight;
            }
        }
        normalize(vector);
    }
    vectors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    #[test]
    fn similar_rows_are_in_one_cluster_with_their_words_as_name() {
        let texts: Vec<String> = (0..120)
            .map(|row| match row % 2 {
                0 => format!("ground coffee roast {row}"),
                _ => format!("leather shoe oxford {row}"),
            })
            .collect();
        let rows: Vec<SourceTexts<'_>> =
            texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let tokenized = TokenizedRows::new(&rows, 0);
        let groups = cluster_groups(&tokenized, Some(2), 0, &|| false).unwrap();
        assert_eq!(groups.len(), 2, "{groups:?}");
        for group in &groups {
            assert_eq!(group.rows.len(), 60);
            assert!(group.rows.iter().all(|row| row % 2 == group.rows[0] % 2));
        }
        let cancelled = cluster_groups(&tokenized, Some(2), 0, &|| true);
        assert_eq!(cancelled, Err(Error::Interrupted));
    }

    #[test]
    fn small_categories_are_no_groups() {
        let rows: Vec<SourceTexts<'_>> = vec![vec![Some("a b")]; 50];
        let tokenized = TokenizedRows::new(&rows, 0);
        let mut categories = vec![Some("a"); 25];
        categories.extend(vec![Some("b"); 22]);
        categories.extend([None, Some(" "), Some("c")]);
        let names = |groups: Vec<RowGroup>| -> Vec<Option<String>> {
            groups.into_iter().map(|group| group.name).collect()
        };
        let found = names(category_groups(&tokenized, &categories));
        assert_eq!(found, [Some("a".to_string()), Some("b".to_string())]);
        assert_eq!(
            names(category_groups(&tokenized, &categories[..30])),
            [None]
        );
        assert_eq!(names(category_groups(&tokenized, &[])), [None]);
    }
}
