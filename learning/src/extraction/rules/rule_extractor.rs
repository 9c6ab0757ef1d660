//! All attributes of a set over all texts of a row.

use std::sync::Arc;

use semql_inference::{Error, Result};

use super::attribute_candidates::{TextSource, add_candidates};
use super::attribute_set::{AttributeKind, AttributeSet};
use super::attribute_value::AttributeValue;
use super::candidate::{Candidate, resolve_overlaps};
use super::compiled_attribute::CompiledAttribute;
use super::context::{AttributePhrases, WordsOfText};
use super::phrase_matcher::{PhraseMatcher, TextWord};
use super::quantities::{Quantity, find_unit, parse_quantities};
use super::roles::{AttributeRole, add_roles};
use crate::extraction::{Extractor, SourceTexts, Span};

/// Bytes of text between two questions whether to cancel.
const CANCEL_INTERVAL_BYTES: usize = 256 << 10;

/// Rows between two questions whether to cancel.
const CANCEL_INTERVAL_ROWS: usize = 256;

/// Finds values by the rules of an [`AttributeSet`].
#[derive(Debug)]
pub struct RuleExtractor {
    names: Vec<String>,
    attributes: Vec<CompiledAttribute>,
    matcher: Arc<PhraseMatcher<AttributeRole>>,
    needs_quantities: bool,
}

impl RuleExtractor {
    /// Compiles the rules of a set.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an invalid set, with the attribute and the next step.
    pub fn new(set: &AttributeSet) -> Result<Self> {
        set.validate().map_err(Error::Invalid)?;
        let mut matcher = PhraseMatcher::new();
        let mut attributes = Vec::with_capacity(set.attributes.len());
        for (position, definition) in set.attributes.iter().enumerate() {
            let compiled = CompiledAttribute::new(definition).and_then(|compiled| {
                add_roles(&mut matcher, position, definition).map(|()| compiled)
            });
            attributes.push(compiled.map_err(|what| {
                let name = &definition.name;
                Error::Invalid(format!(
                    "attribute set '{}': attribute '{name}': {what}",
                    set.name
                ))
            })?);
        }
        let spells_unit = |value: &AttributeValue| {
            let mut spellings = value.spellings();
            spellings.any(|spelling| find_unit(spelling).is_some())
        };
        let needs_quantities = set.attributes.iter().any(|definition| {
            definition.kind != AttributeKind::Text || definition.values.iter().any(spells_unit)
        });
        Ok(Self {
            names: set
                .attributes
                .iter()
                .map(|a| a.name.trim().to_string())
                .collect(),
            attributes,
            matcher: Arc::new(matcher),
            needs_quantities,
        })
    }

    fn extract_row(
        &self,
        texts: &[Option<&str>],
        buffers: &mut Buffers,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Span> {
        let first = texts.iter().position(Option::is_some);
        let mut spans = Vec::new();
        for (column, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            self.analyze(text, buffers);
            let words = WordsOfText {
                text,
                words: &buffers.words,
            };
            for (attribute, phrases) in buffers.phrases.iter().enumerate() {
                let candidates = &mut buffers.candidates;
                candidates.clear();
                let others = |word: usize| {
                    let mut others = buffers.phrases.iter().enumerate();
                    others.any(|(other, phrases)| other != attribute && phrases.starts_value(word))
                };
                let is_first = first == Some(column);
                let source = TextSource {
                    words,
                    quantities: &buffers.quantities,
                    is_first,
                };
                add_candidates(
                    &self.attributes[attribute],
                    phrases,
                    &source,
                    &others,
                    candidates,
                    is_cancelled,
                );
                resolve_overlaps(candidates);
                spans.extend(candidates.drain(..).map(|candidate| Span {
                    attribute,
                    column,
                    start: candidate.start,
                    end: candidate.end,
                    score: candidate.score,
                    normalized: candidate.normalized,
                }));
            }
        }
        spans.sort_by_key(|span| (span.attribute, span.column, span.start));
        spans
    }

    /// Splits a text, and finds its phrases and quantities.
    fn analyze(&self, text: &str, buffers: &mut Buffers) {
        self.matcher.split(text, &mut buffers.words);
        buffers
            .phrases
            .resize_with(self.attributes.len(), Default::default);
        buffers.phrases.iter_mut().for_each(AttributePhrases::clear);
        let phrases = &mut buffers.phrases;
        self.matcher.each_match(text, &buffers.words, |found| {
            let AttributeRole { attribute, role } = found.payload;
            phrases[attribute as usize].add(&found, role);
        });
        phrases.iter_mut().for_each(AttributePhrases::finish);
        buffers.quantities = if self.needs_quantities {
            parse_quantities(text)
        } else {
            Vec::new()
        };
    }
}

/// Memory that serves row after row.
#[derive(Debug, Default)]
struct Buffers {
    words: Vec<TextWord>,
    phrases: Vec<AttributePhrases>,
    quantities: Vec<Quantity>,
    candidates: Vec<Candidate>,
}

impl Extractor for RuleExtractor {
    fn attributes(&self) -> &[String] {
        &self.names
    }

    fn columns(&self) -> &[String] {
        &[]
    }

    fn extract(
        &self,
        rows: &[SourceTexts<'_>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<Span>>> {
        let mut buffers = Buffers::default();
        let mut bytes = CANCEL_INTERVAL_BYTES;
        let mut results = Vec::with_capacity(rows.len());
        for (position, texts) in rows.iter().enumerate() {
            let due = bytes >= CANCEL_INTERVAL_BYTES || position % CANCEL_INTERVAL_ROWS == 0;
            if due {
                bytes = 0;
                if is_cancelled() {
                    return Err(Error::Interrupted);
                }
            }
            results.push(self.extract_row(texts, &mut buffers, is_cancelled));
            bytes += texts.iter().flatten().map(|text| text.len()).sum::<usize>();
        }
        if is_cancelled() {
            return Err(Error::Interrupted);
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::extraction::best_span;

    fn products() -> RuleExtractor {
        RuleExtractor::new(&AttributeSet::built_in().unwrap()).unwrap()
    }

    /// Best value and normalized form of each attribute of the built-in set.
    fn features(texts: &[Option<&str>]) -> Vec<(String, String, Option<String>)> {
        let extractor = products();
        let rows = [texts.to_vec()];
        let spans = extractor.extract(&rows, &|| false).unwrap().remove(0);
        let names = extractor.attributes().iter().enumerate();
        names
            .filter_map(|(attribute, name)| {
                let span = best_span(&spans, attribute)?;
                let value = span.value(texts).unwrap().to_string();
                Some((name.clone(), value, span.normalized.clone()))
            })
            .collect()
    }

    fn assert_features(texts: &[Option<&str>], expected: &[(&str, &str, Option<&str>)]) {
        let found = features(texts);
        let found: Vec<_> = found
            .iter()
            .map(|(name, value, form)| (name.as_str(), value.as_str(), form.as_deref()))
            .collect();
        assert_eq!(found, expected, "{texts:?}");
    }

    #[test]
    fn built_in_attributes_of_products() {
        assert_features(
            &[Some(
                "Kestrelo - Nylon Shoulder Bag, 30 x 20 x 10 cm - Dark Blue",
            )],
            &[
                ("brand", "Kestrelo", None),
                ("color", "Dark Blue", Some("dark blue")),
                ("material", "Nylon", Some("nylon")),
                ("length", "30", Some("30 cm")),
                ("width", "20", Some("20 cm")),
                ("height", "10 cm", Some("10 cm")),
            ],
        );
        assert_features(
            &[
                None,
                Some("bosch xyz4821ab microwave 20l 800w black"),
                Some("for use with Sony TVs"),
            ],
            &[
                ("brand", "bosch", Some("Bosch")),
                ("color", "black", Some("black")),
                ("volume", "20l", Some("20 l")),
                ("power", "800w", Some("800 W")),
                ("model_number", "xyz4821ab", Some("XYZ4821AB")),
            ],
        );
        assert_features(
            &[Some("Women’s Cotton Shirt (M), Pack of 3"), None],
            &[
                ("material", "Cotton", Some("cotton")),
                ("size", "M", Some("M")),
                ("target_group", "Women’s", Some("women")),
                ("pack_quantity", "Pack of 3", Some("3")),
            ],
        );
        for text in [
            "Holds up to 150 kg",
            "Load capacity: 40 kg",
            "supports 20 lb",
        ] {
            let found = features(&[Some(text)]);
            assert!(found.iter().all(|(name, ..)| name != "weight"), "{text}");
        }
        assert_features(&[Some("A Quiet Year - DVD")], &[]);
        assert_features(&[None, None], &[]);
        assert_features(&[], &[]);
    }

    #[test]
    fn spans_are_ordered_parts_of_hostile_texts() {
        let pieces = [
            "İ 5\" ",
            "é\u{301}",
            "\u{fffd}",
            "½",
            "red ",
            "L 5 x ",
            "by ",
            "colour: ",
            "(",
            "’",
            "ß",
            "红",
            "1,",
            "pack of ",
        ];
        let mut state = 7_u64;
        let extractor = products();
        for _ in 0..300 {
            let mut text = String::new();
            for _ in 0..40 {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            let rows = [vec![Some(text.as_str())]];
            let spans = extractor.extract(&rows, &|| false).unwrap().remove(0);
            for pair in spans.windows(2) {
                let [a, b] = pair else { unreachable!() };
                assert!(a.attribute < b.attribute || a.end <= b.start, "{text}");
            }
            for span in &spans {
                let value = span.value(&rows[0]);
                assert!(value.is_some_and(|value| !value.is_empty()), "{text}");
                assert!((0.0..=1.0).contains(&span.score));
            }
        }
    }

    #[test]
    fn long_texts_take_linear_time() {
        let start = std::time::Instant::now();
        let extractor = products();
        for piece in [
            "red ",
            "size ",
            "dark ",
            "by A ",
            "a-1",
            "is of ",
            "for Sony, ",
            "5 kg ",
            "\n",
            "x",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            extractor
                .extract(&[vec![Some(text.as_str())]], &|| false)
                .unwrap();
        }
        assert!(start.elapsed().as_secs() < 120);
    }

    #[test]
    fn cancellation_interrupts() {
        let extractor = products();
        let rows = vec![vec![Some("red shirt")]; 1000];
        assert_eq!(extractor.extract(&rows, &|| true), Err(Error::Interrupted));
        let questions = AtomicUsize::new(0);
        let later = || questions.fetch_add(1, Ordering::Relaxed) >= 2;
        assert_eq!(extractor.extract(&rows, &later), Err(Error::Interrupted));
    }

    #[test]
    fn values_of_a_column_extend_an_attribute() {
        let values = ["Nimbuswear".to_string(), " ".to_string(), "HP".to_string()];
        let set = AttributeSet::built_in()
            .unwrap()
            .with_values("brand", values);
        let extractor = RuleExtractor::new(&set).unwrap();
        let rows = [vec![Some("new nimbuswear rain coat")]];
        let spans = extractor.extract(&rows, &|| false).unwrap().remove(0);
        assert_eq!(
            best_span(&spans, 0).unwrap().normalized.as_deref(),
            Some("Nimbuswear")
        );
    }

    #[test]
    fn invalid_sets_are_refused() {
        let error = RuleExtractor::new(&AttributeSet::default()).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
}
