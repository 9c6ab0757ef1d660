//! Patterns over paths: `*` and `?` within a name, `[a-z]` and `[!a-z]` for a
//! character, `{a,b}` for either, `**` for any number of folders.

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
    alternatives: Vec<Vec<Vec<char>>>,
}

/// How many alternatives braces may spell out.
const MOST_ALTERNATIVES: usize = 1024;

impl Glob {
    /// # Errors
    /// Braces that spell out too many alternatives.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let mut spelt = Vec::new();
        spell_out(pattern, &mut spelt)?;
        let segments = |path: &String| path.split('/').map(|part| part.chars().collect()).collect();
        Ok(Self {
            alternatives: spelt.iter().map(segments).collect(),
        })
    }

    /// Whether a path relative to the pattern's folder fits.
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<Vec<char>> = path.split('/').map(|name| name.chars().collect()).collect();
        self.alternatives
            .iter()
            .any(|pattern| path_fits(pattern, &names))
    }
}

fn spell_out(pattern: &str, out: &mut Vec<String>) -> Result<(), String> {
    let braces = pattern
        .find('{')
        .and_then(|open| Some((open, open + pattern[open..].find('}')?)));
    let Some((open, close)) = braces else {
        if out.len() == MOST_ALTERNATIVES {
            return Err(format!(
                "spells out more than {MOST_ALTERNATIVES} alternatives"
            ));
        }
        out.push(pattern.to_string());
        return Ok(());
    };
    for choice in pattern[open + 1..close].split(',') {
        spell_out(
            &format!("{}{choice}{}", &pattern[..open], &pattern[close + 1..]),
            out,
        )?;
    }
    Ok(())
}

fn path_fits(pattern: &[Vec<char>], names: &[Vec<char>]) -> bool {
    match pattern.split_first() {
        None => names.is_empty(),
        Some((first, rest)) if first == &['*', '*'] => {
            (0..=names.len()).any(|skipped| path_fits(rest, &names[skipped..]))
        }
        Some((first, rest)) => names.split_first().is_some_and(|(name, others)| {
            visible(first, name) && name_fits(first, name) && path_fits(rest, others)
        }),
    }
}

/// Hidden files are only matched by a pattern that begins with their dot, as
/// in every shell.
fn visible(pattern: &[char], name: &[char]) -> bool {
    name.first() != Some(&'.') || pattern.first() == Some(&'.')
}

fn name_fits(pattern: &[char], name: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    match first {
        '*' => (0..=name.len()).any(|taken| name_fits(rest, &name[taken..])),
        '?' => !name.is_empty() && name_fits(rest, &name[1..]),
        '[' => match (class(rest), name.split_first()) {
            (Some((class, rest)), Some((c, others))) => {
                class.contains(*c) && name_fits(rest, others)
            }
            // Without its bracket the class is a plain character.
            (None, Some(('[', others))) => name_fits(rest, others),
            _ => false,
        },
        plain => name.first() == Some(plain) && name_fits(rest, &name[1..]),
    }
}

struct Class<'a> {
    characters: &'a [char],
    negated: bool,
}

impl Class<'_> {
    fn contains(&self, c: char) -> bool {
        let mut rest = self.characters;
        let mut found = false;
        while let Some(first) = rest.first() {
            rest = match rest {
                [low, '-', high, more @ ..] => {
                    found |= (*low..=*high).contains(&c);
                    more
                }
                [_, more @ ..] => {
                    found |= *first == c;
                    more
                }
                [] => break,
            };
        }
        found != self.negated
    }
}

/// The class that begins after `[`, and what follows its `]`.
fn class(rest: &[char]) -> Option<(Class<'_>, &[char])> {
    let negated = rest.first() == Some(&'!');
    let body = if negated { &rest[1..] } else { rest };
    // A bracket that comes first belongs to the class.
    let close = 1 + body.get(1..)?.iter().position(|c| *c == ']')?;
    Some((
        Class {
            characters: &body[..close],
            negated,
        },
        &body[close + 1..],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(!fits("*.csv", "a.csv.gz"));
        assert!(!fits("*.csv", ".hidden.csv"));
    }

    #[test]
    fn classes_choices_and_single_characters() {
        assert!(fits("part-[0-9]?.{csv,tsv}", "part-4x.tsv"));
        assert!(!fits("part-[0-9].csv", "part-a.csv"));
        assert!(fits("part-[!0-9].csv", "part-a.csv"));
        assert!(fits("a[.csv", "a[.csv"));
        assert!(fits("käse-?.csv", "käse-ö.csv"));
    }

    #[test]
    fn the_folder_before_the_pattern_is_split_off() {
        assert_eq!(split("data/a/*.csv"), ("data/a", "*.csv"));
        assert_eq!(split("*.csv"), ("", "*.csv"));
        assert_eq!(split("/*.csv"), ("/", "*.csv"));
        assert_eq!(split("a/b*/c.csv"), ("a", "b*/c.csv"));
    }

    #[test]
    fn braces_are_bounded() {
        let many = "{a,b}".repeat(11);
        assert!(Glob::new(&many).is_err());
    }
}
