use super::braces::MAX_BRACES;
use super::*;
use crate::random_cases::{Random, cases};

fn fits(pattern: &str, path: &str) -> bool {
    Glob::new(pattern).unwrap().matches(path)
}

#[test]
fn stars_stay_within_a_folder_and_double_stars_do_not() {
    assert!(fits("*.csv", "a.csv"));
    assert!(!fits("*.csv", "b/a.csv"));
    assert!(fits("*/x.csv", "b/x.csv"));
    assert!(fits("**/*.csv", "a.csv"));
    assert!(fits("**/*.csv", "b/c/a.csv"));
    assert!(fits("a/**/b/**/c", "a/x/b/b/y/c"));
    assert!(fits("a/**", "a/b/c"));
    assert!(!fits("a/**/b", "a/b/c"));
    assert!(!fits("*.csv", "a.csv.gz"));
}

#[test]
fn only_a_leading_dot_matches_hidden_names() {
    assert!(!fits("*.csv", ".hidden.csv"));
    assert!(!fits("?hidden.csv", ".hidden.csv"));
    assert!(!fits("[.]hidden.csv", ".hidden.csv"));
    assert!(fits(".*.csv", ".hidden.csv"));
    assert!(!fits("**/a.csv", "b/.git/a.csv"));
    assert!(fits("**/.git/*.csv", "b/.git/a.csv"));
}

#[test]
fn classes_choices_and_single_characters() {
    assert!(fits("part-[0-9]?.{csv,tsv}", "part-4x.tsv"));
    assert!(!fits("part-[0-9].csv", "part-a.csv"));
    assert!(fits("part-[!0-9].csv", "part-a.csv"));
    assert!(fits("a[]x].csv", "a].csv"));
    assert!(fits("käse-?.csv", "käse-ö.csv"));
    assert!(fits("käse-[ä-ü].csv", "käse-ö.csv"));
    assert!(!fits("[z-a].csv", "b.csv"));
}

#[test]
fn unclosed_brackets_and_braces_are_plain_characters() {
    assert!(fits("a[.csv", "a[.csv"));
    assert!(fits("[a[b", "[a[b"));
    assert!(fits("a{b", "a{b"));
    assert!(fits("a}b,c", "a}b,c"));
    assert!(fits("{a{b,c}", "{ac"));
}

#[test]
fn braces_nest_and_may_be_empty() {
    for name in ["a.csv", "b1.csv", "b2.csv"] {
        assert!(fits("{a,b{1,2}}.csv", name), "{name}");
    }
    assert!(!fits("{a,b{1,2}}.csv", "b.csv"));
    assert!(fits("a{,.b}.csv", "a.csv"));
    assert!(fits("{a,**}/x.csv", "b/c/x.csv"));
}

#[test]
fn the_folder_before_the_pattern_is_split_off() {
    assert_eq!(split("data/a/*.csv"), ("data/a", "*.csv"));
    assert_eq!(split("*.csv"), ("", "*.csv"));
    assert_eq!(split("/*.csv"), ("/", "*.csv"));
    assert_eq!(split("a/b*/c.csv"), ("a", "b*/c.csv"));
}

#[test]
fn patterns_are_bounded() {
    assert!(Glob::new(&"{a,b}".repeat(10)).is_ok());
    for pattern in [
        "{a,b}".repeat(11),
        "{".repeat(MAX_BRACES + 1),
        "a".repeat(MAX_PATTERN_BYTES + 1),
    ] {
        assert!(Glob::new(&pattern).is_err(), "{pattern}");
    }
}

#[test]
fn many_stars_take_no_exponential_time() {
    let name = "a".repeat(255);
    assert!(!fits(&format!("{}b", "*?".repeat(60)), &name));
    assert!(fits(&"*?".repeat(60), &name));
    let path = vec!["a"; 60].join("/");
    assert!(!fits(&format!("{}b", "**/*/".repeat(25)), &path));
}

/// Reference for patterns of letters, `*` and `?`: for each prefix of the
/// pattern, which prefixes of the name it matches.
fn reference(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut matched = vec![false; name.len() + 1];
    matched[0] = true;
    for c in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        next[0] = c == '*' && matched[0];
        for end in 1..=name.len() {
            next[end] = match c {
                '*' => matched[end] || next[end - 1],
                '?' => matched[end - 1],
                plain => matched[end - 1] && plain == name[end - 1],
            };
        }
        matched = next;
    }
    matched[name.len()]
}

#[test]
fn random_stars_match_as_the_reference_does() {
    let mut random = Random::new(1);
    for _ in 0..cases(200_000) {
        let pattern = random.text(&['*', '?', 'a', 'b', 'ö'], 12);
        let name = random.text(&['a', 'b', 'ö'], 12);
        // A name has no folders, so `**` matches as `*` does.
        assert_eq!(
            fits(&pattern, &name),
            reference(&pattern, &name),
            "{pattern} {name}"
        );
    }
}

#[test]
fn random_patterns_never_panic() {
    let alphabet: Vec<char> = "*?[]{}!-/\\.,^~abö\u{1f980}\u{0}".chars().collect();
    let mut random = Random::new(2);
    for _ in 0..cases(100_000) {
        let pattern = random.text(&alphabet, 24);
        let name = random.text(&alphabet, 24);
        let (folder, rest) = split(&pattern);
        assert!(pattern.starts_with(folder) && pattern.ends_with(rest));
        if let Ok(glob) = Glob::new(rest) {
            glob.matches(&name);
        }
        if !is_pattern(&pattern) {
            assert_eq!(fits(&pattern, &name), pattern == name, "{pattern} {name}");
        }
    }
}
