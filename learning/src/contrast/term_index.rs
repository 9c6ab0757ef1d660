//! The words, phrases and attributes in enough texts to be tested.

use std::collections::HashMap;

use super::grouped_texts::GroupedTextsParts;
use super::sequences::{MIN_TEXTS, Sequences, distinct_keys, halves, key};
use super::text_terms::ATTRIBUTE_MARK;
use crate::words::is_stop_word;

/// Form of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TermKind {
    Word,
    /// Two or three words in a row.
    Phrase,
    /// The value of an attribute.
    Attribute,
}

/// What a token may be a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenRole {
    /// A word that is a term by itself.
    Word,
    /// A number or a single letter: a part of phrases.
    PhrasePart,
    /// A stop word: the middle of phrases.
    PhraseMiddle,
    Attribute,
    /// A break, or a term in too few texts.
    None,
}

/// Terms of at least [`MIN_TEXTS`] texts. The id of a term is a position among the token
/// ids, then the pairs, then the triples.
pub struct TermIndex<'a> {
    tokens: Vec<&'a str>,
    roles: Vec<TokenRole>,
    pairs: Sequences,
    triples: Sequences,
    /// By term: the texts with the term; 0 for terms that are not tested.
    totals: Vec<u32>,
}

/// Tokens of each text.
pub fn token_slices<'a>(parts: &GroupedTextsParts<'a>) -> Vec<&'a [u32]> {
    let mut start = 0;
    let slices = parts.texts.iter().map(|text| {
        let tokens = &parts.tokens[start..text.end as usize];
        start = text.end as usize;
        tokens
    });
    slices.collect()
}

impl<'a> TermIndex<'a> {
    /// Counts the terms of texts; `None` if cancelled.
    pub fn new(
        parts: &GroupedTextsParts<'a>,
        texts: &[&[u32]],
        is_cancelled: &dyn Fn() -> bool,
    ) -> Option<Self> {
        let mut totals = token_totals(parts, texts);
        let roles = parts.terms.iter().zip(&totals);
        let roles: Vec<TokenRole> = roles.map(|(term, total)| role(term, *total)).collect();
        for (total, role) in totals.iter_mut().zip(&roles) {
            if !matches!(role, TokenRole::Word | TokenRole::Attribute) {
                *total = 0;
            }
        }
        let mut index = Self {
            tokens: parts.terms.clone(),
            roles,
            pairs: Sequences::default(),
            triples: Sequences::default(),
            totals,
        };
        let most = parts.tokens.len();
        let pairs = distinct_keys(texts, most, is_cancelled, |tokens, keys| {
            keys.extend((0..tokens.len()).filter_map(|at| index.pair_key(tokens, at)));
        })?;
        let (pairs, totals) = Sequences::frequent(pairs);
        let reportable = pairs.keys.iter().map(|key| index.is_phrase(*key));
        let totals = reportable.zip(totals);
        let totals: Vec<u32> = totals
            .map(|(reportable, total)| if reportable { total } else { 0 })
            .collect();
        index.totals.extend(totals);
        index.pairs = pairs;
        let triples = distinct_keys(texts, most, is_cancelled, |tokens, keys| {
            keys.extend((0..tokens.len()).filter_map(|at| index.triple_key(tokens, at)));
        })?;
        let (triples, totals) = Sequences::frequent(triples);
        index.totals.extend(totals);
        index.triples = triples;
        Some(index)
    }

    fn role(&self, token: u32) -> TokenRole {
        let role = self.roles.get(token as usize);
        role.copied().unwrap_or(TokenRole::None)
    }

    /// The two tokens from a position on, if a phrase can start with them.
    fn pair_key(&self, tokens: &[u32], at: usize) -> Option<u64> {
        use TokenRole::{PhraseMiddle, PhrasePart, Word};
        let (first, next) = (tokens[at], *tokens.get(at + 1)?);
        let may_start = matches!(self.role(first), Word | PhrasePart);
        let may_follow = matches!(self.role(next), Word | PhrasePart | PhraseMiddle);
        (may_start && may_follow && first != next).then(|| key(first, next))
    }

    /// The three tokens from a position on, if they are a phrase: the pair and the token
    /// after it.
    fn triple_key(&self, tokens: &[u32], at: usize) -> Option<u64> {
        use TokenRole::{PhrasePart, Word};
        let third = *tokens.get(at + 2)?;
        let has_word = tokens[at..at + 3].iter().any(|t| self.role(*t) == Word);
        if !has_word || !matches!(self.role(third), Word | PhrasePart) {
            return None;
        }
        let pair = self.pairs.positions.get(&self.pair_key(tokens, at)?)?;
        Some(key(*pair, third))
    }

    /// Whether a pair is a phrase, and not only the start of one.
    fn is_phrase(&self, pair: u64) -> bool {
        let (first, next) = halves(pair);
        let roles = [self.role(first), self.role(next)];
        roles.contains(&TokenRole::Word) && !roles.contains(&TokenRole::PhraseMiddle)
    }

    /// Number of terms, tested or not.
    pub fn len(&self) -> usize {
        self.totals.len()
    }

    /// Number of texts with a term; 0 for a term that is not tested.
    pub fn total(&self, term: u32) -> u32 {
        self.totals[term as usize]
    }

    /// By number of texts: how many tested terms so many texts have.
    pub fn total_frequencies(&self) -> HashMap<u32, u64> {
        let mut frequencies = HashMap::new();
        for total in self.totals.iter().filter(|total| **total > 0) {
            *frequencies.entry(*total).or_default() += 1;
        }
        frequencies
    }

    /// Sets `terms` to the tested terms of a text, each once.
    pub fn terms_of_text(&self, tokens: &[u32], terms: &mut Vec<u32>) {
        terms.clear();
        let (first_pair, first_triple) = (self.first_pair(), self.first_triple());
        for (at, token) in tokens.iter().enumerate() {
            if self.totals.get(*token as usize).is_some_and(|t| *t > 0) {
                terms.push(*token);
            }
            let Some(pair) = self.pair_key(tokens, at) else {
                continue;
            };
            if let Some(pair) = self.pairs.positions.get(&pair) {
                terms.push(first_pair + pair);
                let triple = self.triple_key(tokens, at);
                let triple = triple.and_then(|triple| self.triples.positions.get(&triple));
                terms.extend(triple.map(|triple| first_triple + triple));
            }
        }
        terms.sort_unstable();
        terms.dedup();
        terms.retain(|term| self.total(*term) > 0);
    }

    fn first_pair(&self) -> u32 {
        self.tokens.len() as u32
    }

    fn first_triple(&self) -> u32 {
        (self.tokens.len() + self.pairs.keys.len()) as u32
    }

    pub fn kind(&self, term: u32) -> TermKind {
        match self.roles.get(term as usize) {
            None => TermKind::Phrase,
            Some(TokenRole::Attribute) => TermKind::Attribute,
            Some(_) => TermKind::Word,
        }
    }

    /// Number of tokens of a term.
    pub fn length(&self, term: u32) -> usize {
        self.tokens_of(term).len()
    }

    /// The text of a term.
    pub fn text(&self, term: u32) -> String {
        let tokens = self.tokens_of(term).into_iter();
        let tokens: Vec<&str> = tokens.map(|token| self.tokens[token as usize]).collect();
        tokens
            .join(" ")
            .trim_start_matches(ATTRIBUTE_MARK)
            .to_string()
    }

    fn tokens_of(&self, term: u32) -> Vec<u32> {
        let pair = |pair: u32| halves(self.pairs.keys[pair as usize]);
        if let Some(position) = term.checked_sub(self.first_triple()) {
            let (position, last) = halves(self.triples.keys[position as usize]);
            let (first, middle) = pair(position);
            return vec![first, middle, last];
        }
        if let Some(position) = term.checked_sub(self.first_pair()) {
            let (first, last) = pair(position);
            return vec![first, last];
        }
        vec![term]
    }

    /// The shorter tested terms within a phrase.
    pub fn parts(&self, term: u32) -> Vec<u32> {
        let mut parts = self.tokens_of(term);
        if parts.len() == 1 {
            return Vec::new();
        }
        if let [first, middle, last] = parts[..] {
            let pairs = [key(first, middle), key(middle, last)];
            let pairs = pairs
                .iter()
                .filter_map(|pair| self.pairs.positions.get(pair));
            parts.extend(pairs.map(|pair| self.first_pair() + pair));
        }
        parts.retain(|part| self.total(*part) > 0);
        parts
    }
}

/// By token: the number of texts with the token.
fn token_totals(parts: &GroupedTextsParts<'_>, texts: &[&[u32]]) -> Vec<u32> {
    let mut totals = vec![0; parts.terms.len()];
    let mut last_text = vec![usize::MAX; parts.terms.len()];
    for (position, tokens) in texts.iter().enumerate() {
        for token in *tokens {
            if let Some(last) = last_text.get_mut(*token as usize) {
                totals[*token as usize] += u32::from(*last != position);
                *last = position;
            }
        }
    }
    totals
}

fn role(term: &str, total: u32) -> TokenRole {
    if total < MIN_TEXTS {
        return TokenRole::None;
    }
    if term.starts_with(ATTRIBUTE_MARK) {
        return TokenRole::Attribute;
    }
    if is_stop_word(term) {
        return TokenRole::PhraseMiddle;
    }
    let is_word = term.chars().nth(1).is_some() && !term.chars().all(char::is_numeric);
    match is_word {
        true => TokenRole::Word,
        false => TokenRole::PhrasePart,
    }
}

#[cfg(test)]
mod tests {
    use super::super::grouped_texts::GroupedTexts;
    use super::*;

    /// Tested terms with their kinds and numbers of texts, of texts that differ by a
    /// number at the end.
    fn terms(text: &str) -> Vec<(String, TermKind, u32)> {
        let mut texts = GroupedTexts::default();
        for i in 0..MIN_TEXTS {
            let attributes = ["color: red".to_string()];
            texts
                .add(&format!("{text}. {i}"), &attributes, "g")
                .unwrap();
        }
        texts.add("a shoe", &[], "g").unwrap();
        let parts = texts.parts();
        let slices = token_slices(&parts);
        let index = TermIndex::new(&parts, &slices, &|| false).unwrap();
        let terms = (0..index.len() as u32).filter(|term| index.total(*term) > 0);
        let mut terms: Vec<_> = terms
            .map(|term| (index.text(term), index.kind(term), index.total(term)))
            .collect();
        terms.sort();
        let mut of_text = Vec::new();
        index.terms_of_text(slices[0], &mut of_text);
        assert_eq!(of_text.len(), terms.len());
        terms
    }

    #[test]
    fn words_phrases_and_attributes_are_terms() {
        use TermKind::{Attribute, Phrase, Word};
        let term = |text: &str, kind, total| (text.to_string(), kind, total);
        assert_eq!(
            terms("The shoe of 2 shoe"),
            [
                term("2 shoe", Phrase, 5),
                term("color: red", Attribute, 5),
                term("shoe", Word, 6),
                term("shoe of 2", Phrase, 5),
            ]
        );
        let phrases = terms("red wine, glass glass 10 20");
        let phrases: Vec<&str> = phrases
            .iter()
            .filter(|(_, kind, _)| *kind == Phrase)
            .map(|(text, ..)| text.as_str())
            .collect();
        assert_eq!(phrases, ["glass 10", "glass 10 20", "red wine"]);
    }

    #[test]
    fn parts_of_phrases_are_tested_terms() {
        let mut texts = GroupedTexts::default();
        for i in 0..MIN_TEXTS {
            texts
                .add(&format!("pack of pens. new york city. {i}"), &[], "g")
                .unwrap();
        }
        let parts = texts.parts();
        let slices = token_slices(&parts);
        let index = TermIndex::new(&parts, &slices, &|| false).unwrap();
        let parts_of = |phrase: &str| {
            let mut terms = 0..index.len() as u32;
            let term = terms.find(|term| index.text(*term) == phrase).unwrap();
            let parts = index.parts(term).into_iter();
            let mut parts: Vec<String> = parts.map(|part| index.text(part)).collect();
            parts.sort();
            (index.length(term), parts)
        };
        let parts = |parts: &[&str]| parts.iter().map(|part| part.to_string()).collect();
        assert_eq!(parts_of("pack of pens"), (3, parts(&["pack", "pens"])));
        assert_eq!(
            parts_of("new york city"),
            (3, parts(&["city", "new", "new york", "york", "york city"]))
        );
        assert_eq!(parts_of("city"), (1, vec![]));
        let cancelled = TermIndex::new(&texts.parts(), &slices, &|| true);
        assert!(cancelled.is_none());
    }
}
