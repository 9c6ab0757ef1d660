//! Pack sizes before a number: `pack of 12`.

use super::text_around::{char_before, skip_spaces_back, word_before};

/// Words before `of` and a number of pieces.
const PACK_WORDS: &[&str] = &[
    "pack", "packs", "pk", "pkt", "packet", "package", "set", "sets", "box", "boxes", "case",
    "lot", "bag", "carton", "bundle", "kit", "qty",
];

/// Start of `pack of` before the number at `at`.
pub fn pack_start(text: &str, at: usize) -> Option<usize> {
    let of_end = skip_spaces_back(text, at);
    let of = word_before(text, of_end);
    if of_end == at || !of.eq_ignore_ascii_case("of") {
        return None;
    }
    let of_start = of_end - of.len();
    let word_end = skip_spaces_back(text, of_start);
    let word = word_before(text, word_end);
    let start = word_end - word.len();
    let is_whole = char_before(text, start).is_none_or(|c| !c.is_alphanumeric());
    let is_pack = PACK_WORDS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    (word_end < of_start && is_whole && is_pack).then_some(start)
}
