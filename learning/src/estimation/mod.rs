//! Estimates with intervals, from predictions for all rows and a reviewed sample.
//!
//! | file | purpose |
//! |---|---|
//! | `share_counts`, `strata`, `shares` | Shares of labels: counts, strata by prediction and score, estimates |
//! | `mean_counts`, `moments`, `mean` | The mean of a number |
//! | `metric_intervals`, `binomial` | Accuracy, F1 and kappa: Wilson's interval and a bootstrap |
//! | `allocation` | Which rows to review next |
//! | `score_bucket` | Scores in a bounded number of buckets |
//! | `distributions` | Quantiles of the beta, normal and t distributions |

mod allocation;
mod binomial;
mod distributions;
mod mean;
mod mean_counts;
mod metric_intervals;
mod moments;
mod score_bucket;
mod share_counts;
mod shares;
#[cfg(test)]
mod shares_tests;
mod strata;

pub use allocation::plan_reviews;
pub use mean::{MeanEstimate, estimate_mean};
pub use mean_counts::{MeanCells, MeanCounts};
pub use metric_intervals::{
    MetricInterval, accuracy_interval, cohen_kappa_interval, macro_f1_interval,
    weighted_f1_interval,
};
pub use moments::PairMoments;
pub use score_bucket::ScoreResolution;
pub use share_counts::{ShareCount, ShareCounts};
pub use shares::{ShareEstimate, estimate_shares};
