//! Budget of calls of a query.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use semql_inference::{Error, Result};

/// Calls that a query may still make. Every request counts, retries too.
#[derive(Debug)]
pub struct CallBudget {
    max: Option<u64>,
    used: AtomicU64,
}

impl CallBudget {
    /// A budget of `max` calls; `None` is no limit.
    pub fn new(max: Option<u64>) -> Self {
        Self {
            max,
            used: AtomicU64::new(0),
        }
    }

    /// Calls that are left; `None` without a limit.
    pub fn remaining(&self) -> Option<u64> {
        Some(self.max?.saturating_sub(self.used.load(SeqCst)))
    }

    /// Takes `calls` from the budget, all or none.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if fewer are left.
    pub fn try_reserve(&self, calls: u64) -> Result<()> {
        let max = self.max.unwrap_or(u64::MAX);
        let reserved = self.used.fetch_update(SeqCst, SeqCst, |used| {
            used.checked_add(calls).filter(|used| *used <= max)
        });
        match reserved {
            Ok(_) => Ok(()),
            Err(used) => Err(Error::Forbidden(format!(
                "the query made {used} calls of a language model, and ai.max_calls = {max} allows no more"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_exceeded() {
        let budget = CallBudget::new(Some(3));
        budget.try_reserve(2).unwrap();
        assert!(budget.try_reserve(2).is_err());
        assert_eq!(budget.remaining(), Some(1));
        budget.try_reserve(1).unwrap();
        let message = budget.try_reserve(1).unwrap_err().to_string();
        assert!(message.contains("ai.max_calls = 3"), "{message}");
        let free = CallBudget::new(None);
        free.try_reserve(1 << 40).unwrap();
        assert_eq!(free.remaining(), None);
    }
}
