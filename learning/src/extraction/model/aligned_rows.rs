//! Training rows with the places of their values, before they are tokenized.

use std::collections::{BTreeMap, HashMap};

use super::alignment::{FoldedText, FoldedValue, token_range};
use super::columns::ColumnRoles;
use super::context::context_hash;
use super::examples::ExtractionExamples;
use super::metadata::MisalignedValue;
use super::tokens::{Token, WordSplits};
use crate::extraction::span::has_text;

/// Misaligned values that metadata list.
const MAX_MISALIGNED: usize = 1000;

/// Characters of a text in the list of misaligned values.
const TEXT_START: usize = 120;

/// Values that a kind of split of words must add, per thousand.
const MIN_SPLIT_VALUES: usize = 3;

/// Rows with a text and a label.
#[derive(Debug, Default)]
pub struct AlignedRows<'a> {
    pub rows: Vec<AlignedRow<'a>>,
    pub skipped_rows: usize,
    pub misaligned: Vec<MisalignedValue>,
    /// By attribute: misaligned values.
    pub misaligned_counts: Vec<u64>,
    pub groups: usize,
}

/// Row with the places of its values.
#[derive(Debug)]
pub struct AlignedRow<'a> {
    pub texts: Vec<Option<&'a str>>,
    /// By attribute.
    pub values: Vec<Option<&'a Vec<String>>>,
    /// By text.
    pub places: Vec<Vec<ValuePlace>>,
    /// Hash of the context.
    pub context: Option<u64>,
    pub group: usize,
}

/// Place of a value in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValuePlace {
    pub start: usize,
    pub end: usize,
    pub attribute: usize,
    /// Position among the values of the attribute.
    pub value: usize,
}

impl<'a> AlignedRows<'a> {
    pub fn new(examples: &'a ExtractionExamples, roles: &ColumnRoles) -> Self {
        let mut aligned = Self {
            misaligned_counts: vec![0; examples.attributes.len()],
            ..Self::default()
        };
        let mut groups = RowGroups::default();
        for row in 0..examples.rows() {
            let text = |at: &usize| examples.texts[*at][row].as_deref();
            let texts: Vec<Option<&str>> = roles.sources.iter().map(text).collect();
            let values: Vec<Option<&Vec<String>>> = examples
                .values
                .iter()
                .map(|values| values[row].as_ref())
                .collect();
            if !has_text(&texts) || values.iter().all(Option::is_none) {
                aligned.skipped_rows += 1;
                continue;
            }
            let name = examples.groups.as_ref().map(|groups| groups[row].as_str());
            let group = groups.of(name, &texts);
            let places = aligned.places(examples, &texts, &values);
            aligned.rows.push(AlignedRow {
                context: context_hash(roles.contexts.iter().map(text)),
                texts,
                values,
                places,
                group,
            });
        }
        aligned.groups = groups.count;
        aligned
    }

    fn places(
        &mut self,
        examples: &ExtractionExamples,
        texts: &[Option<&str>],
        values: &[Option<&Vec<String>>],
    ) -> Vec<Vec<ValuePlace>> {
        let folded: Vec<Option<FoldedText>> = texts
            .iter()
            .map(|text| text.map(|text| FoldedText::new(read_part(text))))
            .collect();
        let mut places: Vec<Vec<ValuePlace>> = vec![Vec::new(); texts.len()];
        for (attribute, values) in values.iter().enumerate() {
            for (at, value) in values.iter().flat_map(|values| values.iter()).enumerate() {
                let needle = FoldedValue::new(value);
                let mut is_found = false;
                for (places, folded) in places.iter_mut().zip(&folded) {
                    let found = folded
                        .as_ref()
                        .map(|text| text.find(&needle))
                        .unwrap_or_default();
                    is_found |= !found.is_empty();
                    places.extend(found.into_iter().map(|(start, end)| ValuePlace {
                        start,
                        end,
                        attribute,
                        value: at,
                    }));
                }
                if !is_found {
                    self.add_misaligned(examples, attribute, value, texts);
                }
            }
        }
        places
    }

    fn add_misaligned(
        &mut self,
        examples: &ExtractionExamples,
        attribute: usize,
        value: &str,
        texts: &[Option<&str>],
    ) {
        self.misaligned_counts[attribute] += 1;
        if self.misaligned.len() < MAX_MISALIGNED {
            let start = |text: &str| text.chars().take(TEXT_START).collect();
            self.misaligned.push(MisalignedValue {
                attribute: examples.attributes[attribute].clone(),
                value: value.to_string(),
                texts: texts.iter().map(|text| text.map(start)).collect(),
            });
        }
    }

    /// Lists the values that are only inside of words.
    pub fn list_inside_words(&mut self, examples: &ExtractionExamples, splits: WordSplits) {
        let mut inside: Vec<(usize, usize, usize)> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let (found, aligned) = (row.found_values(), row.aligned_values(splits));
            let values = found
                .into_iter()
                .filter(|value| aligned.binary_search(value).is_err());
            inside.extend(values.map(|(attribute, value)| (at, attribute, value)));
        }
        for (row, attribute, value) in inside {
            let (texts, values) = (
                self.rows[row].texts.clone(),
                self.rows[row].values[attribute],
            );
            if let Some(value) = values.and_then(|values| values.get(value)) {
                self.add_misaligned(examples, attribute, value, &texts);
            }
        }
    }

    /// The splits of words that many values need.
    pub fn word_splits(&self) -> WordSplits {
        let mut values = 0;
        let mut added = [0; WordSplits::KINDS.len()];
        for row in &self.rows {
            let whole = row.aligned_values(WordSplits::default());
            let distinct: usize = row.values.iter().flatten().map(|values| values.len()).sum();
            values += distinct;
            if whole == row.found_values() {
                continue;
            }
            for (added, splits) in added.iter_mut().zip(WordSplits::KINDS) {
                *added += row.aligned_values(splits).len().saturating_sub(whole.len());
            }
        }
        let kinds = WordSplits::KINDS.into_iter().zip(added);
        let is_worth = |added: usize| added >= 2 && added * 1000 >= values * MIN_SPLIT_VALUES;
        let chosen = kinds
            .filter(|(_, added)| is_worth(*added))
            .map(|(splits, _)| splits);
        chosen.fold(WordSplits::default(), WordSplits::union)
    }
}

/// The part of a text that is tokenized.
fn read_part(text: &str) -> &str {
    let tokens = WordSplits::default().tokenize(text);
    &text[..tokens.last().map_or(0, |token| token.end)]
}

impl AlignedRow<'_> {
    /// Values with a place, as attribute and position, in order.
    fn found_values(&self) -> Vec<(usize, usize)> {
        self.values_at(|_, _| true)
    }

    /// Values with a place whose ends are ends of tokens.
    fn aligned_values(&self, splits: WordSplits) -> Vec<(usize, usize)> {
        let tokenize = |text: &Option<&str>| text.map(|text| splits.tokenize(text));
        let tokens: Vec<Option<Vec<Token>>> = self.texts.iter().map(tokenize).collect();
        self.values_at(|text, place| {
            let tokens = tokens[text].as_deref().unwrap_or_default();
            token_range(tokens, place.start, place.end).is_some()
        })
    }

    fn values_at(&self, counts: impl Fn(usize, &ValuePlace) -> bool) -> Vec<(usize, usize)> {
        let places = self.places.iter().enumerate();
        let places = places.flat_map(|(text, places)| places.iter().map(move |at| (text, at)));
        let counted = places.filter(|(text, place)| counts(*text, place));
        let mut values: Vec<_> = counted.map(|(_, at)| (at.attribute, at.value)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// Groups of rows: of one name, or with equal texts.
#[derive(Default)]
struct RowGroups<'a> {
    by_name: BTreeMap<&'a str, usize>,
    by_texts: HashMap<Vec<Option<String>>, usize>,
    count: usize,
}

impl<'a> RowGroups<'a> {
    fn of(&mut self, name: Option<&'a str>, texts: &[Option<&str>]) -> usize {
        let texts: Vec<Option<String>> = texts
            .iter()
            .map(|text| text.map(|text| text.trim().to_lowercase()))
            .collect();
        let known = name.and_then(|name| self.by_name.get(name).copied());
        let known = known.or_else(|| self.by_texts.get(&texts).copied());
        let group = known.unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        if let Some(name) = name {
            self.by_name.insert(name, group);
        }
        self.by_texts.entry(texts).or_insert(group);
        group
    }
}
