//! The category of a product offer, out of its title and its text.

use super::Reading;

/// How much the title alone counts beside title and text together. Titles
/// carry the head noun, and long texts bury it in boilerplate.
const TITLE_WEIGHT: f32 = 0.5;

/// Texts that are read for one offer.
pub const READINGS: usize = 2;

/// What the model reads of an offer: its title alone (or its text, where there
/// is no title) and, where it has both, `title. text`.
pub fn readings<'a>(title: Option<&'a str>, text: Option<&'a str>) -> [Reading<'a>; READINGS] {
    let joined = title
        .zip(text)
        .map(|(title, text)| format!("{title}. {text}").into());
    [title.or(text).map(Into::into), joined]
}

/// The vector of an offer whose [`readings`] have these vectors: their sum;
/// `None` where it has neither title nor text, or the model failed.
pub fn vector(
    title: Option<&str>,
    text: Option<&str>,
    [alone, joined]: [Option<&[f32]>; READINGS],
) -> Option<Vec<f32>> {
    match title.and(text) {
        None => Some(alone?.to_vec()),
        Some(_) => Some(sum(joined?, alone?)),
    }
}

/// The text of an offer whose words may name its label: the title, or the
/// text, where there is no title.
pub fn head<'a>(title: Option<&'a str>, text: Option<&'a str>) -> Option<&'a str> {
    title.or(text)
}

/// `joined + TITLE_WEIGHT * title`, of unit length.
fn sum(joined: &[f32], title: &[f32]) -> Vec<f32> {
    let mut sum: Vec<f32> = joined
        .iter()
        .zip(title)
        .map(|(j, t)| j + TITLE_WEIGHT * t)
        .collect();
    crate::vector::normalize(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_read_by_what_it_has() {
        let read = |title, text| {
            readings(title, text).map(|reading| reading.map(|text| text.into_owned()))
        };
        assert_eq!(
            read(Some("a"), Some("b")),
            [Some("a".into()), Some("a. b".into())]
        );
        assert_eq!(read(Some("a"), None), [Some("a".into()), None]);
        assert_eq!(read(None, Some("b")), [Some("b".into()), None]);
        assert_eq!(read(None, None), [None, None]);
    }
}
