//! Budget and answers of language models, shared by the operators of a running query.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use semql_language_models::{AnswerCache, CallBudget};

use crate::per_query::PerQuery;

/// Budget of a query, and its answers where `ai.cache` keeps none.
#[derive(Clone)]
pub struct QueryCalls {
    pub budget: Arc<CallBudget>,
    pub answers: Arc<AnswerCache>,
}

impl QueryCalls {
    pub fn new(max_calls: Option<u64>) -> Self {
        Self {
            budget: Arc::new(CallBudget::new(max_calls)),
            answers: Arc::new(AnswerCache::in_memory()),
        }
    }
}

/// Budgets of the queries that run.
#[derive(Default)]
pub struct CallBudgets(PerQuery<QueryCalls>);

impl CallBudgets {
    /// The budget of an execution, which all operators with its context share.
    pub fn of(&self, context: &Arc<TaskContext>, max_calls: Option<u64>) -> QueryCalls {
        self.0.of(context, || QueryCalls::new(max_calls))
    }
}
