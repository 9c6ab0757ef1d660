//! Search of an index for the nearest rows.

use super::file::{IndexFile, IndexMetadata};
use crate::vector::hnsw::{GraphView, M, MAX_EF, ScoredVector, VisitedList};

/// Parameters of a search.
#[derive(Clone, Debug)]
pub struct IndexSearch {
    /// A vector of unit length.
    pub query: Vec<f32>,
    /// Number of nearest rows.
    pub rows: usize,
}

/// Rows that pass a filter, counted over all files.
pub trait Prefilter {
    /// Number of rows, whether they pass or not.
    fn row_count(&self) -> usize;

    /// Whether `row`, below [`row_count`](Self::row_count), passes.
    fn passes(&self, row: usize) -> bool;
}

impl Prefilter for Vec<bool> {
    fn row_count(&self) -> usize {
        self.len()
    }

    fn passes(&self, row: usize) -> bool {
        self[row]
    }
}

/// A row of a search result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub row: u64,
    /// The number of its vector in the index; `None` for a row without one.
    pub vector: Option<u32>,
}

/// Strategy of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchStrategy {
    /// Follows the links of the graph.
    Graph,
    /// Compares every vector that passes the filter.
    Exact,
    /// Returns all rows that pass: they are fewer than requested.
    AllRows,
}

/// Finds the nearest rows; returns them in ascending order, counted over all files.
pub fn hits(
    index: &IndexFile,
    search: &IndexSearch,
    prefilter: Option<&dyn Prefilter>,
) -> (Vec<Hit>, SearchStrategy) {
    let (view, rows) = (index.view(), index.rows());
    let ef = index.metadata.ef.max(search.rows.saturating_mul(2));
    let ef = ef.min(MAX_EF);
    let (found, strategy) = match prefilter {
        None => {
            let found = view.search(&search.query, ef, &mut VisitedList::default());
            (found, SearchStrategy::Graph)
        }
        Some(prefilter) => {
            // The files may have fewer rows than when the index was created.
            let passes = |vector: &u32| {
                let row = rows[*vector as usize] as usize;
                row < prefilter.row_count() && prefilter.passes(row)
            };
            let vectors: Vec<u32> = (0..rows.len() as u32).filter(passes).collect();
            if vectors.len() < search.rows {
                return (all_rows(prefilter, rows), SearchStrategy::AllRows);
            }
            search_prefiltered(&view, search, ef, &vectors, |vector| passes(&vector))
        }
    };
    let best = found.iter().take(search.rows);
    let mut hits: Vec<Hit> = best
        .map(|found| Hit {
            row: u64::from(rows[found.vector as usize]),
            vector: Some(found.vector),
        })
        .collect();
    hits.sort_unstable_by_key(|hit| hit.row);
    hits.dedup_by_key(|hit| hit.row);
    (hits, strategy)
}

/// Maximum ratio of compared vectors to their expected number in a graph search.
const MAX_COMPARED_RATIO: f64 = 4.0;

/// The nearest of `vectors`, which pass the filter, by the strategy that is expected
/// to compare fewer vectors.
///
/// A graph search compares about `ef * M / share` vectors if a share of the vectors
/// passes. If it compares many more, the vectors near the query do not pass. The
/// distant ones that it would find may not be the nearest, so an exact search
/// replaces it.
fn search_prefiltered(
    view: &GraphView<'_>,
    search: &IndexSearch,
    ef: usize,
    vectors: &[u32],
    passes: impl Fn(u32) -> bool,
) -> (Vec<ScoredVector>, SearchStrategy) {
    let share = vectors.len() as f64 / view.count() as f64;
    let expected = (ef * M) as f64 / share;
    if expected < vectors.len() as f64 {
        let max_compared = (MAX_COMPARED_RATIO * expected) as usize;
        let found = view.search_filtered(
            &search.query,
            ef,
            passes,
            max_compared,
            &mut VisitedList::default(),
        );
        if let Some(found) = found {
            return (found, SearchStrategy::Graph);
        }
    }
    let found = view.search_exact(&search.query, vectors, search.rows);
    (found, SearchStrategy::Exact)
}

/// All rows that pass, with or without a vector.
fn all_rows(prefilter: &dyn Prefilter, rows: &[u32]) -> Vec<Hit> {
    let hit = |row: usize| Hit {
        row: row as u64,
        // Vectors are in the order of their rows.
        vector: rows.binary_search(&(row as u32)).ok().map(|at| at as u32),
    };
    (0..prefilter.row_count())
        .filter(|row| prefilter.passes(*row))
        .map(hit)
        .collect()
}

/// The hits of each file, with row numbers within the file.
pub fn hits_by_file(metadata: &IndexMetadata, hits: &[Hit]) -> Vec<Vec<Hit>> {
    let (mut rest, mut first) = (hits, 0);
    let mut of_files = Vec::new();
    for count in &metadata.rows {
        let end = rest.partition_point(|hit| hit.row < first + count);
        let (of_file, others) = rest.split_at(end);
        let of_file = of_file.iter().map(|hit| Hit {
            row: hit.row - first,
            ..*hit
        });
        of_files.push(of_file.collect());
        (rest, first) = (others, first + count);
    }
    of_files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::hnsw::build;

    /// Rows on a circle, every tenth without a vector.
    fn circle(folder: &std::path::Path, count: u32) -> IndexFile {
        let rows: Vec<u32> = (0..count).filter(|row| row % 10 > 0).collect();
        let angles = rows.iter().map(|row| *row as f32 / count as f32 * 6.0);
        let vectors: Vec<f32> = angles
            .flat_map(|angle| [angle.cos(), angle.sin()])
            .collect();
        let graph = build(&vectors, 2, 0, &|_| false).unwrap();
        let metadata = IndexMetadata {
            ef: 24,
            ..IndexMetadata::of_one_file(u64::from(count), rows.len() as u64, 2)
        };
        let path = folder.join("circle.hnsw");
        IndexFile::write(&path, metadata, &vectors, &rows, &graph).unwrap();
        IndexFile::open(&path).unwrap()
    }

    #[test]
    fn every_strategy_finds_the_nearest_rows_that_pass() {
        const ROWS: usize = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let index = circle(folder.path(), ROWS as u32);
        let search = IndexSearch {
            query: vec![1.0, 0.0],
            rows: 5,
        };
        let nearest = |passes: &dyn Fn(usize) -> bool| {
            let passing: Vec<bool> = (0..ROWS).map(passes).collect();
            let (hits, strategy) = hits(&index, &search, Some(&passing));
            let rows: Vec<u64> = hits.iter().map(|hit| hit.row).collect();
            for hit in &hits {
                let own = hit
                    .vector
                    .map(|vector| u64::from(index.rows()[vector as usize]));
                assert!(own.is_none_or(|own| own == hit.row), "{hit:?}");
            }
            (rows, strategy)
        };
        // Graph: the nearest odd rows.
        assert_eq!(
            nearest(&|row| row % 2 == 1),
            (vec![1, 3, 5, 7, 9], SearchStrategy::Graph)
        );
        // No row near the query passes.
        assert_eq!(
            nearest(&|row| (9_000..19_000).contains(&row)),
            (
                vec![18_995, 18_996, 18_997, 18_998, 18_999],
                SearchStrategy::Exact
            )
        );
        // Too few rows pass for the graph.
        assert_eq!(
            nearest(&|row| row % 1000 == 7),
            (vec![7, 1007, 2007, 18_007, 19_007], SearchStrategy::Exact)
        );
        // Fewer rows than requested, including some without a vector.
        assert_eq!(
            nearest(&|row| row >= 19_997 || row == 50),
            (vec![50, 19_997, 19_998, 19_999], SearchStrategy::AllRows)
        );
        assert_eq!(nearest(&|_| false), (vec![], SearchStrategy::AllRows));
        let (all, strategy) = hits(&index, &search, None);
        assert_eq!((all.len(), strategy), (5, SearchStrategy::Graph));
    }

    #[test]
    fn a_search_for_too_many_rows_finds_all() {
        let folder = tempfile::tempdir().unwrap();
        let index = circle(folder.path(), 50);
        let search = IndexSearch {
            query: vec![1.0, 0.0],
            rows: usize::MAX,
        };
        let (hits, strategy) = hits(&index, &search, None);
        assert_eq!((hits.len(), strategy), (45, SearchStrategy::Graph));
    }

    #[test]
    fn row_numbers_are_relative_to_the_file() {
        let metadata = IndexMetadata {
            rows: vec![3, 0, 4],
            ..IndexMetadata::default()
        };
        let hit = |row| Hit { row, vector: None };
        let own = hits_by_file(&metadata, &[hit(0), hit(2), hit(3), hit(6)]);
        assert_eq!(own, [vec![hit(0), hit(2)], vec![], vec![hit(0), hit(3)]]);
    }
}
