//! The line that summarizes how a page was made.

use super::columns::PageColumns;
use super::groupings::CLUSTER;
use super::page::Grouping;
use super::rows::RowCounts;
use crate::output::progress::group_digits;

/// Returns the summary of a page with `shown` rows.
pub fn summary(
    counts: &RowCounts,
    shown: usize,
    projection: Option<&str>,
    groupings: &[Grouping],
    columns: &PageColumns,
) -> String {
    let shown = shown as u64;
    let mut parts = vec![if shown < counts.readable {
        format!(
            "{} of {} products shown, a fixed sample",
            group_digits(shown),
            group_digits(counts.all)
        )
    } else {
        format!(
            "{} product{}",
            group_digits(shown),
            if shown == 1 { "" } else { "s" }
        )
    }];
    if counts.readable < counts.all {
        parts.push(format!(
            "{} without any text omitted",
            group_digits(counts.all - counts.readable)
        ));
    }
    if let Some(projection) = projection {
        parts.push(format!("map by {projection}"));
    }
    let clusters = groupings.iter().find(|grouping| grouping.one == CLUSTER);
    if let (Some(clusters), None) = (clusters, &columns.cluster) {
        parts.push(format!("{} clusters by k-means", clusters.names.len()));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_the_rows_that_are_not_shown() {
        let columns = PageColumns::default();
        let counts = |all, readable| RowCounts { all, readable };
        assert_eq!(summary(&counts(1, 1), 1, None, &[], &columns), "1 product");
        let grouping = Grouping::of(CLUSTER, &[Some("a".into()), Some("b".into())]);
        assert_eq!(
            summary(
                &counts(234_612, 234_600),
                10_000,
                Some("t-SNE"),
                &[grouping],
                &columns
            ),
            "10,000 of 234,612 products shown, a fixed sample · 12 without any text omitted · \
             map by t-SNE · 2 clusters by k-means"
        );
    }
}
