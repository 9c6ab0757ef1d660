//! The data of a page.

use std::collections::HashMap;

use serde::Serialize;

/// Names of a grouping that are separate parts; the others are one part.
const MAX_NAMES: usize = 100;

/// Data of a page by column. A row is an index into the columns.
#[derive(Debug, Serialize)]
pub struct Page {
    pub source: String,
    pub summary: String,
    pub made: String,
    pub titles: Vec<String>,
    pub texts: Vec<String>,
    pub ids: Vec<Option<String>>,
    /// Coordinates from 0 to 1; y points upwards.
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub groups: Vec<Grouping>,
    /// Names of the columns in the source.
    pub columns: SourceColumnNames,
    /// Rows that a search by meaning returns.
    pub best: usize,
    /// Whether a search by meaning is possible.
    pub meaning: bool,
    /// Why a search by meaning is not possible.
    pub why: Option<String>,
    pub examples: Vec<ExampleStatement>,
    pub words: WordMap,
    /// `None` in a served page, which requests them.
    pub neighbours: Option<NeighbourLists>,
}

#[derive(Debug, Serialize)]
pub struct SourceColumnNames {
    pub id: Option<String>,
    pub title: Option<String>,
    pub text: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct ExampleStatement {
    pub title: String,
    pub sql: String,
}

/// Partition of the rows by the values of a column.
#[derive(Debug, Serialize, PartialEq)]
pub struct Grouping {
    /// Name of one part, such as Category.
    pub one: String,
    /// Names of the parts, the largest first; null for rows without a value.
    pub names: Vec<Option<String>>,
    /// Index of the part of each row.
    pub codes: Vec<u16>,
    /// Column of the table of rows with the values of an attribute.
    pub attribute: Option<String>,
}

impl Grouping {
    pub fn of(one: &str, values: &[Option<String>]) -> Self {
        let mut counts: HashMap<Option<&str>, usize> = HashMap::new();
        for value in values {
            *counts.entry(value.as_deref()).or_default() += 1;
        }
        let no_value: Option<&str> = None;
        let has_rows_without_value = counts.remove(&no_value).is_some();
        let mut parts: Vec<(Option<&str>, usize)> = counts.into_iter().collect();
        parts.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
        let others = parts.len().saturating_sub(MAX_NAMES);
        let mut codes: HashMap<Option<&str>, u16> = parts
            .iter()
            .enumerate()
            .map(|(code, (name, _))| (*name, code.min(MAX_NAMES) as u16))
            .collect();
        parts.truncate(MAX_NAMES);
        let mut names: Vec<Option<String>> = parts
            .into_iter()
            .map(|(name, _)| name.map(str::to_string))
            .collect();
        if others > 0 {
            names.push(Some(format!("{others} others")));
        }
        if has_rows_without_value {
            codes.insert(no_value, names.len() as u16);
            names.push(None);
        }
        let codes = values
            .iter()
            .map(|value| codes[&value.as_deref()])
            .collect();
        Self {
            one: one.to_string(),
            names,
            codes,
            attribute: None,
        }
    }

    /// Marks a partition by the values of the attribute in `column`.
    pub fn of_attribute(self, column: &str) -> Self {
        Self {
            attribute: Some(column.to_string()),
            ..self
        }
    }
}

/// Map of common words.
#[derive(Debug, Default, Serialize)]
pub struct WordMap {
    pub names: Vec<String>,
    pub counts: Vec<u64>,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    /// Words with similar vectors, as indexes into `names`.
    pub near: Vec<Vec<u32>>,
}

/// The `k` nearest rows of each row, in the order of rows.
#[derive(Debug, Serialize)]
pub struct NeighbourLists {
    pub k: usize,
    pub rows: Vec<u32>,
    /// Cosine similarities in thousandths.
    pub scores: Vec<i16>,
}

/// Scales values to the range from 0 to 1, in steps of 0.0001. Values that are not
/// finite become 0.5.
pub fn unit_range(values: &[f64]) -> Vec<f32> {
    let known = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let scaled = |value: f64| {
        let share = (value - low) / (high - low);
        if share.is_finite() { share } else { 0.5 }
    };
    values
        .iter()
        .map(|v| ((scaled(*v) * 1e4).round() / 1e4) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_sorted_by_size_and_rows_without_a_value_are_last() {
        let values = ["b", "a", "", "", "", "a"];
        let values = values.map(|v| (!v.is_empty()).then(|| v.to_string()));
        let grouping = Grouping::of("Category", &values);
        assert_eq!(grouping.names, [Some("a".into()), Some("b".into()), None]);
        assert_eq!(grouping.codes, [1, 0, 2, 2, 2, 0]);
        let mut many: Vec<Option<String>> = (0..150).map(|i| Some(format!("{i:03}"))).collect();
        many.push(None);
        let grouping = Grouping::of("Category", &many);
        assert_eq!(grouping.names.len(), MAX_NAMES + 2);
        assert_eq!(grouping.names[MAX_NAMES].as_deref(), Some("50 others"));
        assert_eq!(grouping.names[MAX_NAMES + 1], None);
        let codes = [99, 100, 149, 150].map(|row| grouping.codes[row]);
        assert_eq!(codes, [99, 100, 100, 101]);
    }

    #[test]
    fn values_fill_the_unit_range() {
        assert_eq!(
            unit_range(&[-1.0, 1.0, 0.0, f64::NAN]),
            [0.0, 1.0, 0.5, 0.5]
        );
        assert_eq!(unit_range(&[3.0, 3.0]), [0.5, 0.5]);
        assert!(unit_range(&[]).is_empty());
    }
}
