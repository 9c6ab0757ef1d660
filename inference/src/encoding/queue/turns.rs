//! Turns of the requests that share the batches of a model.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Token ids of the texts of one request, in the order in which they run.
pub type QueuedIds = Arc<[Vec<u32>]>;

/// The texts of one request in a batch.
#[derive(Clone)]
pub struct Part {
    /// Ticket of the request.
    pub ticket: u64,
    ids: QueuedIds,
    /// The texts, as positions in the request.
    pub texts: Range<usize>,
}

impl Part {
    /// Token ids of the texts.
    pub fn ids(&self) -> impl Iterator<Item = &[u32]> {
        self.ids[self.texts.clone()].iter().map(Vec::as_slice)
    }

    /// Number of tokens of the texts.
    pub fn tokens(&self) -> usize {
        self.ids().map(<[u32]>::len).sum()
    }
}

/// Requests with texts that are in no batch yet, in the order of their turns.
#[derive(Default)]
pub struct Turns {
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    ticket: u64,
    ids: QueuedIds,
    /// First text that is in no batch yet.
    next: usize,
}

impl Turns {
    pub fn add(&mut self, ticket: u64, ids: &QueuedIds) {
        self.waiting.push_back(Waiting {
            ticket,
            ids: Arc::clone(ids),
            next: 0,
        });
    }

    pub fn remove(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    /// Removes the texts of the next batch, of `budget` tokens at most, or one text.
    ///
    /// Every request gets an equal share of the budget, and what others leave of
    /// theirs. Those that had texts in the batch wait behind the others.
    pub fn next_batch(&mut self, budget: usize) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut left = budget;
        let mut served = VecDeque::new();
        while let Some(mut waiting) = self.waiting.pop_front() {
            let share = left / (self.waiting.len() + 1);
            let texts = waiting.take(share, left, parts.is_empty());
            if texts.is_empty() {
                self.waiting.push_front(waiting);
                break;
            }
            let part = waiting.part(texts);
            left = left.saturating_sub(part.tokens());
            parts.push(part);
            served.push_back(waiting);
        }
        for (part, waiting) in parts.iter_mut().zip(&mut served) {
            let more = waiting.take(left, left, false);
            let more = waiting.part(more);
            left -= more.tokens();
            part.texts.end = more.texts.end;
        }
        served.retain(|waiting| waiting.next < waiting.ids.len());
        self.waiting.append(&mut served);
        parts
    }
}

impl Waiting {
    /// Takes texts of up to `share` tokens, or one of up to `left` tokens; where
    /// `any` is set, one of any length.
    fn take(&mut self, share: usize, left: usize, any: bool) -> Range<usize> {
        let start = self.next;
        let mut tokens = 0;
        while let Some(ids) = self.ids.get(self.next) {
            let first = self.next == start;
            tokens += ids.len();
            let fits = tokens <= share || (first && (any || tokens <= left));
            if !fits {
                break;
            }
            self.next += 1;
        }
        start..self.next
    }

    fn part(&self, texts: Range<usize>) -> Part {
        Part {
            ticket: self.ticket,
            ids: Arc::clone(&self.ids),
            texts,
        }
    }
}

/// The two halves of a batch, by the number of texts.
pub fn halves(parts: Vec<Part>) -> [Vec<Part>; 2] {
    let texts: usize = parts.iter().map(|part| part.texts.len()).sum();
    let mut room = texts / 2;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for part in parts {
        let middle = part.texts.start + room.min(part.texts.len());
        room -= middle - part.texts.start;
        let (mut before, mut after) = (part.clone(), part);
        before.texts.end = middle;
        after.texts.start = middle;
        first.extend((!before.texts.is_empty()).then_some(before));
        second.extend((!after.texts.is_empty()).then_some(after));
    }
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of requests whose texts have these lengths; tickets count from 0.
    fn turns(requests: &[&[usize]]) -> Turns {
        let mut turns = Turns::default();
        for (ticket, lengths) in requests.iter().enumerate() {
            let ids = lengths.iter().map(|length| vec![7; *length]);
            turns.add(ticket as u64, &ids.collect());
        }
        turns
    }

    /// Tickets and texts of the batches of `budget` tokens.
    fn batches(turns: &mut Turns, budget: usize) -> Vec<Vec<(u64, Range<usize>)>> {
        let batches = std::iter::from_fn(|| {
            let batch = turns.next_batch(budget);
            (!batch.is_empty()).then_some(batch)
        });
        let parts = |batch: Vec<Part>| batch.into_iter().map(|p| (p.ticket, p.texts)).collect();
        batches.map(parts).collect()
    }

    #[test]
    fn one_request_fills_its_batches() {
        let batches = batches(&mut turns(&[&[30, 30, 30, 20, 9]]), 60);
        assert_eq!(batches, [vec![(0, 0..2)], vec![(0, 2..5)]]);
    }

    #[test]
    fn a_text_over_the_budget_is_a_batch_by_itself() {
        let batches = batches(&mut turns(&[&[500, 5], &[500]]), 60);
        assert_eq!(batches, [vec![(0, 0..1)], vec![(1, 0..1)], vec![(0, 1..2)]]);
    }

    #[test]
    fn short_requests_join_the_batch_of_a_long_one() {
        let long = [10; 100];
        let batches = batches(&mut turns(&[&long, &[5], &[5]]), 100);
        assert_eq!(batches[0], [(0, 0..9), (1, 0..1), (2, 0..1)]);
        assert_eq!(batches[1], [(0, 9..19)]);
    }

    #[test]
    fn long_requests_share_the_budget() {
        let batches = batches(&mut turns(&[&[10; 100], &[20; 50]]), 100);
        assert_eq!(batches[0], [(0, 0..6), (1, 0..2)]);
        assert_eq!(batches[1], [(0, 6..12), (1, 2..4)]);
    }

    #[test]
    fn requests_without_room_are_first_in_the_next_batch() {
        let batches = batches(&mut turns(&[&[50, 50], &[50], &[50]]), 100);
        assert_eq!(batches[0], [(0, 0..1), (1, 0..1)]);
        assert_eq!(batches[1], [(2, 0..1), (0, 1..2)]);
    }

    #[test]
    fn every_text_is_in_one_batch() {
        let lengths: Vec<usize> = (0..300).map(|i| (i * 37) % 90).collect();
        let requests: Vec<&[usize]> = lengths.chunks(7).collect();
        let mut seen = vec![Vec::new(); requests.len()];
        for (ticket, texts) in batches(&mut turns(&requests), 128).into_iter().flatten() {
            seen[ticket as usize].extend(texts);
        }
        for (request, texts) in requests.iter().zip(seen) {
            assert!(texts.into_iter().eq(0..request.len()));
        }
    }

    #[test]
    fn removed_requests_are_in_no_batch() {
        let mut turns = turns(&[&[5], &[5]]);
        turns.remove(0);
        assert_eq!(batches(&mut turns, 100), [vec![(1, 0..1)]]);
    }

    #[test]
    fn halves_have_all_texts() {
        let parts = turns(&[&[5, 5, 5], &[5, 5]]).next_batch(100);
        let texts = |half: &Vec<Part>| -> Vec<_> {
            half.iter()
                .map(|part| (part.ticket, part.texts.clone()))
                .collect()
        };
        let [first, second] = halves(parts);
        assert_eq!(texts(&first), [(0, 0..2)]);
        assert_eq!(texts(&second), [(0, 2..3), (1, 0..2)]);
    }
}
