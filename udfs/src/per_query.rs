//! Values of running queries, which the operators of a query share.

use std::sync::{Arc, Mutex, Weak};

use datafusion::execution::TaskContext;
use semql_inference::sync::lock;

/// One value for each running query.
pub struct PerQuery<T>(Mutex<Vec<(Weak<TaskContext>, T)>>);

impl<T> Default for PerQuery<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> PerQuery<T> {
    /// The value of an execution, which all operators with its context share. The first
    /// of them creates it.
    pub fn of(&self, context: &Arc<TaskContext>, create: impl FnOnce() -> T) -> T {
        let mut running = lock(&self.0);
        running.retain(|(context, _)| context.strong_count() > 0);
        let same = |known: &Weak<TaskContext>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(context));
        if let Some((_, value)) = running.iter().find(|(known, _)| same(known)) {
            return value.clone();
        }
        let value = create();
        running.push((Arc::downgrade(context), value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_has_one_value() {
        let (values, context) = (PerQuery::default(), Arc::new(TaskContext::default()));
        assert_eq!(values.of(&context, || 1), 1);
        assert_eq!(values.of(&context, || 2), 1);
        assert_eq!(values.of(&Arc::new(TaskContext::default()), || 3), 3);
        drop(context);
        values.of(&Arc::new(TaskContext::default()), || 4);
        assert_eq!(lock(&values.0).len(), 1);
    }
}
