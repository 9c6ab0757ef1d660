//! Reader of the fields of a text.

use super::date_template::DateField;

/// Rest of a text.
pub struct TextReader<'a> {
    pub rest: &'a str,
}

impl TextReader<'_> {
    /// Skips what a character of the format stands for.
    pub fn skip_like(&mut self, ch: char) {
        match ch.is_alphanumeric() {
            true => self.skip_chars(1),
            false => {
                let is_part = |ch: char| ch.is_alphanumeric() || matches!(ch, '+' | '-');
                // One separator, which may be missing, and blanks around it.
                self.rest = self.rest.trim_start();
                if let Some(first) = self.rest.chars().next()
                    && (!is_part(first) || (first == '-' && ch == '-'))
                {
                    self.skip_chars(1);
                }
            }
        }
    }

    /// Skips a number of characters.
    pub fn skip_chars(&mut self, count: usize) {
        let end = self
            .rest
            .char_indices()
            .nth(count)
            .map_or(self.rest.len(), |(at, _)| at);
        self.rest = &self.rest[end..];
    }

    /// Reads up to `max` digits.
    pub fn digits(&mut self, max: usize) -> &str {
        let count = self
            .rest
            .bytes()
            .take(max)
            .take_while(u8::is_ascii_digit)
            .count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits
    }

    /// Reads a number of up to `max` digits.
    ///
    /// # Errors
    /// No digit.
    pub fn number(&mut self, max: usize, field: DateField) -> Result<i64, String> {
        let before = self.rest;
        let digits = self.digits(max.min(18));
        digits.parse().map_err(|_| {
            format!(
                "'{}' is no value of {field:?}",
                before.chars().take(12).collect::<String>()
            )
        })
    }

    /// Reads a name, or its first `length` letters, and returns its position.
    ///
    /// # Errors
    /// No such name.
    pub fn name(
        &mut self,
        names: &[&str],
        length: Option<usize>,
        field: DateField,
    ) -> Result<i64, String> {
        let shown = |name: &&str| length.map_or(name.len(), |length| length.min(name.len()));
        // The longest, since `VIII` starts with `V`.
        let found = names
            .iter()
            .enumerate()
            .filter(|(_, name)| {
                let start = self.rest.get(..shown(name));
                start.is_some_and(|start| start.eq_ignore_ascii_case(&name[..shown(name)]))
            })
            .max_by_key(|(_, name)| shown(name));
        match found {
            Some((at, name)) => {
                self.rest = &self.rest[shown(name)..];
                Ok(at as i64)
            }
            None => Err(format!(
                "'{}' is no value of {field:?}",
                self.rest.chars().take(12).collect::<String>()
            )),
        }
    }
}
