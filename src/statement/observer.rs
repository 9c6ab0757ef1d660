//! Observers of running statements: their progress and notices.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

/// Work that a statement counts while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedWork {
    /// Vectors that `CREATE INDEX` has added.
    IndexedVectors,
    /// Boundaries between labels that `CREATE MODEL` has found.
    LabelBoundaries,
    /// Steps of the training of an extractor.
    TrainingSteps,
}

/// Observer of statements, supplied by a front end. By default it ignores
/// everything.
pub trait StatementObserver: Send + Sync {
    /// Called before a plan runs.
    fn plan_started(&self, _plan: &Arc<dyn ExecutionPlan>) {}

    /// Called when `done` units of work are done. Threads may call it in any order.
    fn work_counted(&self, _work: CountedWork, _done: usize) {}

    /// Called when a plan or counted work has ended, once or more often.
    fn progress_ended(&self) {}

    /// Called with a message for the user.
    fn notice(&self, _text: &str) {}
}

/// Observer that ignores everything.
pub struct Unobserved;

impl StatementObserver for Unobserved {}
