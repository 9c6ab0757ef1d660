//! Rows whose labels a student predicts.

/// Largest number of texts of a row.
pub const MAX_TEXTS: usize = 2;

/// Texts of a row.
#[derive(Clone, Copy, Debug)]
pub struct StudentRow<'a> {
    /// A title and a text, or a text alone.
    pub texts: [Option<&'a str>; MAX_TEXTS],
    /// Text whose words can name a label.
    pub head: Option<&'a str>,
}

impl StudentRow<'_> {
    /// Whether all texts are missing.
    pub fn is_blank(&self) -> bool {
        self.texts.iter().all(Option::is_none)
    }
}
