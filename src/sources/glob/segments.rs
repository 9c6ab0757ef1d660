//! Segments of a pattern: what lies between two slashes, and what it matches.

/// Part of a pattern between two slashes.
#[derive(Debug)]
pub enum PathSegment {
    /// `**`
    AnyFolders,
    Name(Vec<NameToken>),
}

/// Part of the pattern of a name.
#[derive(Debug)]
pub enum NameToken {
    /// `*`
    AnyCharacters,
    /// `?`
    AnyCharacter,
    Character(char),
    Class(CharacterClass),
}

/// Set of characters: `[a-z_]`, or `[!a-z_]` for all others.
#[derive(Debug)]
pub struct CharacterClass {
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl PathSegment {
    /// Whether the segment matches a name. Only a segment that starts with a dot
    /// matches hidden names, as in every shell.
    pub fn matches(&self, name: &[char]) -> bool {
        let hidden = name.first() == Some(&'.');
        match self {
            Self::AnyFolders => !hidden,
            Self::Name(tokens) => {
                let dotted = matches!(tokens.first(), Some(NameToken::Character('.')));
                let is_run = |token: &NameToken| matches!(token, NameToken::AnyCharacters);
                (dotted || !hidden)
                    && matches_all(tokens, name, is_run, |token, c| token.matches(*c))
            }
        }
    }
}

impl NameToken {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::AnyCharacters | Self::AnyCharacter => true,
            Self::Character(known) => *known == c,
            Self::Class(class) => class.contains(c),
        }
    }
}

impl CharacterClass {
    fn contains(&self, c: char) -> bool {
        let found = self
            .ranges
            .iter()
            .any(|&(low, high)| (low..=high).contains(&c));
        found != self.negated
    }
}

/// Whether the parts of a pattern match all items. A part for which `is_run`
/// holds matches any number of items that it fits. Other parts match one item.
pub fn matches_all<P, I>(
    pattern: &[P],
    items: &[I],
    is_run: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &I) -> bool,
) -> bool {
    let (mut at, mut next) = (0, 0);
    // Position of the last run in the pattern, and of the first item after those
    // that the run matched. An earlier run cannot help: it would leave fewer
    // items to the last one.
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

/// Parses a pattern without braces.
pub fn parse_segments(pattern: &str) -> Vec<PathSegment> {
    let segment = |text: &str| match text {
        "**" => PathSegment::AnyFolders,
        _ => PathSegment::Name(parse_name(text)),
    };
    pattern.split('/').map(segment).collect()
}

fn parse_name(text: &str) -> Vec<NameToken> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::with_capacity(characters.len());
    let mut rest = characters.as_slice();
    // After an unclosed bracket, no later one is closed.
    let mut unclosed = false;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let class = match first {
            '[' if !unclosed => parse_class(after),
            _ => None,
        };
        tokens.push(match (first, class) {
            (_, Some((class, behind))) => {
                rest = behind;
                NameToken::Class(class)
            }
            ('[', None) => {
                unclosed = true;
                NameToken::Character('[')
            }
            ('*', None) => NameToken::AnyCharacters,
            ('?', None) => NameToken::AnyCharacter,
            (plain, None) => NameToken::Character(*plain),
        });
    }
    tokens
}

/// Parses the class that starts after `[`, and returns what follows its `]`.
fn parse_class(rest: &[char]) -> Option<(CharacterClass, &[char])> {
    let (negated, body) = match rest {
        ['!', body @ ..] => (true, body),
        body => (false, body),
    };
    // A bracket in first position belongs to the class.
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
    Some((CharacterClass { ranges, negated }, behind))
}
