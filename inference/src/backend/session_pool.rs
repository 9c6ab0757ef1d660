//! Parallel execution of one batch in several sessions.
//!
//! On the CPU, one session per core is faster than one session on all cores:
//! no operator waits for the slowest core, and each piece of a batch stays in
//! the cache of its core.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::TokenBatch;

/// Padded tokens of one piece. Their activations fit the L2 cache of a core.
pub const PIECE_TOKENS: usize = 512;

/// Maximum number of sessions of one model.
const MAX_SESSIONS: usize = 8;
/// Maximum total size of the weights of all sessions, in bytes.
const MAX_WEIGHT_BYTES: u64 = 1 << 30;

/// Number of sessions for `threads` threads and a graph of `graph_bytes`.
pub fn session_count(threads: usize, graph_bytes: u64) -> usize {
    let fitting = (MAX_WEIGHT_BYTES / graph_bytes.max(1)).max(1);
    threads
        .min(MAX_SESSIONS)
        .min(usize::try_from(fitting).unwrap_or(1))
        .max(1)
}

/// Row ranges of the pieces of a batch. A piece has up to [`PIECE_TOKENS`], and
/// there are at least `sessions` pieces if the batch has enough rows.
pub fn split_batch(batch: &TokenBatch, sessions: usize) -> Vec<Range<usize>> {
    let by_tokens = (PIECE_TOKENS / batch.width.max(1)).max(1);
    let by_session = batch.rows.div_ceil(sessions.max(1)).max(1);
    let rows = by_tokens.min(by_session);
    (0..batch.rows)
        .step_by(rows)
        .map(|start| start..(start + rows).min(batch.rows))
        .collect()
}

/// Copies `rows` of a batch, padded to the longest of them.
pub fn batch_slice(batch: &TokenBatch, rows: Range<usize>) -> TokenBatch {
    let row = |values: &[i64], row: usize, width: usize| {
        values[row * batch.width..row * batch.width + width].to_vec()
    };
    let length = |r: usize| {
        let mask = &batch.mask[r * batch.width..(r + 1) * batch.width];
        mask.iter()
            .rposition(|m| *m != 0)
            .map_or(0, |last| last + 1)
    };
    let width = rows.clone().map(length).max().unwrap_or(0).max(1);
    let width = width.min(batch.width);
    TokenBatch {
        rows: rows.len(),
        width,
        ids: rows
            .clone()
            .flat_map(|r| row(&batch.ids, r, width))
            .collect(),
        mask: rows.flat_map(|r| row(&batch.mask, r, width)).collect(),
    }
}

/// Runs `work` for every piece; a free session takes the next piece. Returns
/// the results in the order of the pieces. After an error no further piece is
/// started, and the error of the first failed piece is returned.
pub fn run_pieces<S: Send, T: Send, E: Send>(
    sessions: &mut [S],
    pieces: usize,
    work: impl Fn(&mut S, usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let run_session = |session: &mut S| {
        let mut results = Vec::new();
        loop {
            let piece = next.fetch_add(1, Relaxed);
            if piece >= pieces {
                return results;
            }
            let result = work(session, piece);
            if result.is_err() {
                next.store(pieces, Relaxed);
            }
            results.push((piece, result));
        }
    };
    let used = sessions.len().min(pieces);
    let mut all = Vec::with_capacity(pieces);
    if let Some((own, others)) = sessions[..used].split_first_mut() {
        std::thread::scope(|scope| {
            let running: Vec<_> = others
                .iter_mut()
                .map(|session| scope.spawn(|| run_session(session)))
                .collect();
            all.extend(run_session(own));
            for thread in running {
                match thread.join() {
                    Ok(results) => all.extend(results),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
    all.sort_by_key(|(piece, _)| *piece);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lengths: &[usize]) -> TokenBatch {
        let rows: Vec<Vec<u32>> = lengths.iter().map(|n| vec![7; *n]).collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        TokenBatch::new(&rows, 0)
    }

    #[test]
    fn a_batch_is_split_by_cache_size_and_by_session() {
        assert_eq!(split_batch(&batch(&[256; 4]), 1), [0..2, 2..4]);
        assert_eq!(split_batch(&batch(&[10; 4]), 2), [0..2, 2..4]);
        assert_eq!(split_batch(&batch(&[600]), 2).len(), 1);
        assert!(split_batch(&batch(&[]), 2).is_empty());
    }

    #[test]
    fn a_slice_is_padded_to_its_longest_row() {
        let piece = batch_slice(&batch(&[5, 2, 1]), 1..3);
        assert_eq!((piece.rows, piece.width), (2, 2));
        assert_eq!(piece.mask, [1, 1, 1, 0]);
        assert_eq!(piece.ids, [7, 7, 7, 0]);
    }

    #[test]
    fn sessions_are_limited_by_the_size_of_the_weights() {
        assert_eq!(session_count(2, 90 << 20), 2);
        assert_eq!(session_count(64, 40 << 20), MAX_SESSIONS);
        assert_eq!(session_count(64, 2 << 30), 1);
        assert_eq!(session_count(0, 0), 1);
    }

    #[test]
    fn results_keep_their_order_and_a_failure_stops() {
        let mut sessions = [0; 3];
        let done = run_pieces(&mut sessions, 50, |_, piece| Ok::<_, ()>(piece));
        assert_eq!(done, Ok((0..50).collect()));
        let failed = run_pieces(&mut sessions, 50, |_, piece| {
            if piece == 3 { Err(piece) } else { Ok(()) }
        });
        assert_eq!(failed, Err(3));
    }
}
