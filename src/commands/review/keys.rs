//! Keys of the labels, and the next key pressed.

use std::io::{BufRead, IsTerminal};

use console::Term;

use crate::error::{Result, ShellError};

/// Keys of the labels in order; s, u and q have other meanings.
const LABEL_KEYS: &str = "123456789abcdefghijklmnoprtvwxyz";

/// Meaning of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewKey {
    Label(usize),
    /// Enter: the predicted label.
    Predicted,
    Skip,
    Undo,
    Quit,
    Unknown,
}

/// Keys assigned to labels.
pub struct KeyBindings {
    labels: Vec<char>,
}

impl KeyBindings {
    /// Assigns a key to each label.
    ///
    /// # Errors
    /// If there are more labels than keys.
    pub fn new(labels: &[String]) -> Result<Self> {
        let keys: Vec<char> = LABEL_KEYS.chars().take(labels.len()).collect();
        if keys.len() < labels.len() {
            return Err(ShellError::query(format!(
                "\\review has keys for {} labels, but the taxonomy has {}; SET ai.taxonomy to one with fewer",
                keys.len(),
                labels.len()
            )));
        }
        Ok(Self { labels: keys })
    }

    pub fn key_of(&self, label: usize) -> char {
        self.labels.get(label).copied().unwrap_or(' ')
    }

    /// Reads the next key; without a terminal, the first character of a line.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub async fn next(&mut self) -> Result<ReviewKey> {
        let pressed = tokio::task::spawn_blocking(read_key).await;
        let pressed =
            pressed.map_err(|e| ShellError::query(format!("cannot read the terminal: {e}")))??;
        Ok(self.meaning(pressed))
    }

    fn meaning(&self, pressed: Option<char>) -> ReviewKey {
        match pressed {
            None | Some('q' | '\u{3}' | '\u{4}') => ReviewKey::Quit,
            Some('\n' | '\r') => ReviewKey::Predicted,
            Some('s') => ReviewKey::Skip,
            Some('u') => ReviewKey::Undo,
            Some(key) => {
                let found = self.labels.iter().position(|label| *label == key);
                found.map_or(ReviewKey::Unknown, ReviewKey::Label)
            }
        }
    }
}

/// Character of the next key; `None` at the end of the input.
fn read_key() -> Result<Option<char>> {
    let failed = |e: std::io::Error| ShellError::query(format!("cannot read the terminal: {e}"));
    if std::io::stdin().is_terminal() {
        return match Term::stderr().read_key_raw().map_err(failed)? {
            console::Key::Char(key) => Ok(Some(key.to_ascii_lowercase())),
            console::Key::Enter => Ok(Some('\n')),
            console::Key::Backspace => Ok(Some('u')),
            console::Key::CtrlC | console::Key::Escape => Ok(None),
            _ => Ok(Some(' ')),
        };
    }
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(failed)?;
    Ok((read > 0).then(|| line.chars().next().unwrap_or('\n').to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_labels_and_actions() {
        let labels: Vec<String> = (0..12).map(|label| label.to_string()).collect();
        let keys = KeyBindings::new(&labels).unwrap();
        assert_eq!(keys.key_of(0), '1');
        assert_eq!(keys.key_of(9), 'a');
        for (pressed, key) in [
            (Some('1'), ReviewKey::Label(0)),
            (Some('c'), ReviewKey::Label(11)),
            (Some('d'), ReviewKey::Unknown),
            (Some('\n'), ReviewKey::Predicted),
            (Some('s'), ReviewKey::Skip),
            (Some('u'), ReviewKey::Undo),
            (Some('q'), ReviewKey::Quit),
            (None, ReviewKey::Quit),
        ] {
            assert_eq!(keys.meaning(pressed), key, "{pressed:?}");
        }
        let many: Vec<String> = (0..40).map(|label| label.to_string()).collect();
        assert!(KeyBindings::new(&many).is_err());
    }
}
