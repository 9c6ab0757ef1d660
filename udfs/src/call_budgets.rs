//! Budget and answers of language models, shared by the operators of a running query.

use std::sync::{Arc, Mutex, Weak};

use datafusion::execution::TaskContext;
use semql_inference::sync::lock;
use semql_language_models::{AnswerCache, CallBudget};

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
pub struct CallBudgets {
    running: Mutex<Vec<(Weak<TaskContext>, QueryCalls)>>,
}

impl CallBudgets {
    /// The budget of an execution, which all operators with its context share.
    pub fn of(&self, context: &Arc<TaskContext>, max_calls: Option<u64>) -> QueryCalls {
        let mut running = lock(&self.running);
        running.retain(|(context, _)| context.strong_count() > 0);
        let same = |known: &Weak<TaskContext>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(context));
        if let Some((_, calls)) = running.iter().find(|(known, _)| same(known)) {
            return calls.clone();
        }
        let calls = QueryCalls::new(max_calls);
        running.push((Arc::downgrade(context), calls.clone()));
        calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_has_one_budget() {
        let (budgets, context) = (CallBudgets::default(), Arc::new(TaskContext::default()));
        let first = budgets.of(&context, Some(3)).budget;
        assert!(Arc::ptr_eq(&first, &budgets.of(&context, Some(3)).budget));
        let other = budgets.of(&Arc::new(TaskContext::default()), Some(3));
        assert!(!Arc::ptr_eq(&first, &other.budget));
        drop(context);
        budgets.of(&Arc::new(TaskContext::default()), None);
        assert_eq!(lock(&budgets.running).len(), 1);
    }
}
