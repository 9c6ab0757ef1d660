//! Work that all cores do together.

use std::sync::Mutex;

/// Has all cores work `shares` off.
///
/// Which core takes which share is left to chance; work whose answer must not
/// hang on that writes each share's answer to a place of its own.
pub fn each_share<T: Send>(shares: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shares = Mutex::new(shares);
    let next = || {
        shares
            .lock()
            .unwrap_or_else(|dead| dead.into_inner())
            .next()
    };
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(share) = next() {
                    work(share);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_share_is_worked_off_once() {
        let mut squares = vec![0; 1000];
        each_share(squares.iter_mut().enumerate(), |(at, square)| {
            *square += at * at;
        });
        assert!(
            squares
                .iter()
                .enumerate()
                .all(|(at, square)| *square == at * at)
        );
    }
}
