//! Encodings of texts: UTF-8 and UTF-16, with and without a byte order mark.

/// Encoding of a text, as its first bytes show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-8, or an encoding that the first bytes do not show.
    Utf8,
    Utf16Le,
    Utf16Be,
    Utf32,
}

/// Byte order marks. The longest that a text starts with decides.
const BYTE_ORDER_MARKS: &[(&[u8], TextEncoding)] = &[
    (&[0xff, 0xfe, 0x00, 0x00], TextEncoding::Utf32),
    (&[0x00, 0x00, 0xfe, 0xff], TextEncoding::Utf32),
    (&[0xef, 0xbb, 0xbf], TextEncoding::Utf8),
    (&[0xff, 0xfe], TextEncoding::Utf16Le),
    (&[0xfe, 0xff], TextEncoding::Utf16Be),
];

/// Number of bytes that show an encoding.
const MAX_DETECTED_BYTES: usize = 4;

/// Encoding of a text by its first bytes, and the length of its byte order mark.
/// Without a mark, the zeros of ASCII characters show UTF-16.
pub fn detect_encoding(head: &[u8]) -> (TextEncoding, usize) {
    for (mark, encoding) in BYTE_ORDER_MARKS {
        if head.starts_with(mark) {
            return (*encoding, mark.len());
        }
    }
    let zeros: Vec<bool> = head.iter().take(4).map(|byte| *byte == 0).collect();
    let encoding = match zeros.as_slice() {
        [false, true] | [false, true, false, true] => TextEncoding::Utf16Le,
        [true, false] | [true, false, true, false] => TextEncoding::Utf16Be,
        _ => TextEncoding::Utf8,
    };
    (encoding, 0)
}

/// Incremental converter of a text to UTF-8, without its byte order mark. Bytes of
/// UTF-8 are not checked.
#[derive(Debug, Default)]
pub struct TextDecoder {
    /// `None` until enough bytes have arrived.
    encoding: Option<TextEncoding>,
    /// Bytes that are not decoded yet: the first ones, or half a character.
    pending: Vec<u8>,
}

impl TextDecoder {
    /// Whether the bytes that follow are UTF-8 already.
    pub fn is_transparent(&self) -> bool {
        self.encoding == Some(TextEncoding::Utf8)
    }

    /// Converts the next bytes.
    ///
    /// # Errors
    /// Text that is not valid in its encoding. The message continues a sentence about
    /// the text.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        self.pending.extend_from_slice(bytes);
        if self.encoding.is_none() && self.pending.len() < MAX_DETECTED_BYTES {
            return Ok(Vec::new());
        }
        self.convert(false)
    }

    /// Converts what is left at the end of the text.
    ///
    /// # Errors
    /// As for [`decode`](Self::decode), and an incomplete character.
    pub fn finish(&mut self) -> Result<Vec<u8>, String> {
        self.convert(true)
    }

    fn convert(&mut self, at_end: bool) -> Result<Vec<u8>, String> {
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None => {
                let (encoding, mark) = detect_encoding(&self.pending);
                self.pending.drain(..mark);
                self.encoding = Some(encoding);
                encoding
            }
        };
        match encoding {
            TextEncoding::Utf8 => Ok(std::mem::take(&mut self.pending)),
            TextEncoding::Utf16Le => self.convert_utf16(u16::from_le_bytes, at_end),
            TextEncoding::Utf16Be => self.convert_utf16(u16::from_be_bytes, at_end),
            TextEncoding::Utf32 => {
                Err("is UTF-32; convert it with: iconv -f UTF-32 -t UTF-8".to_string())
            }
        }
    }

    fn convert_utf16(&mut self, unit: fn([u8; 2]) -> u16, at_end: bool) -> Result<Vec<u8>, String> {
        let invalid =
            || "looks like UTF-16, and is not valid UTF-16; convert it to UTF-8".to_string();
        let mut units: Vec<u16> = self
            .pending
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        // The second half of a pair may follow.
        if !at_end
            && units
                .last()
                .is_some_and(|last| (0xd800..0xdc00).contains(last))
        {
            units.pop();
        }
        self.pending.drain(..units.len() * 2);
        if at_end && !self.pending.is_empty() {
            return Err(invalid());
        }
        let text = String::from_utf16(&units).map_err(|_| invalid())?;
        Ok(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    /// Decodes the bytes in pieces of `step`.
    fn decoded(bytes: &[u8], step: usize) -> Result<String, String> {
        let mut decoder = TextDecoder::default();
        let mut text = Vec::new();
        for piece in bytes.chunks(step) {
            text.extend(decoder.decode(piece)?);
        }
        text.extend(decoder.finish()?);
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn every_encoding_and_mark_gives_the_same_text() {
        let text = "a,\u{e4}\u{20ac}\u{1f600}\n";
        let marked = format!("\u{feff}{text}");
        for bytes in [
            text.as_bytes().to_vec(),
            marked.as_bytes().to_vec(),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
            utf16(&marked, u16::to_le_bytes),
            utf16(&marked, u16::to_be_bytes),
        ] {
            for step in [1, 2, 3, 5, 100] {
                assert_eq!(
                    decoded(&bytes, step).as_deref(),
                    Ok(text),
                    "{bytes:?} {step}"
                );
            }
        }
        for short in ["", "a", "ab", "\u{feff}"] {
            let expected = short.trim_start_matches('\u{feff}');
            assert_eq!(decoded(short.as_bytes(), 1).as_deref(), Ok(expected));
        }
        assert_eq!(decoded(b"a\0", 1).as_deref(), Ok("a"));
    }

    #[test]
    fn damaged_texts_name_their_encoding() {
        assert!(
            decoded(b"\xff\xfea\0b", 100)
                .unwrap_err()
                .contains("UTF-16")
        );
        assert!(
            decoded(b"\xff\xfe\x00\xd8a\0", 1)
                .unwrap_err()
                .contains("UTF-16")
        );
        assert!(
            decoded(b"\xff\xfe\0\0a\0\0\0", 1)
                .unwrap_err()
                .contains("UTF-32")
        );
    }

    #[test]
    fn a_zero_within_a_text_is_not_an_encoding() {
        assert_eq!(detect_encoding(b"ab\0d").0, TextEncoding::Utf8);
        assert_eq!(detect_encoding(b"a\0bc").0, TextEncoding::Utf8);
    }
}
