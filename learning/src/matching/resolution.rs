//! Rows of a table as products: which rows are one product, and why.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::candidate_pairs::{candidate_pairs, is_one_source};
use super::clustering::{Link, MergeRules, clusters};
use super::comparison::Comparison;
use super::pair_features::contradict;
use super::pair_scorer::{PairScorer, log_odds, probability};
use super::reason::reason;
use super::record::ProductRecord;
use super::rivals::subtract_rivals;
use super::vectors::RecordVectors;
use semql_inference::parallel::parallel_for_each;
use semql_inference::{Error, Result};

/// Reason of a row whose title, text and price are those of the representative.
const EQUAL_ROWS: &str = "same title and text";

/// Pairs of a task.
const PAIRS_PER_TASK: usize = 4_096;

/// Bytes of a candidate pair: the pair, its link, and copies while they are sorted.
const BYTES_PER_PAIR: usize = 48;

/// The product of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedRow {
    /// Number of the product, from 1.
    pub entity: u32,
    /// The row that represents the product.
    pub representative: u32,
    /// Probability that the row and its representative are one product; `None` for the
    /// representative.
    pub score: Option<f32>,
    /// The evidence of the score.
    pub reason: Option<String>,
}

/// How rows are resolved.
pub struct ResolveOptions<'a> {
    pub scorer: &'a PairScorer,
    /// Minimum probability of a pair, 0..1.
    pub threshold: f32,
    /// Reserves memory, in bytes, before it is allocated.
    pub reserve: &'a dyn Fn(usize) -> Result<()>,
}

/// The product of each row. `vector` gives the vector of the headline of a row, of `dims`
/// values. The order of the rows does not matter.
///
/// # Errors
/// Those of `reserve`; [`Error::Interrupted`] once `is_cancelled` returns true.
pub fn resolve<'v>(
    rows: &[ProductRecord<'_>],
    dims: usize,
    vector: &dyn Fn(usize) -> Option<&'v [f32]>,
    options: &ResolveOptions<'_>,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<ResolvedRow>> {
    let groups = equal_rows(rows);
    let records: Vec<ProductRecord<'_>> = groups.iter().map(|group| rows[group[0]]).collect();
    (options.reserve)(records.len() * dims * size_of::<f32>())?;
    let vectors = groups.iter().map(|group| vector(group[0]));
    let vectors = RecordVectors::new(dims, vectors);
    let comparison = Comparison::new(&records, vectors, is_cancelled)?;
    (options.reserve)(comparison.heap_bytes())?;
    let sources = source_numbers(&records);
    let has_sources = sources.iter().any(Option::is_some);
    let pairs = candidate_pairs(&comparison, &sources, is_cancelled)?;
    (options.reserve)(pairs.len() * BYTES_PER_PAIR)?;
    let mut links = links(&pairs, &comparison, options.scorer, is_cancelled)?;
    let mut adjusted = HashMap::new();
    if has_sources {
        subtract_rivals(records.len(), &mut links);
        adjusted.extend(links.iter().map(|link| ((link.a, link.b), link.score)));
    }
    let score = |a: u32, b: u32| match adjusted.get(&(a.min(b), a.max(b))) {
        Some(score) => *score,
        None => options.scorer.log_odds(&comparison.features(a, b)),
    };
    let facts = &comparison.facts;
    let rules = MergeRules {
        threshold: log_odds(options.threshold),
        score: &score,
        contradict: &|a, b| {
            is_one_source(&sources, a, b) || contradict(&facts[a as usize], &facts[b as usize])
        },
    };
    let found = clusters(records.len(), links, &rules, is_cancelled)?;
    let mut numbered = NumberedRows::new(rows.len());
    for members in &found {
        let entity = numbered.next_entity();
        let central = central_record(members, &score, &records);
        let representative = groups[central as usize][0];
        for record in members {
            let (first, others) = match groups[*record as usize].split_first() {
                Some((first, others)) => (*first, others),
                None => continue,
            };
            let evidence = (*record != central).then(|| {
                let features = comparison.features(*record, central);
                let [a, b] = [*record, central].map(|record| &facts[record as usize]);
                (
                    probability(score(*record, central)),
                    reason(a, b, &features),
                )
            });
            for row in others {
                // Equal rows of one source are different products.
                match rows[*row].source {
                    Some(_) => numbered.set_alone(*row),
                    None => {
                        let equal = || (1.0, EQUAL_ROWS.to_string());
                        let evidence = evidence.clone().unwrap_or_else(equal);
                        numbered.set(*row, entity, representative, Some(evidence));
                    }
                }
            }
            numbered.set(first, entity, representative, evidence);
        }
    }
    Ok(numbered.finish(rows))
}

/// The rows with an equal text each, ordered by text, and within a group by key.
fn equal_rows(rows: &[ProductRecord<'_>]) -> Vec<Vec<usize>> {
    let has_text = |row: &usize| rows[*row].headline().is_some();
    let mut order: Vec<usize> = (0..rows.len()).filter(has_text).collect();
    order.sort_by(|a, b| {
        let [x, y] = [*a, *b].map(|row| (rows[row].content(), rows[row].key, row));
        x.cmp(&y)
    });
    let groups = order.chunk_by(|a, b| rows[*a].content() == rows[*b].content());
    groups.map(<[usize]>::to_vec).collect()
}

/// A number for each source.
fn source_numbers(records: &[ProductRecord<'_>]) -> Vec<Option<u32>> {
    let mut names: Vec<&str> = records.iter().filter_map(|record| record.source).collect();
    names.sort_unstable();
    names.dedup();
    let number = |source: &str| names.binary_search(&source).ok().map(|at| at as u32);
    records
        .iter()
        .map(|record| number(record.source?))
        .collect()
}

/// The log-odds of each pair, computed on all cores.
fn links(
    pairs: &[(u32, u32)],
    comparison: &Comparison,
    scorer: &PairScorer,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Link>> {
    let link = |(a, b): &(u32, u32)| Link {
        a: *a,
        b: *b,
        score: 0.0,
    };
    let mut links: Vec<Link> = pairs.iter().map(link).collect();
    parallel_for_each(links.chunks_mut(PAIRS_PER_TASK), |links| {
        if is_cancelled() {
            return;
        }
        for link in links {
            link.score = scorer.log_odds(&comparison.features(link.a, link.b));
        }
    });
    match is_cancelled() {
        true => Err(Error::Interrupted),
        false => Ok(links),
    }
}

/// The record of a cluster with the highest sum of scores to the others; of equals that
/// with the longest headline, then the first.
fn central_record(
    members: &[u32],
    score: &dyn Fn(u32, u32) -> f32,
    records: &[ProductRecord<'_>],
) -> u32 {
    let sum = |record: u32| -> f32 {
        let others = members.iter().filter(|other| **other != record);
        others.map(|other| score(record, *other)).sum()
    };
    let length = |record: u32| records[record as usize].headline().map_or(0, str::len);
    let candidates = members.iter().map(|record| (*record, sum(*record)));
    let best = candidates.reduce(|best, one| {
        let order = one.1.total_cmp(&best.1);
        match order.then(length(one.0).cmp(&length(best.0))) {
            Ordering::Greater => one,
            _ => best,
        }
    });
    best.map_or(0, |(record, _)| record)
}

/// Results of rows, and the next number of a product.
struct NumberedRows {
    resolved: Vec<Option<ResolvedRow>>,
    entities: u32,
}

impl NumberedRows {
    fn new(rows: usize) -> Self {
        Self {
            resolved: vec![None; rows],
            entities: 0,
        }
    }

    fn next_entity(&mut self) -> u32 {
        self.entities += 1;
        self.entities
    }

    fn set(
        &mut self,
        row: usize,
        entity: u32,
        representative: usize,
        evidence: Option<(f32, String)>,
    ) {
        let (score, reason) = evidence.unzip();
        self.resolved[row] = Some(ResolvedRow {
            entity,
            representative: representative as u32,
            score,
            reason,
        });
    }

    /// Makes a row the only one of its product.
    fn set_alone(&mut self, row: usize) {
        let entity = self.next_entity();
        self.set(row, entity, row, None);
    }

    /// The results; rows without a text are products of their own.
    fn finish(mut self, rows: &[ProductRecord<'_>]) -> Vec<ResolvedRow> {
        let is_open = |row: &usize| self.resolved[*row].is_none();
        let mut open: Vec<usize> = (0..rows.len()).filter(is_open).collect();
        open.sort_by_key(|row| (rows[*row].key, *row));
        for row in open {
            self.set_alone(row);
        }
        self.resolved.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(rows: &[ProductRecord<'_>]) -> Vec<ResolvedRow> {
        let options = ResolveOptions {
            scorer: &PairScorer::default(),
            threshold: 0.5,
            reserve: &|_| Ok(()),
        };
        // Without vectors, equal words count as equal titles.
        resolve(rows, 1, &|_| Some(&[1.0]), &options, &|| false).unwrap()
    }

    fn row<'a>(title: &'a str, key: &'a str) -> ProductRecord<'a> {
        ProductRecord {
            title: Some(title),
            key,
            ..ProductRecord::default()
        }
    }

    const TITLES: [&str; 7] = [
        "Netgear ProSafe FS105 switch",
        "Netgear FS105NA ProSafe switch",
        "Netgear ProSafe FS108 switch",
        "Netgear ProSafe FS105 switch",
        "",
        "Oak table",
        "Oak table",
    ];
    const KEYS: [&str; 7] = ["0", "1", "2", "3", "4", "5", "6"];

    #[test]
    fn rows_of_one_product_share_an_entity() {
        let rows: Vec<_> = TITLES
            .iter()
            .zip(KEYS)
            .map(|(title, key)| row(title, key))
            .collect();
        let found = resolved(&rows);
        let entities: Vec<u32> = found.iter().map(|row| row.entity).collect();
        assert_eq!(entities[0], entities[1]);
        assert_eq!(entities[0], entities[3]);
        assert_ne!(entities[0], entities[2], "their codes differ");
        assert_eq!(entities[5], entities[6]);
        assert_eq!(entities.iter().max(), Some(&4));
        let evidence = |row: usize| found[row].reason.as_deref();
        assert_eq!(evidence(6), Some(EQUAL_ROWS));
        assert_eq!(evidence(4), None);
        let linked = evidence(1).or(evidence(0)).unwrap();
        assert!(linked.contains("related model numbers"), "{linked}");
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let rows: Vec<_> = TITLES
            .iter()
            .zip(KEYS)
            .map(|(title, key)| row(title, key))
            .collect();
        let forward = resolved(&rows);
        let backward: Vec<_> = rows.iter().rev().copied().collect();
        let mut backward = resolved(&backward);
        backward.reverse();
        for found in &mut backward {
            found.representative = rows.len() as u32 - 1 - found.representative;
        }
        assert_eq!(backward, forward);
    }

    #[test]
    fn rows_of_one_source_are_different_products() {
        let from = |title, key, source| ProductRecord {
            source: Some(source),
            ..row(title, key)
        };
        let rows = [
            from("Oak table", "1", "a"),
            from("Oak table", "2", "a"),
            from("Oak table", "3", "b"),
        ];
        let entities: Vec<u32> = resolved(&rows).iter().map(|row| row.entity).collect();
        assert_eq!(entities, [1, 2, 1]);
    }

    #[test]
    fn many_equal_rows_are_one_product() {
        let rows = vec![row("Oak table", "1"); 10_000];
        let found = resolved(&rows);
        assert!(
            found
                .iter()
                .all(|row| row.entity == 1 && row.representative == 0)
        );
        let source = ProductRecord {
            source: Some("a"),
            ..rows[0]
        };
        let found = resolved(&vec![source; 10_000]);
        assert_eq!(found.iter().map(|row| row.entity).max(), Some(10_000));
        assert!(resolved(&[]).is_empty());
    }
}
