//! Texts of data made safe for display on a page.

/// Removes control characters and direction marks, and truncates to `max_chars`
/// characters.
pub fn display_text(text: &str, max_chars: usize) -> String {
    let mut display = String::new();
    let mut count = 0;
    for c in text.chars() {
        let plain = match c {
            '\n' => '\n',
            '\t' => ' ',
            c if c.is_control() || is_direction_mark(c) => continue,
            c => c,
        };
        if count == max_chars {
            display.push('…');
            break;
        }
        display.push(plain);
        count += 1;
    }
    display
}

/// Whether a character changes the direction of the text around it. Text in a
/// right-to-left script needs none.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_direction_marks_are_removed() {
        assert_eq!(
            display_text("a\u{202e}b\u{0}\u{1b}[1m\r\n\tc", 50),
            "ab[1m\n c"
        );
    }

    #[test]
    fn long_texts_are_truncated() {
        assert_eq!(display_text("čaj na pití", 4), "čaj …");
        assert_eq!(display_text("שלום", 4), "שלום");
    }
}
