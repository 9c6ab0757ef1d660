//! Notices about completed work for the user.

use std::sync::Mutex;

use crate::sync::lock;

/// Notices that front ends have not shown yet.
#[derive(Debug, Default)]
pub struct Notices(Mutex<Vec<String>>);

impl Notices {
    /// Adds a notice, unless it has an equal one.
    pub fn add(&self, notice: String) {
        let mut notices = lock(&self.0);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    /// Removes and returns all notices, in order.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}
