//! Training rows, tokenized and with the values aligned to the tokens.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::alignment::{FoldedText, FoldedValue, token_range};
use super::columns::ColumnRoles;
use super::context::ContextVocabulary;
use super::crf::{OUTSIDE, begin, inside};
use super::examples::ExtractionExamples;
use super::features::word_hashes;
use super::hashing::hash_text;
use super::lexicon::GroupValues;
use super::metadata::MisalignedValue;
use super::tokens::{Token, tokenize};
use crate::extraction::span::has_text;

/// Misaligned values that metadata list.
const MAX_MISALIGNED: usize = 1000;

/// Characters of a text in the list of misaligned values.
const TEXT_START: usize = 120;

/// Training rows.
#[derive(Debug)]
pub struct Corpus {
    pub rows: Vec<CorpusRow>,
    pub attributes: usize,
    pub contexts: ContextVocabulary,
    /// By group: its values.
    pub groups: Vec<GroupValues>,
    pub skipped_rows: usize,
    pub misaligned: Vec<MisalignedValue>,
    /// By attribute: misaligned values.
    pub misaligned_counts: Vec<u64>,
}

/// Row of the corpus.
#[derive(Debug)]
pub struct CorpusRow {
    /// The source texts; `None` for NULL.
    pub texts: Vec<Option<CorpusText>>,
    /// Position of the context.
    pub context: Option<usize>,
    pub group: usize,
    /// By attribute: the values in lower case; `None` if not labelled.
    pub values: Vec<Option<Vec<String>>>,
}

/// Text of a row.
#[derive(Debug)]
pub struct CorpusText {
    pub text: String,
    pub tokens: Vec<Token>,
    /// By token.
    pub labels: Vec<u16>,
    pub words: HashSet<u64>,
}

impl Corpus {
    /// The rows with a text and a label.
    pub fn new(examples: &ExtractionExamples, roles: &ColumnRoles) -> Self {
        let attributes = examples.attributes.len();
        let mut corpus = Self {
            rows: Vec::new(),
            attributes,
            contexts: ContextVocabulary::default(),
            groups: Vec::new(),
            skipped_rows: 0,
            misaligned: Vec::new(),
            misaligned_counts: vec![0; attributes],
        };
        let mut groups = Groups::default();
        for row in 0..examples.rows() {
            let texts: Vec<Option<&str>> = roles
                .sources
                .iter()
                .map(|at| examples.texts[*at][row].as_deref())
                .collect();
            let values: Vec<Option<&Vec<String>>> = examples
                .values
                .iter()
                .map(|values| values[row].as_ref())
                .collect();
            if !has_text(&texts) || values.iter().all(Option::is_none) {
                corpus.skipped_rows += 1;
                continue;
            }
            let name = examples.groups.as_ref().map(|groups| groups[row].as_str());
            let group = groups.of(name, &texts);
            let context = roles
                .contexts
                .iter()
                .map(|at| examples.texts[*at][row].as_deref());
            let context = corpus.contexts.add(context, &values);
            corpus.add_row(&texts, &values, context, group);
        }
        corpus
    }

    fn add_row(
        &mut self,
        texts: &[Option<&str>],
        values: &[Option<&Vec<String>>],
        context: Option<usize>,
        group: usize,
    ) {
        let folded: Vec<Option<FoldedText>> =
            texts.iter().map(|text| text.map(FoldedText::new)).collect();
        // By text: places as start, end, attribute.
        let mut places: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); texts.len()];
        self.groups
            .resize(self.groups.len().max(group + 1), GroupValues::new());
        for (attribute, values) in values.iter().enumerate() {
            for value in values.iter().flat_map(|values| values.iter()) {
                let needle = FoldedValue::new(value);
                let mut is_found = false;
                for (places, folded) in places.iter_mut().zip(&folded) {
                    let found = folded
                        .as_ref()
                        .map(|text| text.find(&needle))
                        .unwrap_or_default();
                    is_found |= !found.is_empty();
                    places.extend(
                        found
                            .into_iter()
                            .map(|(start, end)| (start, end, attribute)),
                    );
                }
                match is_found {
                    true => {
                        self.groups[group].insert((hash_text(value.trim()), attribute as u16));
                    }
                    false => self.add_misaligned(attribute, value, texts),
                }
            }
        }
        let texts = texts.iter().zip(places);
        let texts = texts.map(|(text, places)| text.map(|text| labelled(text, places)));
        self.rows.push(CorpusRow {
            texts: texts.collect(),
            context,
            group,
            values: values
                .iter()
                .map(|values| {
                    let values = values.as_ref()?.iter();
                    Some(values.map(|value| value.trim().to_lowercase()).collect())
                })
                .collect(),
        });
    }

    fn add_misaligned(&mut self, attribute: usize, value: &str, texts: &[Option<&str>]) {
        self.misaligned_counts[attribute] += 1;
        if self.misaligned.len() < MAX_MISALIGNED {
            let start = |text: &str| text.chars().take(TEXT_START).collect();
            self.misaligned.push(MisalignedValue {
                // The position; the name is filled in at the end.
                attribute: attribute.to_string(),
                value: value.to_string(),
                texts: texts.iter().map(|text| text.map(start)).collect(),
            });
        }
    }
}

/// The text with the labels of its tokens. Longer values come before shorter ones.
fn labelled(text: &str, mut places: Vec<(usize, usize, usize)>) -> CorpusText {
    let tokens = tokenize(text);
    let mut labels = vec![OUTSIDE; tokens.len()];
    places.sort_unstable_by_key(|(start, end, attribute)| {
        (std::cmp::Reverse(end - start), *start, *attribute)
    });
    for (start, end, attribute) in places {
        let Some((first, last)) = token_range(&tokens, start, end) else {
            continue;
        };
        if labels[first..last].iter().all(|label| *label == OUTSIDE) {
            labels[first..last].fill(inside(attribute));
            labels[first] = begin(attribute);
        }
    }
    CorpusText {
        words: word_hashes(text, &tokens),
        text: text.to_string(),
        tokens,
        labels,
    }
}

/// Groups of rows: of one name, or with equal texts.
#[derive(Default)]
struct Groups<'a> {
    by_name: BTreeMap<&'a str, usize>,
    by_texts: HashMap<Vec<Option<String>>, usize>,
    count: usize,
}

impl<'a> Groups<'a> {
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
