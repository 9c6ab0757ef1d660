//! Answers of language models as answers of rows.

use semql_language_models::{RowFailure, TaskAnswer, is_of_whole_words};
use semql_learning::extraction::{SourceTexts, Span};

use super::answer::{RowAnswer, RowValue};
use super::normalizers::AttributeNormalizers;

/// Score of the first value that a language model lists for an attribute, and of others.
const FIRST_SCORE: f32 = 1.0;
const OTHER_SCORE: f32 = 0.9;

/// The answers to `rows`, with values as spans.
pub fn row_answers(
    answers: Vec<std::result::Result<TaskAnswer, RowFailure>>,
    rows: &[SourceTexts<'_>],
    normalizers: &AttributeNormalizers,
) -> Vec<RowAnswer> {
    let answer = |(answer, texts): (_, &SourceTexts<'_>)| match answer {
        Err(RowFailure { message }) => RowAnswer::Failed(message),
        Ok(TaskAnswer::Values(values)) => {
            let mut spans = spans_of_values(&values, texts);
            normalizers.apply(&mut spans, texts);
            RowAnswer::Value(RowValue::Spans(spans))
        }
        Ok(TaskAnswer::Label(label)) => RowAnswer::Value(RowValue::Label(label)),
        Ok(TaskAnswer::Condition(holds)) => RowAnswer::Value(RowValue::Condition(holds)),
        Ok(TaskAnswer::Text(text)) => RowAnswer::Value(RowValue::Text(text)),
    };
    answers.into_iter().zip(rows).map(answer).collect()
}

/// The first place of each value in the texts that no other value of its attribute has,
/// as whole words where there are such places.
fn spans_of_values(values: &[Vec<String>], texts: &SourceTexts<'_>) -> Vec<Span> {
    let mut all = Vec::new();
    for (attribute, values) in values.iter().enumerate() {
        let mut spans: Vec<Span> = Vec::new();
        for value in values.iter().filter(|value| !value.is_empty()) {
            let free = |column: usize, start: usize, end: usize| {
                let mut others = spans.iter().filter(|other| other.column == column);
                others.all(|other| end <= other.start || other.end <= start)
            };
            let places = || {
                let texts = texts.iter().enumerate();
                let places = texts.flat_map(|(column, text)| {
                    let text = text.unwrap_or_default();
                    let matches = text.match_indices(value.as_str());
                    matches.map(move |(start, value)| {
                        let end = start + value.len();
                        (column, start, end, is_of_whole_words(text, start, end))
                    })
                });
                places.filter(|(column, start, end, _)| free(*column, *start, *end))
            };
            let words = places().find(|(.., is_of_words)| *is_of_words);
            if let Some((column, start, end, _)) = words.or_else(|| places().next()) {
                spans.push(Span {
                    attribute,
                    column,
                    start,
                    end,
                    score: match spans.is_empty() {
                        true => FIRST_SCORE,
                        false => OTHER_SCORE,
                    },
                    normalized: None,
                });
            }
        }
        spans.sort_by_key(|span| (span.column, span.start));
        all.extend(spans);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_spans_in_the_order_of_the_texts() {
        let texts = vec![Some("red and blue"), None, Some("red red")];
        let values = [
            vec!["blue".to_string(), "red".to_string(), "green".to_string()],
            Vec::new(),
            vec!["red".to_string(); 4],
        ];
        let spans = spans_of_values(&values, &texts);
        let places: Vec<_> = spans
            .iter()
            .map(|span| (span.attribute, span.column, span.start, span.end))
            .collect();
        assert_eq!(
            places,
            [
                (0, 0, 0, 3),
                (0, 0, 8, 12),
                (2, 0, 0, 3),
                (2, 2, 0, 3),
                (2, 2, 4, 7)
            ]
        );
        // The first value of the list is the best one.
        let best = semql_learning::extraction::best_span(&spans, 0).unwrap();
        assert_eq!(best.value(&texts), Some("blue"));
    }

    #[test]
    fn whole_words_come_before_parts_of_words() {
        let texts = vec![Some("Fred's red hat")];
        let spans = spans_of_values(&[vec!["red".to_string(); 3]], &texts);
        let places: Vec<usize> = spans.iter().map(|span| span.start).collect();
        assert_eq!(places, [1, 7]);
        assert_eq!((spans[1].score, spans[0].score), (FIRST_SCORE, OTHER_SCORE));
    }

    #[test]
    fn values_without_a_rule_keep_their_letters() {
        let texts = vec![Some("Dark \n Blue")];
        let mut spans = spans_of_values(&[vec!["Dark \n Blue".to_string()]], &texts);
        AttributeNormalizers::default().apply(&mut spans, &texts);
        assert_eq!(spans[0].normalized.as_deref(), Some("Dark Blue"));
    }
}
