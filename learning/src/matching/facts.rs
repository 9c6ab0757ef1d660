//! What a record states: words, codes, quantities and colors.

use std::sync::LazyLock;

use super::product_codes::{letters_and_digits, product_codes};
use super::record::ProductRecord;
use crate::extraction::rules::quantities::{Dimension, parse_quantities};
use crate::extraction::rules::{AttributeSet, RuleExtractor};
use crate::extraction::{Extractor, SourceTexts};
use crate::words::{each_word, hash_word};
use semql_inference::parallel::parallel_for_each;
use semql_inference::{Error, Result};

/// Read bytes of a headline, and of the text beside it.
const MAX_HEADLINE_BYTES: usize = 1_000;
const MAX_DETAILS_BYTES: usize = 4_000;

/// Maximum number of quantities of a record.
const MAX_QUANTITIES: usize = 16;

/// Records of a task.
const RECORDS_PER_TASK: usize = 512;

/// Attribute of the built-in set whose values are compared.
const COLOR: &str = "color";

/// What a record states, for comparison with other records.
#[derive(Clone, Debug, Default)]
pub struct RecordFacts {
    /// Hashes of the distinct words of the headline, sorted.
    pub title_words: Vec<u64>,
    /// Hashes of the distinct words of headline and details, sorted.
    pub all_words: Vec<u64>,
    /// Hashes of the numbers among the words of the headline, sorted.
    pub numbers: Vec<u64>,
    /// Codes of the headline.
    pub codes: Vec<String>,
    /// Codes of headline and details.
    pub all_codes: Vec<String>,
    /// Letters and digits of headline and details.
    pub compact: String,
    /// Quantities of the headline in base units.
    pub quantities: Vec<(Dimension, f64)>,
    /// Colors of the headline, sorted.
    pub colors: Vec<String>,
}

impl RecordFacts {
    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        let words = self.title_words.len() + self.all_words.len() + self.numbers.len();
        let texts = self.codes.iter().chain(&self.all_codes).chain(&self.colors);
        let texts: usize = texts.map(|text| size_of::<String>() + text.len()).sum();
        words * size_of::<u64>() + texts + self.compact.len() + self.quantities.len() * 16
    }
}

/// The facts of each record, computed on all cores.
///
/// # Errors
/// [`Error::Interrupted`] once `is_cancelled` returns true.
pub fn record_facts(
    records: &[ProductRecord<'_>],
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<RecordFacts>> {
    let colors = colors()?;
    let mut facts = vec![RecordFacts::default(); records.len()];
    let tasks = records
        .chunks(RECORDS_PER_TASK)
        .zip(facts.chunks_mut(RECORDS_PER_TASK));
    parallel_for_each(tasks, |(records, facts)| {
        if is_cancelled() {
            return;
        }
        let headlines: Vec<&str> = records.iter().map(headline).collect();
        let rows: Vec<SourceTexts<'_>> = headlines.iter().map(|text| vec![Some(*text)]).collect();
        let Ok(spans) = colors.extract(&rows, is_cancelled) else {
            return;
        };
        for (((record, headline), spans), facts) in
            records.iter().zip(&headlines).zip(spans).zip(facts)
        {
            *facts = facts_of(headline, prefix(record.details(), MAX_DETAILS_BYTES));
            facts.colors = spans
                .into_iter()
                .filter_map(|span| {
                    span.normalized
                        .clone()
                        .or_else(|| headline.get(span.start..span.end).map(str::to_lowercase))
                })
                .collect();
            facts.colors.sort_unstable();
            facts.colors.dedup();
        }
    });
    match is_cancelled() {
        true => Err(Error::Interrupted),
        false => Ok(facts),
    }
}

/// The rules of the built-in attribute of colors.
fn colors() -> Result<&'static RuleExtractor> {
    static COLORS: LazyLock<Result<RuleExtractor>> = LazyLock::new(|| {
        let mut set = AttributeSet::built_in()?;
        set.attributes.retain(|attribute| attribute.name == COLOR);
        RuleExtractor::new(&set)
    });
    COLORS.as_ref().map_err(Clone::clone)
}

fn headline<'a>(record: &ProductRecord<'a>) -> &'a str {
    prefix(record.headline().unwrap_or_default(), MAX_HEADLINE_BYTES)
}

/// The longest prefix of whole characters with at most `bytes` bytes.
fn prefix(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn facts_of(headline: &str, details: &str) -> RecordFacts {
    let mut buffer = String::new();
    let (mut title_words, mut numbers) = (Vec::new(), Vec::new());
    each_word(headline, &mut buffer, |word| {
        title_words.push(hash_word(word));
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            numbers.push(hash_word(word));
        }
    });
    let mut all_words = title_words.clone();
    each_word(details, &mut buffer, |word| all_words.push(hash_word(word)));
    let codes = product_codes(headline);
    let mut all_codes = product_codes(details);
    all_codes.extend(codes.iter().cloned());
    all_codes.sort_unstable();
    all_codes.dedup();
    RecordFacts {
        title_words: sorted(title_words),
        all_words: sorted(all_words),
        numbers: sorted(numbers),
        codes,
        all_codes,
        compact: format!(
            "{} {}",
            letters_and_digits(headline),
            letters_and_digits(details)
        ),
        quantities: quantities(headline),
        colors: Vec::new(),
    }
}

fn sorted(mut words: Vec<u64>) -> Vec<u64> {
    words.sort_unstable();
    words.dedup();
    words
}

/// The quantities of a text with a unit, and pack sizes, in base units.
fn quantities(text: &str) -> Vec<(Dimension, f64)> {
    let mut found = Vec::new();
    for quantity in parse_quantities(text) {
        let dimension = quantity.dimension();
        // A count without a word, such as the 38 of `Pegasus 38`, is no quantity.
        let is_named = text
            .get(quantity.start..quantity.end)
            .is_some_and(|span| span.contains(char::is_alphabetic));
        if dimension == Dimension::Count && !is_named {
            continue;
        }
        for amount in &quantity.amounts {
            let base = (amount.low + quantity.unit.offset) * quantity.unit.factor;
            if base.is_finite() && found.len() < MAX_QUANTITIES {
                found.push((dimension, base));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_from_title_and_text() {
        let record = ProductRecord {
            title: Some("Acme AB-1234 kettle, navy blue, 1.5 l"),
            text: Some("Replaces CD-5678. Red lid."),
            ..ProductRecord::default()
        };
        let facts = record_facts(&[record], &|| false).unwrap().remove(0);
        assert_eq!(facts.codes, ["ab1234"]);
        assert_eq!(facts.all_codes, ["ab1234", "cd5678"]);
        assert_eq!(facts.colors, ["navy blue"]);
        let [(dimension, amount)] = facts.quantities[..] else {
            panic!("{facts:?}");
        };
        assert_eq!(dimension, Dimension::Volume);
        let litre = quantities("1500 ml")[0].1;
        assert!((amount / litre - 1.0).abs() < 1e-9);
        assert!(facts.all_words.len() > facts.title_words.len());
        assert!(record_facts(&[record], &|| true).is_err());
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = "é".repeat(1_000_000);
        let record = ProductRecord {
            title: Some(&long),
            text: Some(&long),
            ..ProductRecord::default()
        };
        let facts = record_facts(&[record], &|| false).unwrap();
        assert!(facts[0].compact.len() < 6_000);
    }
}
