//! Texts by which a label is compared with other texts.
//!
//! Measured by `bench/labels.py`: the mean vector of several sentences about a name is
//! nearer to its texts than any one of them; the parts of a name and the clauses of a
//! description help as phrases.

use crate::taxonomy::{Label, Taxonomy};

/// Sentences about the name of a label, for models without a prefix; `{}` is the name.
const NAME_PROMPTS: &[&str] = &[
    "{}",
    "a question about {}",
    "a report on {}",
    "a kind of {}",
];

/// Sentences for models that expect a prefix, such as E5. They place short texts near each
/// other, whatever their meaning.
const PREFIXED_MODEL_PROMPTS: &[&str] = &["a question about {}", "This text is about {}."];

/// Weight of a description beside all sentences about the name.
const DESCRIPTION_WEIGHT: f32 = 1.5;

/// Clauses of a description that are read.
const MAX_CLAUSES: usize = 16;

/// Characters and words between the clauses of a description.
const CLAUSE_MARKS: &[char] = &[',', ';', ':', '、', '，', '；', '：'];
const CLAUSE_WORDS: &[&str] = &[" and ", " or ", " such as "];

/// Characters and words between the parts of a name.
const NAME_MARKS: &[char] = &['/', ',', ';', '&', '、', '，', '／'];
const NAME_WORDS: &[&str] = &[" and ", " or "];

/// Texts whose weighted mean vector stands for one of them.
#[derive(Debug, PartialEq)]
pub struct TextBlend {
    /// The text that users see.
    pub shown: String,
    pub texts: Vec<(String, f32)>,
}

impl TextBlend {
    fn of_text(text: String) -> Self {
        Self {
            shown: text.clone(),
            texts: vec![(text, 1.0)],
        }
    }

    /// The prompts about a name, which weigh 1 together.
    fn of_name(name: &str, prompts: &[&str]) -> Self {
        let weight = 1.0 / prompts.len() as f32;
        let sentence = |prompt: &&str| (prompt.replace("{}", name), weight);
        Self {
            shown: name.to_string(),
            texts: prompts.iter().map(sentence).collect(),
        }
    }
}

/// Texts of one label.
#[derive(Debug, PartialEq)]
pub struct LabelTexts {
    /// The label as a whole. `None` if its phrases alone decide.
    pub name: Option<TextBlend>,
    /// One phrase at least.
    pub phrases: Vec<TextBlend>,
}

/// The texts of each label of a taxonomy. `prefixed_model`: whether the model expects a
/// prefix.
pub fn label_texts(taxonomy: &Taxonomy, prefixed_model: bool) -> Vec<LabelTexts> {
    let own = [taxonomy.template.as_str(), "{}"];
    let prompts = match (taxonomy.has_own_template(), prefixed_model) {
        (true, _) => own.as_slice(),
        (false, true) => PREFIXED_MODEL_PROMPTS,
        (false, false) => NAME_PROMPTS,
    };
    let labels = taxonomy.labels.iter();
    labels
        .map(|label| texts_of(label, taxonomy, prompts))
        .collect()
}

fn texts_of(label: &Label, taxonomy: &Taxonomy, prompts: &[&str]) -> LabelTexts {
    let in_template = |phrase: &String| taxonomy.template.replace("{}", phrase);
    let given = label.phrases.iter().map(in_template);
    let given: Vec<TextBlend> = given.map(TextBlend::of_text).collect();
    // The many phrases of a dictionary's taxonomy are more accurate than its names.
    if !given.is_empty() && !taxonomy.is_inline() {
        return LabelTexts {
            name: None,
            phrases: given,
        };
    }
    let mut name = TextBlend::of_name(&label.name, prompts);
    if !label.description.is_empty() {
        name.texts
            .push((label.description.clone(), DESCRIPTION_WEIGHT));
    }
    let phrases = match (given.is_empty(), label.description.is_empty()) {
        (false, _) => given,
        (true, false) => clauses(&label.description),
        (true, true) => {
            let parts = split(&label.name, NAME_MARKS, NAME_WORDS);
            let parts = parts.iter().filter(|part| **part != label.name);
            parts
                .map(|part| TextBlend::of_name(part, prompts))
                .collect()
        }
    };
    match phrases.is_empty() {
        true => LabelTexts {
            name: None,
            phrases: vec![name],
        },
        false => LabelTexts {
            name: Some(name),
            phrases,
        },
    }
}

/// The clauses of a description.
fn clauses(description: &str) -> Vec<TextBlend> {
    let mut clauses = split(description, CLAUSE_MARKS, CLAUSE_WORDS);
    clauses.truncate(MAX_CLAUSES);
    let clauses = clauses.into_iter().map(str::to_string);
    clauses.map(TextBlend::of_text).collect()
}

/// The distinct parts of a text between marks and words, in order, without blank ones.
fn split<'a>(text: &'a str, marks: &[char], words: &[&str]) -> Vec<&'a str> {
    let mut parts: Vec<&str> = text.split(marks).collect();
    for word in words {
        parts = parts.iter().flat_map(|part| part.split(word)).collect();
    }
    let mut distinct: Vec<&str> = Vec::new();
    for part in parts.into_iter().map(str::trim) {
        if !part.is_empty() && !distinct.contains(&part) {
            distinct.push(part);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(texts: &LabelTexts) -> Vec<&str> {
        let phrases = texts.phrases.iter();
        phrases.map(|phrase| phrase.shown.as_str()).collect()
    }

    fn inline(labels: Vec<Label>) -> Vec<LabelTexts> {
        label_texts(&Taxonomy::of_labels(labels), false)
    }

    #[test]
    fn a_name_is_read_as_a_whole_and_in_parts() {
        let texts = inline(vec![
            Label::named("Science and technology"),
            Label::named("World"),
        ]);
        assert_eq!(shown(&texts[0]), ["Science", "technology"]);
        let name = texts[0].name.as_ref().unwrap();
        assert_eq!(
            name.texts[1],
            ("a question about Science and technology".to_string(), 0.25)
        );
        assert_eq!(shown(&texts[1]), ["World"]);
        assert_eq!(texts[1].name, None);
    }

    #[test]
    fn a_description_is_read_as_a_whole_and_in_clauses() {
        let described = |description: &str| Label {
            description: description.to_string(),
            ..Label::named("a")
        };
        let texts = inline(vec![described("films, series and music"), described("art")]);
        assert_eq!(shown(&texts[0]), ["films", "series", "music"]);
        let name = texts[0].name.as_ref().unwrap();
        let last = name.texts.last().unwrap();
        assert_eq!(*last, ("films, series and music".to_string(), 1.5));
        assert_eq!(shown(&texts[1]), ["art"]);
        let hostile = "x1 and ,".repeat(100_000);
        assert_eq!(inline(vec![described(&hostile)])[0].phrases.len(), 1);
    }

    #[test]
    fn phrases_of_a_dictionary_decide_alone() {
        let mut taxonomy = Taxonomy::of_labels(vec![Label {
            phrases: vec!["ball".to_string()],
            ..Label::named("Sports")
        }]);
        taxonomy.template = "{} for sale".to_string();
        let texts = label_texts(&taxonomy, false);
        assert_eq!(shown(&texts[0]), ["ball for sale"]);
        let name = texts[0].name.as_ref().unwrap();
        let sentences: Vec<&str> = name.texts.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(sentences, ["Sports for sale", "Sports"]);
        taxonomy.name = "departments".to_string();
        assert_eq!(label_texts(&taxonomy, false)[0].name, None);
    }

    #[test]
    fn models_with_a_prefix_have_their_own_prompts() {
        let taxonomy = Taxonomy::of_labels(vec![Label::named("World")]);
        let texts = label_texts(&taxonomy, true);
        let sentences = texts[0].phrases[0]
            .texts
            .iter()
            .map(|(text, _)| text.as_str());
        let expected = ["a question about World", "This text is about World."];
        assert!(sentences.eq(expected));
    }
}
