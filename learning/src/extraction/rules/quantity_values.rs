//! Candidates of a quantity attribute.

use super::candidate::Candidate;
use super::compiled_attribute::CompiledAttribute;
use super::context::{AttributePhrases, WordsOfText};
use super::quantities::{Amount, Axis, Dimension, Quantity, Unit, read_number};

const CUED_SCORE: f32 = 1.0;
const BARE_SCORE: f32 = 0.9;

/// Score of a count that names its pack: `pack of 12`, `24-pack`, `50/Box`.
const PACK_SCORE: f32 = 0.95;

/// Score of a value whose axis the text names, and of one by its place in dimensions.
const NAMED_AXIS_SCORE: f32 = 0.95;
const PLACED_AXIS_SCORE: f32 = 0.6;

/// Score of a number without unit after a label: `Quantity: 12`.
const LABELLED_NUMBER_SCORE: f32 = 0.8;

/// Adds the quantities with the dimension of the attribute.
pub fn quantity_values(
    attribute: &CompiledAttribute,
    phrases: &AttributePhrases,
    text: WordsOfText<'_>,
    quantities: &[Quantity],
    candidates: &mut Vec<Candidate>,
) {
    let Some(unit) = attribute.unit else { return };
    for quantity in quantities {
        let is_zero = quantity.amounts.iter().all(|amount| amount.high == 0.0);
        if quantity.dimension() != unit.dimension || is_zero {
            continue;
        }
        let first_word = text.word_at(quantity.start);
        let end_word = text.word_after(quantity.end);
        if phrases.is_ruled_out(&text, first_word, end_word) {
            continue;
        }
        let is_cued =
            phrases.has_cue_before(&text, first_word) || phrases.has_cue_after(&text, end_word);
        let is_single = quantity.amounts.len() == 1;
        match attribute.axis {
            Some(axis) if !(is_single && is_cued) => {
                candidates.extend(axis_value(attribute, quantity, axis, unit));
            }
            _ => {
                let bare = is_bare_unit(attribute, quantity.unit);
                if !(is_cued || bare) {
                    continue;
                }
                candidates.push(Candidate {
                    start: quantity.start,
                    end: quantity.end,
                    score: if is_cued {
                        CUED_SCORE
                    } else if names_pack(text.text, quantity) {
                        PACK_SCORE
                    } else {
                        BARE_SCORE
                    },
                    normalized: quantity.normalized(unit),
                });
            }
        }
    }
    if unit.dimension == Dimension::Count {
        labelled_numbers(phrases, text, unit, candidates);
    }
}

/// Whether a count says that it is the content of a pack.
fn names_pack(text: &str, quantity: &Quantity) -> bool {
    let written = &text[quantity.start..quantity.end];
    let ends_with_pack = ["pack", "packs", "pk"].iter().any(|pack| {
        let start = written.len().saturating_sub(pack.len());
        written
            .get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(pack))
    });
    quantity.dimension() == Dimension::Count
        && (written.starts_with(char::is_alphabetic) || written.contains('/') || ends_with_pack)
}

fn is_bare_unit(attribute: &CompiledAttribute, unit: &Unit) -> bool {
    match &attribute.bare_units {
        Some(units) => units.contains(&unit),
        None => true,
    }
}

/// The amount of `axis`: named, or by the order length, width, height.
fn axis_value(
    attribute: &CompiledAttribute,
    quantity: &Quantity,
    axis: Axis,
    unit: &Unit,
) -> Option<Candidate> {
    let amounts = &quantity.amounts;
    let (amount, score) = if amounts.iter().any(|amount| amount.axis.is_some()) {
        let named = amounts.iter().find(|amount| amount.axis == Some(axis))?;
        (named, NAMED_AXIS_SCORE)
    } else if amounts.len() > 1 {
        (placed_amount(amounts, axis)?, PLACED_AXIS_SCORE)
    } else if attribute.bare_units.is_some() && is_bare_unit(attribute, quantity.unit) {
        (amounts.first()?, PLACED_AXIS_SCORE)
    } else {
        return None;
    };
    Some(Candidate {
        start: amount.start,
        end: amount.end,
        score,
        normalized: amount.normalized(quantity.unit, unit),
    })
}

/// The amount of `axis` by its place: length, width, height; or width and height, where a
/// far longer second amount is the length of a roll.
fn placed_amount(amounts: &[Amount], axis: Axis) -> Option<&Amount> {
    const MIN_ROLL_RATIO: f64 = 8.0;
    let [first, second] = amounts else {
        return match axis {
            Axis::Length => amounts.first(),
            Axis::Width => amounts.get(1),
            Axis::Height => amounts.get(2),
            Axis::Depth => None,
        };
    };
    let is_roll = second.low > first.low * MIN_ROLL_RATIO;
    match axis {
        Axis::Width => Some(first),
        Axis::Height if !is_roll => Some(second),
        Axis::Length if is_roll => Some(second),
        _ => None,
    }
}

/// Adds whole numbers after a label with a colon.
fn labelled_numbers(
    phrases: &AttributePhrases,
    text: WordsOfText<'_>,
    unit: &Unit,
    candidates: &mut Vec<Candidate>,
) {
    for (word, _) in &phrases.cues {
        let Some(place) = text.words.get(*word) else {
            continue;
        };
        if !text.is_labelled(*word, true) {
            continue;
        }
        let Some(number) = read_number(text.text, place.start) else {
            continue;
        };
        let next = text.text[number.end..].chars().next();
        if !number.is_integer || next.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let amount = Amount {
            start: number.start,
            end: number.end,
            low: number.value,
            high: number.value,
            axis: None,
        };
        candidates.push(Candidate {
            start: number.start,
            end: number.end,
            score: LABELLED_NUMBER_SCORE,
            normalized: amount.normalized(unit, unit),
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::extraction::rules::{AttributeSet, RuleExtractor};
    use crate::extraction::{Extractor, best_span};

    /// Best value and its normalized form.
    fn best(yaml: &str, text: &str) -> Option<(String, Option<String>)> {
        let set = format!("name: s\nattributes:\n  - {{ name: q, type: quantity, {yaml} }}");
        let set: AttributeSet = serde_saphyr::from_str(&set).unwrap();
        let extractor = RuleExtractor::new(&set).unwrap();
        let rows = [vec![Some(text)]];
        let spans = extractor.extract(&rows, &|| false).unwrap().remove(0);
        let span = best_span(&spans, 0)?;
        Some((
            span.value(&rows[0]).unwrap().to_string(),
            span.normalized.clone(),
        ))
    }

    fn assert_best(yaml: &str, text: &str, value: &str, normalized: &str) {
        let expected = Some((value.to_string(), Some(normalized.to_string())));
        assert_eq!(best(yaml, text), expected, "{text}");
    }

    #[test]
    fn cues_and_units_select_quantities() {
        let weight = "unit: kg, cues: [weight], not_before: [load]";
        assert_best(weight, "500 g bag, net weight is 1 kg", "1 kg", "1 kg");
        assert_best(weight, "500 g bag", "500 g", "0.5 kg");
        assert_eq!(best(weight, "up to 50 kg load, 0 kg"), None);
        let length = "unit: cm, bare_units: [m], cues: [length], cues_after: [long]";
        assert_best(length, "30 cm, 2 m cable", "2 m", "200 cm");
        assert_best(length, "30 cm long", "30 cm", "30 cm");
        assert_best(length, "Length: 5 in", "5 in", "12.7 cm");
        assert_eq!(best(length, "30 cm"), None);
    }

    #[test]
    fn axes_select_amounts() {
        let width = "unit: cm, axis: width, cues: [width]";
        assert_best(width, "30 x 20 x 10 cm", "20", "20 cm");
        assert_best(width, "20 x 30 cm", "20", "20 cm");
        assert_best(width, "30 cm L x 20 cm W", "20 cm", "20 cm");
        assert_best(width, "Width: 8 in", "8 in", "20.32 cm");
        assert_eq!(best(width, "30 cm L x 20 cm H"), None);
        assert_best(
            "unit: m, axis: length",
            "Tape, 2 in x 60 yd",
            "60 yd",
            "54.864 m",
        );
    }

    #[test]
    fn pack_sizes_are_counts() {
        let pack = "unit: count, cues: ['quantity:']";
        assert_best(pack, "60 tablets (Pack of 2)", "Pack of 2", "2");
        assert_best(pack, "6 x 330 ml", "6", "6");
        assert_best(pack, "Quantity: 12; color", "12", "12");
        assert_eq!(best(pack, "Quantity: 12V"), None);
    }
}
