//! Work that all cores do together.

use std::sync::Mutex;

/// How many there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Has all cores work `shares` off.
///
/// Which core takes which share is left to chance; work whose answer must not
/// hang on that writes each share's answer to a place of its own.
pub fn each_share<T: Send>(shares: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let threads = shares.size_hint().1.unwrap_or(usize::MAX).min(cores());
    let shares = Mutex::new(shares);
    let next = || {
        shares
            .lock()
            .unwrap_or_else(|dead| dead.into_inner())
            .next()
    };
    let work_off = || {
        while let Some(share) = next() {
            work(share);
        }
    };
    std::thread::scope(|scope| {
        // This thread is one of them: a single share needs no other.
        for _ in 1..threads {
            scope.spawn(work_off);
        }
        work_off();
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
