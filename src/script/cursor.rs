//! Byte offsets of the tokenizer's positions.

use datafusion::sql::sqlparser::tokenizer::Location;

/// Converts the tokenizer's lines and columns to byte offsets, moving forward only.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    pub line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    /// Byte offset of `location`, which must not precede an earlier argument.
    pub fn offset(&mut self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column).unwrap_or(usize::MAX);
        for c in self.text[self.at..].chars() {
            if (self.line, self.column) >= (line, column) {
                break;
            }
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}
