//! The notice about texts in other languages than the model's.

use std::path::Path;

use super::{Done, program_with_models};
use crate::support::models::multilingual_model;
use crate::support::process;

const ENGLISH: &str = "a light tent for two people that stands in five minutes, number";
const GERMAN: &str = "ein leichtes Zelt für zwei Personen, das in fünf Minuten steht, Nummer";

/// A folder with `offers.csv`: English texts, then German ones.
fn offers(english: usize, german: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let texts = std::iter::repeat_n(ENGLISH, english).chain(std::iter::repeat_n(GERMAN, german));
    let lines: String = texts
        .enumerate()
        .map(|(row, text)| format!("{row},\"{text} {row}\"\n"))
        .collect();
    let content = format!("id,text\n{lines}");
    std::fs::write(folder.path().join("offers.csv"), content).unwrap();
    folder
}

fn query(folder: &Path, args: &[&str], sql: &str) -> Done {
    let mut program = program_with_models(folder);
    let done = Done::from(process::output(
        program
            .args(["--format", "csv"])
            .args(args)
            .args(["-c", sql]),
    ));
    assert_eq!(done.code, Some(0), "{}", done.err);
    done
}

fn notices(done: &Done) -> Vec<&str> {
    let lines = done.err.lines();
    lines
        .filter(|line| line.contains("not in English"))
        .collect()
}

const COUNT: &str = "SELECT ai_classify(text, ['camping', 'cooking']) AS label, count(*) FROM 'offers.csv' GROUP BY 1";

#[test]
fn an_english_model_on_german_texts_gives_one_notice() {
    let folder = offers(30, 30);
    let done = query(folder.path(), &[], COUNT);
    let found = notices(&done);
    assert_eq!(found.len(), 1, "{}", done.err);
    for part in [
        "About 50 % of the texts are not in English (de 50 %; 60 sampled rows)",
        "the model all-minilm-l6-v2 is for English",
        "SET ai.model = 'multilingual-e5-small'",
    ] {
        assert!(found[0].contains(part), "{part}: {found:?}");
    }
    // Several operators over different rows.
    let two = "SELECT count(embed(text)) FROM 'offers.csv' WHERE id < 50 UNION ALL \
               SELECT count(ai_classify(text, ['camping', 'cooking'])) FROM 'offers.csv' WHERE id > 20";
    let done = query(folder.path(), &[], two);
    assert_eq!(notices(&done).len(), 1, "{}", done.err);
    assert_eq!(done.out.lines().skip(1).count(), 2);
}

#[test]
fn english_texts_and_a_few_others_give_no_notice() {
    let folder = offers(60, 4);
    let done = query(folder.path(), &[], COUNT);
    assert!(notices(&done).is_empty(), "{}", done.err);
    let one = format!(
        "SELECT ai_classify('{GERMAN}' || id, ['camping', 'cooking']) FROM 'offers.csv' LIMIT 1"
    );
    let done = query(folder.path(), &[], &one);
    assert!(notices(&done).is_empty(), "{}", done.err);
}

#[test]
fn a_multilingual_model_classifies_both_languages_without_a_notice() {
    let Some(model) = multilingual_model() else {
        return;
    };
    let folder = offers(20, 20);
    let model = format!("ai.model={model}");
    let done = query(folder.path(), &["--set", &model], COUNT);
    assert!(notices(&done).is_empty(), "{}", done.err);
    assert_eq!(done.out.lines().nth(1), Some("camping,40"), "{}", done.out);
}
