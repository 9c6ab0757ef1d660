//! Parallel loops.

use rayon::iter::{ParallelBridge, ParallelIterator};

/// Number of cores that are available to the process.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Calls `work` once for each item, on all cores, in undefined order.
///
/// For a deterministic result, `work` writes to memory of its item only.
pub fn parallel_for_each<T: Send>(
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(T) + Sync + Send,
) {
    items.par_bridge().for_each(work);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_once_for_each_item() {
        let mut squares = vec![0; 1000];
        parallel_for_each(squares.iter_mut().enumerate(), |(at, square)| {
            *square += at * at;
        });
        let mut expected = (0..1000).map(|at| at * at);
        assert!(
            squares
                .iter()
                .all(|square| Some(*square) == expected.next())
        );
    }
}
