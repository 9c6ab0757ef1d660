//! Training of an extractor, with held-out quality.

use std::collections::HashSet;
use std::sync::Arc;

use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

use super::aligned_rows::AlignedRows;
use super::columns::ColumnRoles;
use super::corpus::Corpus;
use super::examples::{ExtractionExamples, ExtractionOptions};
use super::format::MAX_ATTRIBUTES;
use super::held_out::{best_threshold, count_values, train_folds, train_ranking};
use super::summary::metadata;
use super::trained_extractor::TrainedExtractor;
use crate::token_vectors::TokenVectors;

/// Trains an extractor. `vectors` are reserved for features that it does not use yet.
///
/// # Errors
/// [`Error::Invalid`] for duplicate attributes, and if no value is in a text of its row;
/// [`Error::Interrupted`] once `progress` is cancelled.
pub fn train_extractor(
    name: &str,
    examples: &ExtractionExamples,
    options: &ExtractionOptions,
    _vectors: Option<Arc<TokenVectors>>,
    progress: &dyn ProgressSink,
) -> Result<TrainedExtractor> {
    check(examples)?;
    let roles = ColumnRoles::choose(examples, options)?;
    let mut aligned = AlignedRows::new(examples, &roles);
    let corpus = Corpus::new(&aligned, examples.attributes.len());
    aligned.list_inside_words(examples, corpus.splits);
    if corpus.groups.iter().all(|values| values.is_empty()) {
        return Err(nothing_to_learn(examples, &aligned));
    }
    let (mut held_out, core) = train_folds(&corpus, options.seed, progress)?;
    let ranking = train_ranking(&mut held_out);
    let threshold = best_threshold(&held_out, corpus.attributes);
    let counts = count_values(&held_out, corpus.attributes, threshold);
    let metadata = metadata(
        name,
        examples,
        &roles,
        &aligned,
        &corpus,
        held_out.len(),
        &counts,
    );
    Ok(TrainedExtractor::new(metadata, core, ranking, threshold))
}

fn check(examples: &ExtractionExamples) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    if examples.attributes.is_empty() {
        return invalid("an extractor needs an attribute".to_string());
    }
    let mut seen = HashSet::new();
    for attribute in &examples.attributes {
        if attribute.trim().is_empty() {
            return invalid("the name of an attribute is blank".to_string());
        }
        if !seen.insert(attribute.to_lowercase()) {
            return invalid(format!("the attribute {attribute} is given twice"));
        }
    }
    if examples.attributes.len() > MAX_ATTRIBUTES {
        return invalid(format!(
            "{} attributes exceed the limit of {MAX_ATTRIBUTES}",
            examples.attributes.len()
        ));
    }
    if examples.columns.is_empty() {
        return invalid("an extractor needs a text column".to_string());
    }
    Ok(())
}

fn nothing_to_learn(examples: &ExtractionExamples, aligned: &AlignedRows<'_>) -> Error {
    let Some(example) = aligned.misaligned.first() else {
        return Error::Invalid(format!(
            "no row has a text and a value of {}, so there is nothing to learn",
            examples.attributes.join(", ")
        ));
    };
    let texts: Vec<&str> = example.texts.iter().flatten().map(String::as_str).collect();
    Error::Invalid(format!(
        "no value is in a text of its row, so there is nothing to learn; for example, {} = '{}' is not in '{}' as whole words",
        example.attribute,
        example.value,
        texts.join("' or '")
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_rows::products;
    use super::*;
    use crate::extraction::extractor::Extractor;

    fn trained(examples: &ExtractionExamples) -> Result<TrainedExtractor> {
        train_extractor("a", examples, &ExtractionOptions::default(), None, &|| {
            false
        })
    }

    #[test]
    fn values_of_new_rows_are_found() {
        let extractor = trained(&products(120)).unwrap();
        let metadata = &extractor.metadata;
        assert!(metadata.micro.f1 > 0.9, "{:?}", metadata.micro);
        assert_eq!((metadata.rows, metadata.held_out), (120, 120));
        let text = "Dyna dark blue chair 999";
        let spans = extractor
            .extract(&[vec![Some(text)], vec![None]], &|| false)
            .unwrap();
        let values: Vec<_> = spans[0]
            .iter()
            .map(|span| (span.attribute, &text[span.start..span.end]))
            .collect();
        assert_eq!(values, [(0, "Dyna"), (1, "dark blue")]);
        assert!(spans[1].is_empty());
        let cancelled = extractor.extract(&[vec![Some(text)]], &|| true);
        assert_eq!(cancelled, Err(Error::Interrupted));
    }

    #[test]
    fn unusable_rows_are_errors() {
        let mut twice = products(10);
        twice.attributes[1] = "Brand".to_string();
        assert!(
            trained(&twice)
                .unwrap_err()
                .to_string()
                .contains("given twice")
        );
        let mut elsewhere = products(10);
        elsewhere.values = vec![vec![Some(vec!["nowhere".to_string()]); 10]; 2];
        let message = trained(&elsewhere).unwrap_err().to_string();
        assert!(
            message.contains("brand = 'nowhere' is not in 'Acme"),
            "{message}"
        );
        let mut unlabelled = products(10);
        unlabelled.values = vec![vec![None; 10]; 2];
        assert!(trained(&unlabelled).is_err());
    }

    #[test]
    fn one_row_is_enough_for_a_model() {
        let one = trained(&products(1)).unwrap();
        assert_eq!((one.metadata.rows, one.metadata.held_out), (1, 0));
    }

    #[test]
    fn misaligned_values_are_listed() {
        let mut examples = products(30);
        examples.values[1][1] = Some(vec!["purple".to_string()]);
        let metadata = trained(&examples).unwrap().metadata;
        let listed: Vec<_> = metadata
            .misaligned
            .iter()
            .map(|one| (one.attribute.as_str(), one.value.as_str()))
            .collect();
        assert_eq!(listed, [("color", "purple")]);
        assert_eq!(metadata.attributes[1].misaligned, 1);
    }
}
