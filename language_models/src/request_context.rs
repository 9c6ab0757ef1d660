//! What the requests of a query share.

use std::sync::Arc;

use semql_inference::cancellation::Cancellation;

use crate::answer_cache::AnswerCache;
use crate::budget::CallBudget;
use crate::meter::CallMeter;

/// Cancellation, budget, cache and counters of a query.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub cancel: Cancellation,
    pub budget: Arc<CallBudget>,
    pub cache: Option<Arc<AnswerCache>>,
    pub meter: Arc<CallMeter>,
}
