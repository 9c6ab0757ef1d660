//! Rows of `COPY ... FROM STDIN` in text.

/// Value of a field; `None` is NULL.
pub type Field = Option<Vec<u8>>;

/// Splits text into lines. Bytes arrive in pieces of any length.
#[derive(Default)]
pub struct TextLines {
    pending: Vec<u8>,
    /// Bytes of `pending` that were searched for the end of a line.
    searched: usize,
    ended: bool,
}

impl TextLines {
    pub fn add(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Takes the next line, without its end. The last one may lack its end.
    pub fn next(&mut self, is_last: bool) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        let end = self.end();
        let line = match end {
            Some(end) => {
                let mut line: Vec<u8> = self.pending.drain(..=end).collect();
                line.pop();
                line
            }
            None if is_last && !self.pending.is_empty() => std::mem::take(&mut self.pending),
            None => return None,
        };
        self.searched = 0;
        let line = match line.strip_suffix(b"\r") {
            Some(line) => line.to_vec(),
            None => line,
        };
        // Marks the end in texts of older clients.
        if line == b"\\." {
            self.ended = true;
            return None;
        }
        Some(line)
    }

    /// Position of the next line break that no backslash precedes.
    fn end(&mut self) -> Option<usize> {
        while let Some(byte) = self.pending.get(self.searched) {
            match byte {
                b'\n' => return Some(self.searched),
                // Also skips what follows, once it has arrived.
                b'\\' if self.searched + 1 == self.pending.len() => return None,
                b'\\' => self.searched += 2,
                _ => self.searched += 1,
            }
        }
        None
    }
}

/// Splits a line into its fields, and replaces escapes.
pub fn fields(line: &[u8], delimiter: u8, null: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at <= line.len() {
        match line.get(at) {
            Some(b'\\') => at += 2,
            Some(byte) if *byte != delimiter => at += 1,
            _ => {
                let raw = &line[start..at.min(line.len())];
                fields.push((raw != null).then(|| unescaped(raw)));
                at += 1;
                start = at;
            }
        }
    }
    // A backslash at the end of the line has skipped its end.
    if start <= line.len() {
        let raw = &line[start..];
        fields.push((raw != null).then(|| unescaped(raw)));
    }
    fields
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(letter) = bytes.next() else {
            out.push(b'\\');
            break;
        };
        let digit = |byte: u8, radix: u32| char::from(byte).to_digit(radix);
        match letter {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(0x0b),
            b'0'..=b'7' => {
                let mut code = u32::from(letter - b'0');
                for _ in 0..2 {
                    let Some(next) = bytes.next_if(|byte| digit(*byte, 8).is_some()) else {
                        break;
                    };
                    code = code * 8 + u32::from(next - b'0');
                }
                out.push(code as u8);
            }
            b'x' if bytes.peek().is_some_and(|byte| digit(*byte, 16).is_some()) => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(next) = bytes.next_if(|byte| digit(*byte, 16).is_some()) else {
                        break;
                    };
                    code = code * 16 + digit(next, 16).unwrap_or(0);
                }
                out.push(code as u8);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Vec<Option<String>> {
        let fields = fields(line, b'\t', b"\\N");
        let texts = fields
            .into_iter()
            .map(|field| field.map(|bytes| String::from_utf8(bytes).unwrap()));
        texts.collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    #[test]
    fn fields_are_unescaped() {
        assert_eq!(split(b"a\t\\N\t"), [some("a"), None, some("")]);
        assert_eq!(split(b"a\\tb\\\\\tc\\\td"), [some("a\tb\\"), some("c\td")]);
        assert_eq!(split(b"\\101\\x42\\q\\0"), [some("ABq\0")]);
        assert_eq!(split(b""), [some("")]);
        assert_eq!(split(b"a\\"), [some("a\\")]);
        assert_eq!(split(b"a\t\\"), [some("a"), some("\\")]);
    }

    #[test]
    fn lines_arrive_in_pieces() {
        let text = b"a\tb\r\nc\\\nd\n\\.\nignored\n";
        for size in 1..text.len() {
            let mut lines = TextLines::default();
            let mut found = Vec::new();
            for piece in text.chunks(size) {
                lines.add(piece);
                while let Some(line) = lines.next(false) {
                    found.push(line);
                }
            }
            assert_eq!(lines.next(true), None);
            assert_eq!(found, [b"a\tb".to_vec(), b"c\\\nd".to_vec()], "{size}");
        }
    }
}
