//! Patterns over paths: `*` and `?` within a name, `[a-z]` and `[!a-z]` for a
//! character, `{a,b}` for either, `**` for any number of folders.
//!
//! Matching returns to the last star only, never to an earlier one, so its time
//! is bounded by the product of the lengths of pattern and path. The crate
//! `globset` compares bytes, so its `?` does not match `ö`.

/// Longest pattern in bytes.
const MAX_PATTERN_BYTES: usize = 4096;

/// Most opening braces in a pattern, nested ones included.
const MAX_BRACES: usize = 64;

/// Most alternatives that braces may expand to.
const MAX_ALTERNATIVES: usize = 1024;

/// Whether `text` is a pattern at all.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Splits a pattern into the folder that holds everything it can match (no
/// slash at its end; empty for the working folder) and the rest.
pub fn split(pattern: &str) -> (&str, &str) {
    let first = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    match pattern[..first].rfind('/') {
        Some(0) => ("/", &pattern[1..]),
        Some(slash) => (&pattern[..slash], &pattern[slash + 1..]),
        None => ("", pattern),
    }
}

/// A compiled pattern over relative paths.
#[derive(Debug)]
pub struct Glob {
    /// Alternatives, each the segments of a path.
    alternatives: Vec<Vec<Segment>>,
}

/// Part of a pattern between two slashes.
#[derive(Debug)]
enum Segment {
    /// `**`
    AnyFolders,
    Name(Vec<Token>),
}

/// Part of a name's pattern.
#[derive(Debug)]
enum Token {
    /// `*`
    AnyCharacters,
    /// `?`
    AnyCharacter,
    Character(char),
    Class(Class),
}

/// Set of characters: `[a-z_]`, or `[!a-z_]` for all others.
#[derive(Debug)]
struct Class {
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A pattern that is too long, or whose braces expand to too many
    /// alternatives. The message continues a sentence about the pattern.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!(
                "is a pattern of more than {MAX_PATTERN_BYTES} bytes; shorten it"
            ));
        }
        let alternatives = expand_braces(pattern)?;
        Ok(Self {
            alternatives: alternatives.iter().map(|path| segments(path)).collect(),
        })
    }

    /// Whether a path relative to the pattern's folder fits.
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<Vec<char>> = path.split('/').map(|name| name.chars().collect()).collect();
        self.alternatives.iter().any(|pattern| {
            let is_run = |segment: &Segment| matches!(segment, Segment::AnyFolders);
            fits(pattern, &names, is_run, |segment, name| {
                segment.matches(name)
            })
        })
    }
}

impl Segment {
    /// Whether the segment matches a name. Hidden names are matched only by a
    /// segment that begins with their dot, as in every shell.
    fn matches(&self, name: &[char]) -> bool {
        let hidden = name.first() == Some(&'.');
        match self {
            Self::AnyFolders => !hidden,
            Self::Name(tokens) => {
                let dotted = matches!(tokens.first(), Some(Token::Character('.')));
                let is_run = |token: &Token| matches!(token, Token::AnyCharacters);
                (dotted || !hidden) && fits(tokens, name, is_run, |token, c| token.matches(*c))
            }
        }
    }
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::AnyCharacters | Self::AnyCharacter => true,
            Self::Character(known) => *known == c,
            Self::Class(class) => class.contains(c),
        }
    }
}

impl Class {
    fn contains(&self, c: char) -> bool {
        let found = self
            .ranges
            .iter()
            .any(|&(low, high)| (low..=high).contains(&c));
        found != self.negated
    }
}

/// Whether the parts of a pattern match all items. A part for which `is_run`
/// holds matches any number of items that it fits, every other part one item.
fn fits<P, I>(
    pattern: &[P],
    items: &[I],
    is_run: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &I) -> bool,
) -> bool {
    let (mut at, mut next) = (0, 0);
    // Position of the last run in the pattern, and of the first item after those
    // that the run has taken. An earlier run cannot help: it would only leave
    // fewer items to the last one.
    let mut last_run = None;
    while let Some(item) = items.get(next) {
        match pattern.get(at) {
            Some(part) if is_run(part) => {
                last_run = Some((at, next));
                at += 1;
            }
            Some(part) if fits(part, item) => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((run, taken)) = last_run else {
                    return false;
                };
                let takes = pattern
                    .get(run)
                    .zip(items.get(taken))
                    .is_some_and(|(run, item)| fits(run, item));
                if !takes {
                    return false;
                }
                last_run = Some((run, taken + 1));
                at = run + 1;
                next = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(is_run)
}

/// The patterns without braces that a pattern with braces stands for.
fn expand_braces(pattern: &str) -> Result<Vec<String>, String> {
    if pattern.matches('{').count() > MAX_BRACES {
        return Err(format!(
            "is a pattern with more than {MAX_BRACES} braces; use fewer"
        ));
    }
    let mut expanded = Vec::new();
    let mut pending = vec![pattern.to_string()];
    while let Some(next) = pending.pop() {
        match first_braces(&next).map(|braces| braces.expand(&next)) {
            Some(patterns) => pending.extend(patterns),
            None => expanded.push(next),
        }
        // Each pending pattern gives at least one alternative.
        if expanded.len() + pending.len() > MAX_ALTERNATIVES {
            return Err(format!(
                "is a pattern whose braces give more than {MAX_ALTERNATIVES} alternatives; use fewer"
            ));
        }
    }
    Ok(expanded)
}

/// A pair of braces with its choices, by the positions of the braces.
struct Braces<'a> {
    open: usize,
    close: usize,
    choices: Vec<&'a str>,
}

impl Braces<'_> {
    /// The text around the braces with each choice in their place, the last
    /// choice first.
    fn expand(&self, text: &str) -> Vec<String> {
        let (before, after) = (&text[..self.open], &text[self.close + 1..]);
        let choices = self.choices.iter().rev();
        choices
            .map(|choice| format!("{before}{choice}{after}"))
            .collect()
    }
}

/// The first brace that is closed. Others are plain characters.
fn first_braces(text: &str) -> Option<Braces<'_>> {
    text.match_indices('{')
        .find_map(|(open, _)| braces_at(text, open))
}

fn braces_at(text: &str, open: usize) -> Option<Braces<'_>> {
    let mut choices = Vec::new();
    let mut start = open + 1;
    let mut depth = 1;
    for (offset, c) in text[start..].char_indices() {
        let at = open + 1 + offset;
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (c == ',' && depth == 1) {
            choices.push(&text[start..at]);
            start = at + 1;
        }
        if depth == 0 {
            return Some(Braces {
                open,
                close: at,
                choices,
            });
        }
    }
    None
}

fn segments(pattern: &str) -> Vec<Segment> {
    let segment = |text: &str| match text {
        "**" => Segment::AnyFolders,
        _ => Segment::Name(tokens(text)),
    };
    pattern.split('/').map(segment).collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::with_capacity(characters.len());
    let mut rest = characters.as_slice();
    // Once a bracket is not closed, none after it is.
    let mut unclosed = false;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let class = match first {
            '[' if !unclosed => read_class(after),
            _ => None,
        };
        tokens.push(match (first, class) {
            (_, Some((class, behind))) => {
                rest = behind;
                Token::Class(class)
            }
            ('[', None) => {
                unclosed = true;
                Token::Character('[')
            }
            ('*', None) => Token::AnyCharacters,
            ('?', None) => Token::AnyCharacter,
            (plain, None) => Token::Character(*plain),
        });
    }
    tokens
}

/// The class that begins after `[`, and what follows its `]`.
fn read_class(rest: &[char]) -> Option<(Class, &[char])> {
    let (negated, body) = match rest {
        ['!', body @ ..] => (true, body),
        body => (false, body),
    };
    // A bracket that comes first belongs to the class.
    let close = 1 + body.get(1..)?.iter().position(|c| *c == ']')?;
    let (mut characters, behind) = (body.get(..close)?, body.get(close + 1..)?);
    let mut ranges = Vec::new();
    loop {
        let (range, more) = match characters {
            [low, '-', high, more @ ..] => ((*low, *high), more),
            [only, more @ ..] => ((*only, *only), more),
            [] => break,
        };
        ranges.push(range);
        characters = more;
    }
    Some((Class { ranges, negated }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::fuzz::{self, Random};

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
    fn hidden_names_are_matched_by_their_dot_only() {
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
    fn brackets_and_braces_without_an_end_are_plain_characters() {
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
        for _ in 0..fuzz::cases(200_000) {
            let pattern = random.text(&['*', '?', 'a', 'b', 'ö'], 12);
            let name = random.text(&['a', 'b', 'ö'], 12);
            // `**` alone spans folders, which a name has none of.
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
        for _ in 0..fuzz::cases(100_000) {
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
}
