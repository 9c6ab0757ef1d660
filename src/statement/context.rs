//! Context of a statement: what it runs in.

use std::sync::Arc;

use super::observer::StatementObserver;
use crate::session::Session;

/// Session that a statement runs in, and the observer of its progress.
#[derive(Clone)]
pub struct StatementContext {
    pub session: Arc<Session>,
    pub observer: Arc<dyn StatementObserver>,
}
