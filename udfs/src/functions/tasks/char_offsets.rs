//! Character offsets of byte offsets.

/// Bytes between two checkpoints.
const STRIDE: usize = 1024;

/// Converts byte offsets of a text into character offsets, in constant time for each.
pub struct CharOffsets<'a> {
    text: &'a str,
    /// Characters before each multiple of [`STRIDE`]; empty for ASCII.
    checkpoints: Vec<usize>,
}

impl<'a> CharOffsets<'a> {
    pub fn new(text: &'a str) -> Self {
        let mut checkpoints = Vec::new();
        if !text.is_ascii() {
            let mut chars = 0;
            for block in text.as_bytes().chunks(STRIDE) {
                checkpoints.push(chars);
                chars += char_starts(block);
            }
        }
        Self { text, checkpoints }
    }

    /// Characters before the byte `offset`, which is at a character boundary.
    pub fn at(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        let block = offset / STRIDE;
        let bytes = self.text.as_bytes();
        match self.checkpoints.get(block) {
            Some(chars) => chars + char_starts(&bytes[block * STRIDE..offset]),
            // ASCII, or the end of a text whose length is a multiple of the stride.
            None if self.checkpoints.is_empty() => offset,
            None => char_starts(&bytes[..offset]),
        }
    }
}

fn char_starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_characters() {
        for text in ["", "plain", "é", &"né ✓".repeat(700), &"é".repeat(STRIDE)] {
            let offsets = CharOffsets::new(text);
            for (chars, (bytes, _)) in text.char_indices().enumerate() {
                assert_eq!(offsets.at(bytes), chars);
            }
            assert_eq!(offsets.at(text.len()), text.chars().count());
        }
    }
}
