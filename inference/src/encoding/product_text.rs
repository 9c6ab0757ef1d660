//! Model inputs and vectors of products, which have a title and a text.

use super::request::ModelInput;
use crate::vector::normalize;

/// Weight of the title alone beside title and text together. Titles name the
/// product; long texts are mostly boilerplate.
const TITLE_WEIGHT: f32 = 0.5;

/// Model inputs of one product.
pub const INPUTS: usize = 2;

/// The model inputs of a product: its title, or else its text; and, if it has
/// both, `title. text`.
pub fn inputs<'a>(title: Option<&'a str>, text: Option<&'a str>) -> [ModelInput<'a>; INPUTS] {
    let joined = title
        .zip(text)
        .map(|(title, text)| format!("{title}. {text}").into());
    [title.or(text).map(Into::into), joined]
}

/// The vector of a product from the vectors of its [`inputs`]: their weighted sum.
/// `None` if it has neither title nor text, or if the model failed.
pub fn vector(
    title: Option<&str>,
    text: Option<&str>,
    [alone, joined]: [Option<&[f32]>; INPUTS],
) -> Option<Vec<f32>> {
    match title.and(text) {
        None => Some(alone?.to_vec()),
        Some(_) => Some(sum(joined?, alone?)),
    }
}

/// The text of a product whose words may name its label: the title, or else the
/// text.
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
    normalize(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_depend_on_title_and_text() {
        let owned =
            |title, text| inputs(title, text).map(|input| input.map(|text| text.into_owned()));
        assert_eq!(
            owned(Some("a"), Some("b")),
            [Some("a".into()), Some("a. b".into())]
        );
        assert_eq!(owned(Some("a"), None), [Some("a".into()), None]);
        assert_eq!(owned(None, Some("b")), [Some("b".into()), None]);
        assert_eq!(owned(None, None), [None, None]);
    }
}
