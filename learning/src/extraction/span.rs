//! Attribute values as spans of the texts that they come from.

/// Value of an attribute: `texts[column][start..end]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Position in the attributes of the extractor.
    pub attribute: usize,
    /// Position in the texts of the row.
    pub column: usize,
    /// Bytes of the text, at character boundaries; the span is not empty.
    pub start: usize,
    pub end: usize,
    /// Confidence, 0..1.
    pub score: f32,
    /// The value in its canonical form, where the extractor knows one.
    pub normalized: Option<String>,
}

/// The texts of a row; `None` for NULL. They are not trimmed, so that offsets are those
/// of the argument.
pub type SourceTexts<'a> = Vec<Option<&'a str>>;

/// Whether a row has a text that is not blank. Other rows have no values.
pub fn has_text(texts: &[Option<&str>]) -> bool {
    texts.iter().flatten().any(|text| !text.trim().is_empty())
}

impl Span {
    /// The value: a literal part of a text.
    pub fn value<'a>(&self, texts: &[Option<&'a str>]) -> Option<&'a str> {
        texts
            .get(self.column)
            .copied()
            .flatten()?
            .get(self.start..self.end)
    }
}

/// The span of an attribute with the highest score, the first of equals.
pub fn best_span(spans: &[Span], attribute: usize) -> Option<&Span> {
    let of_attribute = spans.iter().filter(|span| span.attribute == attribute);
    of_attribute.reduce(|best, span| if span.score > best.score { span } else { best })
}
