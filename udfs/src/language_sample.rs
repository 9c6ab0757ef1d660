//! The languages of the texts that a query sends to an English model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use semql_inference::models::catalogue::{CATALOGUE, Languages};
use semql_inference::sync::lock;
use semql_learning::{ENGLISH, text_language};

use crate::row_sample::{RowSample, RowTexts};

/// Rows of a sample.
const MAX_ROWS: usize = 256;

/// Fewest rows of a certain language, and of another language than English among them,
/// for a notice. A query over a few short texts has none.
const MIN_CERTAIN: usize = 20;
const MIN_FOREIGN: usize = 5;

/// Share of rows in other languages above which there is a notice.
const MAX_FOREIGN_SHARE: f64 = 0.1;

/// Languages that the notice names.
const NAMED_LANGUAGES: usize = 3;

/// A sample of the rows that a query sends to an English model. All operators and
/// partitions of the query share it; the last of them reports.
#[derive(Clone, Default)]
pub struct LanguageSample(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rows: Option<RowSample>,
    /// The first English model.
    model: String,
    /// Partitions that may still add rows.
    partitions: usize,
    is_reported: bool,
}

impl LanguageSample {
    /// Registers a partition that will add rows.
    pub fn enter(&self) {
        lock(&self.0).partitions += 1;
    }

    /// Adds rows that the English model `model` reads.
    pub fn add<'a>(&self, model: &str, rows: impl Iterator<Item = Vec<Option<&'a str>>>) {
        let mut sample = RowSample::new(MAX_ROWS, 0);
        rows.for_each(|row| sample.add_row(row));
        let mut state = lock(&self.0);
        match &mut state.rows {
            Some(rows) => rows.merge(sample),
            None => {
                state.rows = Some(sample);
                state.model = model.to_string();
            }
        }
    }

    /// Ends a partition. Returns the notice of the query, once, after its last partition.
    pub fn leave(&self) -> Option<String> {
        let mut state = lock(&self.0);
        state.partitions = state.partitions.saturating_sub(1);
        if state.partitions > 0 || state.is_reported {
            return None;
        }
        let rows = state.rows.as_ref()?.first(MAX_ROWS);
        let notice = foreign_notice(&state.model, &LanguageCounts::of(rows));
        state.is_reported = notice.is_some();
        notice
    }
}

/// Rows by language, without those whose language is uncertain.
#[derive(Default)]
struct LanguageCounts {
    certain: usize,
    /// Rows in other languages than English.
    foreign: BTreeMap<&'static str, usize>,
}

impl LanguageCounts {
    fn of(rows: Vec<&RowTexts>) -> Self {
        let mut counts = Self::default();
        for row in rows {
            let texts: Vec<&str> = row.iter().flatten().map(String::as_str).collect();
            let Some(language) = text_language(&texts.join(" ")) else {
                continue;
            };
            counts.certain += 1;
            if language != ENGLISH {
                *counts.foreign.entry(language).or_default() += 1;
            }
        }
        counts
    }
}

/// The notice, if too many rows are in other languages than English.
fn foreign_notice(model: &str, counts: &LanguageCounts) -> Option<String> {
    let foreign: usize = counts.foreign.values().sum();
    let share = |rows: usize| rows as f64 / counts.certain as f64;
    if counts.certain < MIN_CERTAIN || foreign < MIN_FOREIGN || share(foreign) <= MAX_FOREIGN_SHARE
    {
        return None;
    }
    let mut languages: Vec<(&str, usize)> = counts.foreign.iter().map(|(l, n)| (*l, *n)).collect();
    languages.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let percent = |rows| format!("{:.0} %", 100.0 * share(rows));
    let named = languages.iter().take(NAMED_LANGUAGES);
    let named: Vec<String> = named
        .map(|(language, rows)| format!("{language} {}", percent(*rows)))
        .collect();
    let multilingual = CATALOGUE
        .iter()
        .find(|entry| entry.languages == Languages::Many)?;
    Some(format!(
        "About {} of the texts are not in English ({}; {} sampled rows), but the model {model} is for English. Results \
         for these texts are unreliable. SET ai.model = '{}' chooses a multilingual model, which the next query \
         downloads if it is not on this machine.",
        percent(foreign),
        named.join(", "),
        counts.certain,
        multilingual.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH_ROW: &str = "a warm and waterproof jacket for walks in the mountains number";
    const GERMAN_ROW: &str =
        "eine warme und wasserdichte Jacke für Wanderungen in den Bergen Nummer";

    /// Rows of one text, `german` of `all` in German.
    fn texts(german: usize, all: usize) -> Vec<String> {
        let text = |row| match row < german {
            true => format!("{GERMAN_ROW} {row}"),
            false => format!("{ENGLISH_ROW} {row}"),
        };
        (0..all).map(text).collect()
    }

    fn add(sample: &LanguageSample, texts: &[String]) {
        let rows = texts.iter().map(|text| vec![None, Some(text.as_str())]);
        sample.add("small", rows);
    }

    fn notice(german: usize, all: usize) -> Option<String> {
        let sample = LanguageSample::default();
        sample.enter();
        add(&sample, &texts(german, all));
        sample.leave()
    }

    #[test]
    fn a_notice_has_share_languages_and_remedy() {
        let notice = notice(30, 100).unwrap();
        assert_eq!(
            notice,
            "About 30 % of the texts are not in English (de 30 %; 100 sampled rows), but the model small is for \
             English. Results for these texts are unreliable. SET ai.model = 'multilingual-e5-small' chooses a \
             multilingual model, which the next query downloads if it is not on this machine."
        );
    }

    #[test]
    fn few_foreign_texts_give_no_notice() {
        assert_eq!(notice(0, 100), None);
        assert_eq!(notice(10, 100), None);
        assert!(notice(11, 100).is_some());
        // Too few texts to judge.
        assert_eq!(notice(19, 19), None);
        assert_eq!(notice(4, 20), None);
        assert!(notice(5, 20).is_some());
    }

    #[test]
    fn a_query_has_one_notice_over_all_partitions() {
        let sample = LanguageSample::default();
        let all = texts(600, 1000);
        sample.enter();
        sample.enter();
        add(&sample, &all[..500]);
        assert_eq!(sample.leave(), None);
        add(&sample, &all[500..]);
        let first = sample.leave();
        assert!(first.is_some());
        // An operator that starts later.
        sample.enter();
        add(&sample, &all);
        assert_eq!(sample.leave(), None);
        // Partitions do not change the sample.
        let whole = LanguageSample::default();
        whole.enter();
        add(&whole, &all);
        assert_eq!(whole.leave(), first);
    }

    #[test]
    fn a_query_without_texts_has_no_notice() {
        let sample = LanguageSample::default();
        sample.enter();
        assert_eq!(sample.leave(), None);
        sample.enter();
        sample.add("small", std::iter::repeat_n(vec![None, Some(" ")], 50));
        assert_eq!(sample.leave(), None);
    }
}
