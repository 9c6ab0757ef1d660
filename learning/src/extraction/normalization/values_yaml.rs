//! Accepted values in the form of a dictionary: `values:` of an attribute.

use std::collections::HashMap;

use semql_inference::{Error, Result};
use serde::ser::{Serialize, Serializer};
use serde_saphyr::FlowSeq;

/// Canonical values with their variants, in the order of their first pair.
struct DictionaryValues<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl Serialize for DictionaryValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let entries = self.0.iter();
        serializer.collect_map(entries.map(|(canonical, variants)| (canonical, FlowSeq(variants))))
    }
}

/// YAML of pairs of a canonical value and a variant: a list of variants for each canonical
/// value, which is not in its list. Blank canonical values are left out.
///
/// ```
/// let pairs = [("red", "red"), ("red", "scarlet"), ("no", "No."), ("red", "Rouge")];
/// let yaml = semql_learning::extraction::normalization::values_yaml(pairs).expect("texts");
/// assert_eq!(yaml, "red: [scarlet, Rouge]\n\"no\": [No.]\n");
/// ```
///
/// # Errors
/// A text that YAML cannot hold.
pub fn values_yaml<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<String> {
    let mut values: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    let mut known = std::collections::HashSet::new();
    for (canonical, variant) in pairs {
        let canonical = canonical.trim();
        if canonical.is_empty() {
            continue;
        }
        let at = *positions.entry(canonical).or_insert(values.len());
        if at == values.len() {
            values.push((canonical, Vec::new()));
        }
        let is_new = variant != canonical && !variant.trim().is_empty();
        if is_new && known.insert((at, variant)) {
            values[at].1.push(variant);
        }
    }
    if values.is_empty() {
        return Ok("{}\n".to_string());
    }
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&DictionaryValues(values), options)
        .map_err(|error| Error::Failed(format!("cannot write the values as YAML: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn any_text_survives() {
        let long = "word, ".repeat(2_000);
        let texts = [
            "red",
            "no",
            "null",
            "~",
            "1.50",
            "0x1F",
            "2024-01-01",
            "a: b",
            "- a",
            "# a",
            "a #b",
            "[a, b]",
            "{a: b}",
            "it's",
            "\"q\"",
            "a\nb",
            "tab\t",
            " space ",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "?",
            "a,b",
            "ü 日本 🎉",
            "\u{7f}\u{1}",
            "\u{feff}a",
            "a\r\nb",
            "'",
            "\\",
            "=",
            "<<",
            "true",
            ".inf",
            &long,
        ];
        let pairs: Vec<(String, &str)> = (0..).map(|n| format!("key {n}")).zip(texts).collect();
        let variants = pairs.iter().map(|(key, text)| (key.as_str(), *text));
        let keys = texts.iter().map(|text| (text.trim(), "variant"));
        let yaml = values_yaml(variants.chain(keys)).unwrap();
        let read: BTreeMap<String, Vec<String>> = serde_saphyr::from_str(&yaml).unwrap();
        for (key, text) in &pairs {
            assert_eq!(read[key], [text.to_string()], "{yaml}");
        }
        for text in texts {
            assert_eq!(read[text.trim()], ["variant"], "{text:?}");
        }
        assert_eq!(read.len(), 2 * texts.len());
    }

    #[test]
    fn variants_are_distinct_and_no_canonical_value_is_lost() {
        let pairs = [
            ("a", "a"),
            ("b", "B"),
            ("b", "B"),
            (" ", "c"),
            ("b", " "),
            ("b", "b "),
        ];
        assert_eq!(values_yaml(pairs).unwrap(), "a: []\nb: [B, \"b \"]\n");
        assert_eq!(values_yaml([("no", "No.")]).unwrap(), "\"no\": [No.]\n");
        assert_eq!(values_yaml([]).unwrap(), "{}\n");
    }
}
