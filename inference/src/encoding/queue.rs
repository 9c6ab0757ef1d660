//! Queue of one model: the texts of all requests share its batches.
//!
//! The queue starts no thread. Of the threads whose requests wait, one at
//! a time runs a batch with its own texts and those of others, and hands out the
//! vectors.

mod turns;

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::cancellation::CANCEL_CHECK_INTERVAL;
use crate::error::{Error, Result};
use turns::{Part, Turns};

pub(super) use turns::QueuedIds;

/// What the model computed for one batch.
pub(super) struct BatchRun {
    /// The vectors of the texts, one after the other.
    pub vectors: Vec<f32>,
    /// Tokens that were computed, padding included.
    pub padded: usize,
    pub elapsed: Duration,
}

/// How the model ran on some texts of a request.
pub(super) struct Outcome {
    /// The texts, as positions in the request.
    pub texts: std::ops::Range<usize>,
    /// The vectors of the texts, one after the other.
    pub vectors: Result<Vec<f32>>,
    /// Tokens of the texts.
    pub tokens: u64,
    /// Their share of the tokens that the model computed, padding included.
    pub padded: u64,
    /// Their share of the time of the model.
    pub elapsed: Duration,
}

/// A request, as the queue sees it.
pub(super) trait QueuedRequest {
    /// # Errors
    /// The cancellation of the request.
    fn check(&self) -> Result<()>;

    /// Runs the model on a batch, which can have texts of other requests.
    ///
    /// # Errors
    /// Those of the model. A batch that fails with [`Error::Failed`] is halved, down
    /// to the text that fails.
    fn encode(&self, texts: &[&[u32]]) -> Result<BatchRun>;

    /// Receives an outcome of this request.
    ///
    /// # Errors
    /// Any of them ends the request.
    fn receive(&mut self, outcome: Outcome) -> Result<()>;
}

/// Queue of the texts of one model.
#[derive(Default)]
pub(super) struct BatchQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    turns: Turns,
    /// Outcomes that their requests have not received, by ticket.
    outcomes: HashMap<u64, Vec<Outcome>>,
    last_ticket: u64,
    /// Whether a thread runs a batch.
    running: bool,
}

/// What the thread of a request does next.
enum Step {
    Receive(Vec<Outcome>),
    Run(Vec<Part>),
    Wait,
}

/// A request in the queue. Dropping it removes its texts.
struct Ticket<'a> {
    queue: &'a BatchQueue,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.outcomes.remove(&self.number);
        state.turns.remove(self.number);
    }
}

/// The batch that a thread runs. Dropping it lets another thread run one.
struct RunningBatch<'a> {
    queue: &'a BatchQueue,
    /// Texts without an outcome, in the batches to run.
    left: Vec<Vec<Part>>,
}

impl Drop for RunningBatch<'_> {
    fn drop(&mut self) {
        // Texts are left here if the model panicked.
        for part in std::mem::take(&mut self.left).into_iter().flatten() {
            let stopped = "the model was stopped by an internal error".to_string();
            self.queue
                .send(&part, Err(Error::Setup(stopped)), 0.0, None);
        }
        self.queue.state.lock().running = false;
        self.queue.changed.notify_all();
    }
}

impl BatchQueue {
    /// Runs the texts `ids` of `request` in batches of about `budget` tokens, which
    /// other requests share.
    ///
    /// # Errors
    /// Those of [`QueuedRequest::check`] and [`QueuedRequest::receive`].
    pub fn run(
        &self,
        ids: &QueuedIds,
        budget: usize,
        request: &mut dyn QueuedRequest,
    ) -> Result<()> {
        let ticket = self.enter(ids);
        let mut waiting = ids.len();
        while waiting > 0 {
            request.check()?;
            match self.step(ticket.number, budget) {
                Step::Receive(outcomes) => {
                    for outcome in outcomes {
                        waiting -= outcome.texts.len();
                        request.receive(outcome)?;
                    }
                }
                Step::Run(parts) => self.run_batch(ticket.number, parts, request),
                Step::Wait => {}
            }
        }
        Ok(())
    }

    fn enter(&self, ids: &QueuedIds) -> Ticket<'_> {
        let mut state = self.state.lock();
        state.last_ticket += 1;
        let number = state.last_ticket;
        state.outcomes.insert(number, Vec::new());
        state.turns.add(number, ids);
        Ticket {
            queue: self,
            number,
        }
    }

    fn step(&self, ticket: u64, budget: usize) -> Step {
        let mut state = self.state.lock();
        if let Some(outcomes) = state.outcomes.get_mut(&ticket).filter(|o| !o.is_empty()) {
            return Step::Receive(std::mem::take(outcomes));
        }
        if !state.running {
            let parts = state.turns.next_batch(budget);
            state.running = !parts.is_empty();
            if state.running {
                return Step::Run(parts);
            }
        }
        // A cancellation does not wake the thread.
        self.changed.wait_for(&mut state, CANCEL_CHECK_INTERVAL);
        Step::Wait
    }

    fn run_batch(&self, ticket: u64, parts: Vec<Part>, request: &dyn QueuedRequest) {
        let mut batch = RunningBatch {
            queue: self,
            left: vec![parts],
        };
        while let Some(parts) = batch.left.last_mut() {
            if request.check().is_err() {
                parts.retain(|part| part.ticket != ticket);
            }
            let parts = parts.clone();
            let ids: Vec<&[u32]> = parts.iter().flat_map(Part::ids).collect();
            let result = match ids.len() {
                0 => Ok(None),
                _ => request.encode(&ids).map(Some),
            };
            batch.left.pop();
            match result {
                Ok(None) => {}
                Ok(Some(run)) => self.send_vectors(&parts, &run),
                Err(Error::Failed(_)) if ids.len() > 1 => {
                    batch.left.extend(turns::halves(parts));
                }
                Err(error) => {
                    for part in &parts {
                        self.send(part, Err(error.clone()), 0.0, None);
                    }
                }
            }
        }
    }

    fn send_vectors(&self, parts: &[Part], run: &BatchRun) {
        let texts: usize = parts.iter().map(|part| part.texts.len()).sum();
        let tokens: usize = parts.iter().map(Part::tokens).sum();
        let dims = run.vectors.len() / texts.max(1);
        let mut vectors = run.vectors.as_slice();
        for part in parts {
            let (of_part, rest) = vectors.split_at(part.texts.len() * dims);
            let share = part.tokens() as f64 / tokens.max(1) as f64;
            self.send(part, Ok(of_part.to_vec()), share, Some(run));
            vectors = rest;
        }
    }

    /// Sends an outcome to the request of `part`, unless it has ended. `share` is
    /// that of `part` in `run`.
    fn send(&self, part: &Part, vectors: Result<Vec<f32>>, share: f64, run: Option<&BatchRun>) {
        let tokens = part.tokens() as u64;
        let padded = run.map_or(0.0, |run| run.padded as f64 * share);
        let outcome = Outcome {
            texts: part.texts.clone(),
            vectors,
            tokens,
            padded: (padded.round() as u64).max(tokens),
            elapsed: run.map_or(Duration::ZERO, |run| run.elapsed.mul_f64(share)),
        };
        let mut state = self.state.lock();
        if let Some(outcomes) = state.outcomes.get_mut(&part.ticket) {
            outcomes.push(outcome);
        }
    }
}

#[cfg(test)]
mod tests;
