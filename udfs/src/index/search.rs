//! Which rows an index names for a search.

use arrow::buffer::BooleanBuffer;

use super::file::{About, IndexFile};
use crate::vector::hnsw::{Found, LINKS, MAX_EF, Seen, View};

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Search {
    /// Of unit length.
    pub query: Vec<f32>,
    pub rows: usize,
}

/// A row that the index names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub row: u64,
    /// The number of its vector in the index; `None` for a row without one.
    pub vector: Option<u32>,
}

/// How rows were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Along the links of the graph.
    Graph,
    /// By comparing every vector that passes.
    OneByOne,
    /// No more pass than are wanted.
    All,
}

/// The rows for a search, in their order, counted over all files.
pub fn hits(
    index: &IndexFile,
    search: &Search,
    passing: Option<&BooleanBuffer>,
) -> (Vec<Hit>, Way) {
    let (view, rows) = (index.view(), index.rows());
    let breadth = index.about.breadth.max(search.rows.saturating_mul(2));
    let breadth = breadth.min(MAX_EF);
    let (found, way) = match passing {
        None => {
            let found = view.search(&search.query, breadth, &mut Seen::default());
            (found, Way::Graph)
        }
        Some(passing) => {
            // The files may have fewer rows than when the index was made.
            let passes = |vector: &u32| {
                let row = rows[*vector as usize] as usize;
                row < passing.len() && passing.value(row)
            };
            let vectors: Vec<u32> = (0..rows.len() as u32).filter(passes).collect();
            if vectors.len() < search.rows {
                return (all(passing, rows), Way::All);
            }
            among(&view, search, breadth, &vectors, |vector| passes(&vector))
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
    (hits, way)
}

/// How many times farther than by chance a search goes along the links.
const PATIENCE: f64 = 4.0;

/// The nearest of `vectors`, which are those that pass, in the way that looks
/// at fewer.
///
/// Along the links, only a share of what is met passes, so that the fewer pass,
/// the farther a search goes. Where it goes much farther than that share
/// foretells, what is near to the query does not pass: what it finds then, far
/// away, need not be the nearest, and it is given up.
fn among(
    view: &View<'_>,
    search: &Search,
    breadth: usize,
    vectors: &[u32],
    passes: impl Fn(u32) -> bool,
) -> (Vec<Found>, Way) {
    let share = vectors.len() as f64 / view.count() as f64;
    let met = (breadth * LINKS) as f64 / share;
    if met < vectors.len() as f64 {
        let most = (PATIENCE * met) as usize;
        let found = view.search_among(&search.query, breadth, passes, most, &mut Seen::default());
        if let Some(found) = found {
            return (found, Way::Graph);
        }
    }
    let found = view.nearest_of(&search.query, vectors, search.rows);
    (found, Way::OneByOne)
}

/// Every row that passes, with or without a vector.
fn all(passing: &BooleanBuffer, rows: &[u32]) -> Vec<Hit> {
    let hit = |row: usize| Hit {
        row: row as u64,
        // Vectors have the order of their rows.
        vector: rows.binary_search(&(row as u32)).ok().map(|at| at as u32),
    };
    passing.set_indices().map(hit).collect()
}

/// The hits of each file, whose rows count from its own first.
pub fn by_files(about: &About, hits: &[Hit]) -> Vec<Vec<Hit>> {
    let (mut rest, mut first) = (hits, 0);
    let mut of_files = Vec::new();
    for count in &about.rows {
        let end = rest.partition_point(|hit| hit.row < first + count);
        let (own, others) = rest.split_at(end);
        let own = own.iter().map(|hit| Hit {
            row: hit.row - first,
            ..*hit
        });
        of_files.push(own.collect());
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
        let about = About {
            breadth: 24,
            ..About::of_one_file(u64::from(count), rows.len() as u64, 2)
        };
        let path = folder.join("circle.hnsw");
        IndexFile::write(&path, about, &vectors, &rows, &graph).unwrap();
        IndexFile::open(&path).unwrap()
    }

    #[test]
    fn every_way_finds_what_passes_and_lies_nearest() {
        const ROWS: usize = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let index = circle(folder.path(), ROWS as u32);
        let search = Search {
            query: vec![1.0, 0.0],
            rows: 5,
        };
        let nearest = |passes: &dyn Fn(usize) -> bool| {
            let passing = BooleanBuffer::collect_bool(ROWS, passes);
            let (hits, way) = hits(&index, &search, Some(&passing));
            let rows: Vec<u64> = hits.iter().map(|hit| hit.row).collect();
            for hit in &hits {
                let own = hit
                    .vector
                    .map(|vector| u64::from(index.rows()[vector as usize]));
                assert!(own.is_none_or(|own| own == hit.row), "{hit:?}");
            }
            (rows, way)
        };
        // The graph: what is nearest of the odd ones.
        assert_eq!(
            nearest(&|row| row % 2 == 1),
            (vec![1, 3, 5, 7, 9], Way::Graph)
        );
        // Nothing near the query passes, and it goes far for what does.
        assert_eq!(
            nearest(&|row| (9_000..19_000).contains(&row)),
            (vec![18_995, 18_996, 18_997, 18_998, 18_999], Way::OneByOne)
        );
        // So few that the graph is not asked.
        assert_eq!(
            nearest(&|row| row % 1000 == 7),
            (vec![7, 1007, 2007, 18_007, 19_007], Way::OneByOne)
        );
        // Fewer than are wanted, and those without a vector among them.
        assert_eq!(
            nearest(&|row| row >= 19_997 || row == 50),
            (vec![50, 19_997, 19_998, 19_999], Way::All)
        );
        assert_eq!(nearest(&|_| false), (vec![], Way::All));
        let (all, way) = hits(&index, &search, None);
        assert_eq!((all.len(), way), (5, Way::Graph));
    }

    #[test]
    fn a_search_for_more_rows_than_there_are_finds_all() {
        let folder = tempfile::tempdir().unwrap();
        let index = circle(folder.path(), 50);
        let search = Search {
            query: vec![1.0, 0.0],
            rows: usize::MAX,
        };
        let (hits, way) = hits(&index, &search, None);
        assert_eq!((hits.len(), way), (45, Way::Graph));
    }

    #[test]
    fn each_file_counts_its_own_rows() {
        let about = About {
            rows: vec![3, 0, 4],
            ..About::default()
        };
        let hit = |row| Hit { row, vector: None };
        let own = by_files(&about, &[hit(0), hit(2), hit(3), hit(6)]);
        assert_eq!(own, [vec![hit(0), hit(2)], vec![], vec![hit(0), hit(3)]]);
    }
}
