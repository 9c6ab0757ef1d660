//! Which key stands for which label, and the next one that is pressed.

use std::io::{BufRead, IsTerminal};

use console::Term;

use crate::error::{Result, ShellError};

/// In this order; s, u and q are taken.
const LABELS: &str = "123456789abcdefghijklmnoprtvwxyz";

/// What somebody pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Label(usize),
    /// Enter: the label that is offered.
    Offered,
    Skip,
    Undo,
    Quit,
    Unknown,
}

pub struct Keys {
    labels: Vec<char>,
}

impl Keys {
    /// # Errors
    /// For more labels than there are keys.
    pub fn of(labels: &[String]) -> Result<Self> {
        let keys: Vec<char> = LABELS.chars().take(labels.len()).collect();
        if keys.len() < labels.len() {
            return Err(ShellError::query(format!(
                "\\review has keys for {} labels, and the taxonomy has {}: SET ai.taxonomy to one with fewer",
                keys.len(),
                labels.len()
            )));
        }
        Ok(Self { labels: keys })
    }

    pub fn of_label(&self, label: usize) -> char {
        self.labels.get(label).copied().unwrap_or(' ')
    }

    /// Waits for a key; without a terminal, for a line that begins with one.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub async fn next(&mut self) -> Result<Key> {
        let pressed = tokio::task::spawn_blocking(pressed).await;
        let pressed = pressed.map_err(|e| ShellError::query(format!("the terminal: {e}")))??;
        Ok(self.meaning(pressed))
    }

    fn meaning(&self, pressed: Option<char>) -> Key {
        match pressed {
            None | Some('q' | '\u{3}' | '\u{4}') => Key::Quit,
            Some('\n' | '\r') => Key::Offered,
            Some('s') => Key::Skip,
            Some('u') => Key::Undo,
            Some(key) => {
                let found = self.labels.iter().position(|label| *label == key);
                found.map_or(Key::Unknown, Key::Label)
            }
        }
    }
}

/// The character of the next key; `None` at the end of the input.
fn pressed() -> Result<Option<char>> {
    let failed = |e: std::io::Error| ShellError::query(format!("the terminal: {e}"));
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
    fn keys_mean_labels_and_what_to_do() {
        let labels: Vec<String> = (0..12).map(|label| label.to_string()).collect();
        let keys = Keys::of(&labels).unwrap();
        assert_eq!(keys.of_label(0), '1');
        assert_eq!(keys.of_label(9), 'a');
        for (pressed, key) in [
            (Some('1'), Key::Label(0)),
            (Some('c'), Key::Label(11)),
            (Some('d'), Key::Unknown),
            (Some('\n'), Key::Offered),
            (Some('s'), Key::Skip),
            (Some('u'), Key::Undo),
            (Some('q'), Key::Quit),
            (None, Key::Quit),
        ] {
            assert_eq!(keys.meaning(pressed), key, "{pressed:?}");
        }
        let many: Vec<String> = (0..40).map(|label| label.to_string()).collect();
        assert!(Keys::of(&many).is_err());
    }
}
