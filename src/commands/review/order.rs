//! The order in which a review shows rows.

use std::collections::HashMap;

use semql_udfs::learning::estimation::plan_reviews;

use super::answers::ReviewFile;
use super::candidates::ReviewCandidate;
use super::intervals::share_counts;
use crate::error::Result;

/// Rows that are shown.
const MAX_REVIEWED: usize = 200;

/// The order in which a review shows rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReviewOrder {
    /// Random among the rows of each prediction, with more rows of predictions whose
    /// review narrows the intervals most. The answers are a sample for estimates.
    #[default]
    Sample,
    /// The least certain first. The answers teach a model, but are no fair sample.
    Uncertain,
}

/// Every order by its name, with its description.
const ORDERS: &[(&str, ReviewOrder, &str)] = &[
    (
        "sample",
        ReviewOrder::Sample,
        "a random sample that narrows the intervals of estimate_shares",
    ),
    (
        "uncertain",
        ReviewOrder::Uncertain,
        "the least certain first, which suits CREATE MODEL but not estimate_shares",
    ),
];

impl ReviewOrder {
    pub fn find(name: &str) -> Option<Self> {
        let mut all = ORDERS.iter();
        let found = all.find(|(order, ..)| order.eq_ignore_ascii_case(name));
        found.map(|(_, order, _)| *order)
    }

    /// The names of all orders.
    pub fn names() -> String {
        let names: Vec<&str> = ORDERS.iter().map(|(name, ..)| *name).collect();
        names.join(" or ")
    }

    pub fn description(self) -> &'static str {
        let mut all = ORDERS.iter();
        let found = all.find(|(_, order, _)| *order == self);
        found.map_or("", |(.., description)| description)
    }

    /// The rows without an answer that are shown.
    ///
    /// # Errors
    /// Too many labels to count.
    pub fn arrange<'a>(
        self,
        candidates: &'a [ReviewCandidate],
        answers: &ReviewFile,
    ) -> Result<Vec<&'a ReviewCandidate>> {
        let mut open: Vec<&ReviewCandidate> = candidates
            .iter()
            .filter(|row| {
                let answer = answers.label(row.title.as_deref(), row.text.as_deref());
                answer.is_none()
            })
            .collect();
        match self {
            Self::Uncertain => {
                open.sort_by(|a, b| a.margin().total_cmp(&b.margin()));
                open.truncate(MAX_REVIEWED);
                Ok(open)
            }
            Self::Sample => {
                let counts = share_counts(candidates, answers)?;
                // The candidates are in random order.
                let mut by_label: HashMap<Option<&str>, std::vec::IntoIter<&ReviewCandidate>> =
                    HashMap::new();
                let plan = plan_reviews(&counts, MAX_REVIEWED);
                for label in plan.iter().copied() {
                    by_label.entry(label).or_insert_with(|| {
                        let all = open.iter().copied();
                        let rows: Vec<_> = all.filter(|row| row.predicted() == label).collect();
                        rows.into_iter()
                    });
                }
                let next = plan
                    .into_iter()
                    .filter_map(|label| by_label.get_mut(&label)?.next());
                Ok(next.collect())
            }
        }
    }
}
