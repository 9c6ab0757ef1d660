//! Arguments of a backslash command.

use crate::error::{Result, ShellError};

/// Splits a text at white space. Single or double quotes enclose white space; a
/// doubled quote inside them is one quote.
///
/// # Errors
/// If a quote is not closed.
pub fn words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(words);
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            // Quotes inside a word are literal.
            if (c != '\'' && c != '"') || !word.is_empty() {
                word.push(c);
                continue;
            }
            loop {
                match chars.next() {
                    Some(inner) if inner != c => word.push(inner),
                    Some(_) if chars.next_if_eq(&c).is_some() => word.push(c),
                    Some(_) => break,
                    None => {
                        return Err(ShellError::query(format!(
                            "the quote {c} is not closed in: {text}"
                        )));
                    }
                }
            }
            break;
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_enclose_white_space() {
        assert_eq!(
            words("a  'b c' \"d\"\"e\" it's").unwrap(),
            ["a", "b c", "d\"e", "it's"]
        );
        assert_eq!(words("").unwrap(), Vec::<String>::new());
        assert_eq!(words("''").unwrap(), [""]);
        assert!(words("'open").is_err());
    }
}
