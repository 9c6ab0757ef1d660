//! Quotation marks: whether a mark after a number means inches.

/// State of straight quotation marks up to a place.
#[derive(Debug, Default)]
pub struct Quotes {
    at: usize,
    is_open: bool,
}

impl Quotes {
    /// Whether a quotation opens before `place` and has not closed. Places ascend.
    pub fn is_open_at(&mut self, text: &str, place: usize) -> bool {
        let bytes = text.as_bytes();
        while self.at < place {
            match bytes[self.at] {
                b'\n' => self.is_open = false,
                b'"' if self.is_open => self.is_open = false,
                b'"' => {
                    let before = self.at.checked_sub(1).map(|before| bytes[before]);
                    let after = bytes.get(self.at + 1);
                    self.is_open = before.is_none_or(|b| matches!(b, b' ' | b'(' | b'\n'))
                        && after.is_some_and(|b| !b.is_ascii_whitespace());
                }
                _ => {}
            }
            self.at += 1;
        }
        self.is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inch_marks_open_no_quotation() {
        let open = |text: &str| Quotes::default().is_open_at(text, text.len());
        for text in ["the \"Top 10", "\"a", "(\"5"] {
            assert!(open(text), "{text}");
        }
        for text in ["5\" x 7", "\"a\" 5", "\"a\n5", "5 \" 7", ""] {
            assert!(!open(text), "{text}");
        }
    }
}
