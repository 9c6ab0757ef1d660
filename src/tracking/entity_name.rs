//! Names of parameters, metrics and tags, within the rules of MLflow.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// Characters of the longest name.
const MAX_NAME_CHARS: usize = 250;

/// Characters that names do not have.
static OTHER_CHARACTERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[^\p{L}\p{N}_./ -]").ok());

/// Names that are given out, each once.
#[derive(Debug, Default)]
pub struct EntityNames(BTreeSet<String>);

impl EntityNames {
    /// `name` within the rules: its characters, its segments between `/`, its length. A
    /// name that is taken gets a number.
    pub fn unique(&mut self, name: &str) -> String {
        let plain = plain(name);
        let numbers = (2..).map(|number| {
            let suffix = format!("_{number}");
            let start = plain.chars().take(MAX_NAME_CHARS - suffix.len());
            start.collect::<String>() + &suffix
        });
        let mut candidates = std::iter::once(plain.clone()).chain(numbers);
        let free = candidates.find(|candidate| !self.0.contains(candidate));
        let free = free.unwrap_or(plain);
        self.0.insert(free.clone());
        free
    }
}

fn plain(name: &str) -> String {
    let name = match &*OTHER_CHARACTERS {
        Some(other) => other.replace_all(name, "_"),
        None => name.into(),
    };
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    // MLflow may keep a name as the path of a file.
    let segments = name.split('/').map(|segment| match segment {
        "" | "." => "_",
        ".." => "__",
        segment => segment,
    });
    let segments: Vec<&str> = segments.collect();
    segments.join("/").chars().take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_letters_of_all_scripts_and_segments() {
        let mut names = EntityNames::default();
        for (name, expected) in [
            ("kind/macro_f1", "kind/macro_f1"),
            ("größe 色/f1", "größe 色/f1"),
            ("(all)/f1", "_all_/f1"),
            ("a\u{300}é:\n%", "a_é___"),
            ("", "_"),
            ("/a/", "_/a/_"),
            ("../../x", "__/__/x"),
            ("a/./b", "a/_/b"),
        ] {
            assert_eq!(names.unique(name), expected);
        }
    }

    #[test]
    fn names_are_distinct_and_short() {
        let mut names = EntityNames::default();
        let given = ["a:b", "a;b", "a_b"].map(|name| names.unique(name));
        assert_eq!(given, ["a_b", "a_b_2", "a_b_3"]);
        let long = "ö".repeat(400);
        let (first, second) = (names.unique(&long), names.unique(&long));
        assert_eq!(first, "ö".repeat(250));
        assert_eq!(second, "ö".repeat(248) + "_2");
    }
}
