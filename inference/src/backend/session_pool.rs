//! Parallel execution of one batch in several sessions.
//!
//! On the CPU, one session per core is faster than one session on all cores:
//! no operator waits for the slowest core, and each piece of a batch stays in
//! the cache of its core.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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
