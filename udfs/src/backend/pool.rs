//! One batch over several sessions.
//!
//! On the CPU a session for each core is faster than one session over all of
//! them: no operator waits for the slowest core, and a piece of a batch stays
//! in the core's own cache.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::TokenBatch;

/// Padded tokens of one piece: their activations fit a core's second-level cache.
pub const PIECE_TOKENS: usize = 512;

/// Sessions of one model at most, and what their copies of the weights may take.
const MOST_SESSIONS: usize = 8;
const MOST_BYTES: u64 = 1 << 30;

/// How many sessions `threads` are shared among, for a graph of `bytes`.
pub fn sessions(threads: usize, bytes: u64) -> usize {
    let fitting = (MOST_BYTES / bytes.max(1)).max(1);
    threads
        .min(MOST_SESSIONS)
        .min(usize::try_from(fitting).unwrap_or(1))
        .max(1)
}

/// The rows of a batch in pieces of [`PIECE_TOKENS`], and in at least as many
/// as there are `sessions` if there are rows enough.
pub fn pieces(batch: &TokenBatch, sessions: usize) -> Vec<Range<usize>> {
    let by_tokens = (PIECE_TOKENS / batch.width.max(1)).max(1);
    let by_share = batch.rows.div_ceil(sessions.max(1)).max(1);
    let rows = by_tokens.min(by_share);
    (0..batch.rows)
        .step_by(rows)
        .map(|start| start..(start + rows).min(batch.rows))
        .collect()
}

/// Some rows of a batch, padded no further than to the longest of them.
pub fn piece(batch: &TokenBatch, rows: Range<usize>) -> TokenBatch {
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

/// Runs `work` for every piece, each session taking the next one that is
/// left; results come in the order of the pieces. After a failure no further
/// piece is begun, and the first one is returned.
pub fn share<S: Send, T: Send, E: Send>(
    sessions: &mut [S],
    pieces: usize,
    work: impl Fn(&mut S, usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let serve = |session: &mut S| {
        let mut done = Vec::new();
        loop {
            let piece = next.fetch_add(1, Relaxed);
            if piece >= pieces {
                return done;
            }
            let result = work(session, piece);
            if result.is_err() {
                next.store(pieces, Relaxed);
            }
            done.push((piece, result));
        }
    };
    let used = sessions.len().min(pieces);
    let mut all = Vec::with_capacity(pieces);
    if let Some((own, others)) = sessions[..used].split_first_mut() {
        std::thread::scope(|scope| {
            let running: Vec<_> = others
                .iter_mut()
                .map(|session| scope.spawn(|| serve(session)))
                .collect();
            all.extend(serve(own));
            for thread in running {
                match thread.join() {
                    Ok(done) => all.extend(done),
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
    fn a_batch_is_cut_for_the_cache_and_for_every_session() {
        assert_eq!(pieces(&batch(&[256; 4]), 1), [0..2, 2..4]);
        assert_eq!(pieces(&batch(&[10; 4]), 2), [0..2, 2..4]);
        assert_eq!(pieces(&batch(&[600]), 2).len(), 1);
        assert!(pieces(&batch(&[]), 2).is_empty());
    }

    #[test]
    fn a_piece_has_its_own_padding() {
        let piece = piece(&batch(&[5, 2, 1]), 1..3);
        assert_eq!((piece.rows, piece.width), (2, 2));
        assert_eq!(piece.mask, [1, 1, 1, 0]);
        assert_eq!(piece.ids, [7, 7, 7, 0]);
    }

    #[test]
    fn weights_are_not_copied_beyond_measure() {
        assert_eq!(sessions(2, 90 << 20), 2);
        assert_eq!(sessions(64, 40 << 20), MOST_SESSIONS);
        assert_eq!(sessions(64, 2 << 30), 1);
        assert_eq!(sessions(0, 0), 1);
    }

    #[test]
    fn results_keep_their_order_and_a_failure_stops() {
        let mut sessions = [0; 3];
        let done = share(&mut sessions, 50, |_, piece| Ok::<_, ()>(piece));
        assert_eq!(done, Ok((0..50).collect()));
        let failed = share(&mut sessions, 50, |_, piece| {
            if piece == 3 { Err(piece) } else { Ok(()) }
        });
        assert_eq!(failed, Err(3));
    }
}
