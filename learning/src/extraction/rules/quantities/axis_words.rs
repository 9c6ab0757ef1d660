//! Letters and words that name the axis of a length.

use super::quantity::Axis;
use super::text_around::{
    char_after, char_before, skip_spaces, skip_spaces_back, word_after, word_before,
};

/// The axis of a letter, in any case.
pub fn axis_of_letter(c: char) -> Option<Axis> {
    Some(match c.to_ascii_lowercase() {
        'l' => Axis::Length,
        'w' => Axis::Width,
        'h' => Axis::Height,
        'd' => Axis::Depth,
        _ => return None,
    })
}

/// The axis of a word: a letter, `wide`, `Height`.
fn axis_of_word(word: &str) -> Option<Axis> {
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return axis_of_letter(letter);
    }
    let words: [(&str, Axis); 9] = [
        ("long", Axis::Length),
        ("length", Axis::Length),
        ("wide", Axis::Width),
        ("width", Axis::Width),
        ("high", Axis::Height),
        ("height", Axis::Height),
        ("tall", Axis::Height),
        ("deep", Axis::Depth),
        ("depth", Axis::Depth),
    ];
    let named = words
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name));
    named.map(|(_, axis)| *axis)
}

/// The axis after a length at `at`, and its end: `"W`, ` wide`, ` (H)`.
pub fn axis_after(text: &str, at: usize) -> Option<(Axis, usize)> {
    let mut start = skip_spaces(text, at);
    let is_open = char_after(text, start) == Some('(');
    if is_open || char_after(text, start) == Some('-') {
        start += 1;
    }
    let word = word_after(text, start);
    let end = start + word.len();
    let axis = axis_of_word(word)?;
    match char_after(text, end) {
        Some(')') if is_open => Some((axis, end + 1)),
        None if is_open => None,
        Some(c) if is_open || c.is_alphanumeric() => None,
        // `W x H` after a length starts a header, not a letter of this length.
        _ => Some((axis, end)),
    }
}

/// The axis letter before a number at `at`: `L 30`, `W: 20`, `H10`.
pub fn axis_before(text: &str, at: usize) -> Option<Axis> {
    let mut end = skip_spaces_back(text, at);
    let has_colon = matches!(char_before(text, end), Some(':' | '='));
    if has_colon {
        end = skip_spaces_back(text, end - 1);
    }
    let letter = char_before(text, end)?;
    let axis = axis_of_letter(letter).filter(|_| has_colon || letter.is_ascii_uppercase())?;
    let before = char_before(text, end - 1);
    before
        .is_none_or(|c| !c.is_alphanumeric() && c != '-')
        .then_some(axis)
}

/// The axes of a header such as `(L x W x H)` after or before dimensions.
pub fn axes_after(text: &str, at: usize, count: usize) -> Option<Vec<Axis>> {
    let mut place = skip_spaces(text, at);
    if matches!(char_after(text, place), Some('(' | '[')) {
        place = skip_spaces(text, place + 1);
    }
    let mut axes = Vec::new();
    loop {
        let run = word_after(text, place);
        if axes.is_empty()
            && let Some(compact) = compact_axes(run, count)
        {
            return Some(compact);
        }
        axes.push(axis_of_word(run)?);
        place += run.len();
        if axes.len() == count {
            let ends = char_after(text, place).is_none_or(|c| !c.is_alphanumeric());
            return ends.then_some(axes);
        }
        place = skip_spaces(text, place);
        let separator =
            char_after(text, place).filter(|c| matches!(c, 'x' | 'X' | '×' | '*' | '/'))?;
        place = skip_spaces(text, place + separator.len_utf8());
    }
}

/// The axes of a header before dimensions: `L x W x H: 30 x 20 x 10 cm`.
pub fn axes_before(text: &str, at: usize, count: usize) -> Option<Vec<Axis>> {
    let mut place = skip_spaces_back(text, at);
    let mut is_header = false;
    while let Some(mark @ (':' | ')' | ']' | '=' | '-')) = char_before(text, place) {
        place = skip_spaces_back(text, place - mark.len_utf8());
        is_header = true;
    }
    if !is_header {
        return None;
    }
    let mut axes = Vec::new();
    loop {
        let run = word_before(text, place);
        if axes.is_empty()
            && let Some(compact) = compact_axes(run, count)
        {
            return Some(compact);
        }
        axes.push(axis_of_word(run)?);
        place -= run.len();
        if axes.len() == count {
            axes.reverse();
            return Some(axes);
        }
        place = skip_spaces_back(text, place);
        let separator =
            char_before(text, place).filter(|c| matches!(c, 'x' | 'X' | '×' | '*' | '/'))?;
        place = skip_spaces_back(text, place - separator.len_utf8());
    }
}

/// The axes of `LxWxH`.
fn compact_axes(run: &str, count: usize) -> Option<Vec<Axis>> {
    let letters: Vec<&str> = run.split(['x', 'X']).collect();
    if letters.len() != count || count < 2 {
        return None;
    }
    letters.into_iter().map(axis_of_word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_need_whole_words() {
        assert_eq!(axis_after("\"W x", 1), Some((Axis::Width, 2)));
        assert_eq!(axis_after(" (H)", 0), Some((Axis::Height, 4)));
        assert_eq!(axis_after("-deep", 0), Some((Axis::Depth, 5)));
        for text in ["Wx", "W2", " (H", " hall", "", "é"] {
            assert_eq!(axis_after(text, 0), None, "{text}");
        }
        assert_eq!(axis_before("L 5", 2), Some(Axis::Length));
        assert_eq!(axis_before("h: 5", 3), Some(Axis::Height));
        for text in ["h 5", "GL 5", "é 5", " 5", "x-L 5"] {
            assert_eq!(axis_before(text, text.len() - 1), None, "{text}");
        }
    }

    #[test]
    fn headers_have_one_axis_per_amount() {
        use Axis::*;
        assert_eq!(axes_after(" (LxW)", 0, 2), Some(vec![Length, Width]));
        assert_eq!(
            axes_after(" W x D x H", 0, 3),
            Some(vec![Width, Depth, Height])
        );
        assert_eq!(
            axes_before("width x height: 5", 16, 2),
            Some(vec![Width, Height])
        );
        for text in [" (LxW)", " L x", " L x W x Q", "", " ("] {
            assert_eq!(axes_after(text, 0, 3), None, "{text}");
        }
        assert_eq!(axes_before("L x W 5", 6, 2), None);
    }
}
