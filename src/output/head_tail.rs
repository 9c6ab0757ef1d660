//! The first and last rows of a result of any length.

use std::collections::VecDeque;

use arrow::array::RecordBatch;

/// Buffer of the first and the last `count` rows of a stream. It holds a few more
/// rows, because it drops whole batches only; memory does not grow with the rest.
pub struct HeadTail {
    count: usize,
    first: Vec<RecordBatch>,
    first_rows: usize,
    last: VecDeque<RecordBatch>,
    last_rows: usize,
    /// Rows between the first and the last ones.
    dropped: usize,
}

impl HeadTail {
    pub fn new(count: usize) -> Self {
        Self {
            count,
            first: Vec::new(),
            first_rows: 0,
            last: VecDeque::new(),
            last_rows: 0,
            dropped: 0,
        }
    }

    pub fn add(&mut self, batch: &RecordBatch) {
        let missing = (self.count - self.first_rows).min(batch.num_rows());
        if missing > 0 {
            self.first.push(batch.slice(0, missing));
            self.first_rows += missing;
        }
        let rest = batch.num_rows() - missing;
        if rest == 0 {
            return;
        }
        self.last.push_back(batch.slice(missing, rest));
        self.last_rows += rest;
        while let Some(front) = self.last.front()
            && self.last_rows - front.num_rows() >= self.count
        {
            self.last_rows -= front.num_rows();
            self.dropped += front.num_rows();
            self.last.pop_front();
        }
    }

    /// The first rows, the last rows, and the number of rows between them.
    pub fn into_parts(mut self) -> (Vec<RecordBatch>, Vec<RecordBatch>, usize) {
        let surplus = self.last_rows.saturating_sub(self.count);
        if surplus > 0
            && let Some(front) = self.last.pop_front()
        {
            // The surplus is smaller than this batch: `add` drops whole batches.
            self.last
                .push_front(front.slice(surplus, front.num_rows() - surplus));
        }
        (self.first, self.last.into(), self.dropped + surplus)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn head_tail(count: usize, batches: &[usize]) -> (Vec<i64>, Vec<i64>, usize) {
        let mut buffer = HeadTail::new(count);
        let mut next = 0;
        for rows in batches {
            let numbers = Int64Array::from_iter_values(next..next + *rows as i64);
            next += *rows as i64;
            buffer.add(&RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap());
            assert!(buffer.last_rows < count + batches.iter().max().unwrap());
        }
        let (first, last, dropped) = buffer.into_parts();
        let numbers = |batches: Vec<RecordBatch>| {
            let columns = batches
                .iter()
                .map(|b| b.column(0).as_primitive::<Int64Type>().values());
            columns.flat_map(|values| values.iter().copied()).collect()
        };
        (numbers(first), numbers(last), dropped)
    }

    #[test]
    fn short_results_are_kept_whole() {
        assert_eq!(head_tail(3, &[2]), (vec![0, 1], vec![], 0));
        assert_eq!(head_tail(3, &[2, 4]), (vec![0, 1, 2], vec![3, 4, 5], 0));
    }

    #[test]
    fn the_middle_of_a_long_result_is_dropped_at_any_batch_boundary() {
        for batches in [&[12][..], &[1; 12], &[2, 7, 1, 1, 1], &[7, 5], &[5, 7]] {
            assert_eq!(
                head_tail(2, batches),
                (vec![0, 1], vec![10, 11], 8),
                "{batches:?}"
            );
        }
    }
}
