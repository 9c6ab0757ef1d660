//! Alternatives of a pattern with braces.

/// Maximum number of opening braces in a pattern, nested ones included.
pub const MAX_BRACES: usize = 64;

/// Maximum number of alternatives that braces expand to.
const MAX_ALTERNATIVES: usize = 1024;

/// Expands a pattern with braces to patterns without them.
///
/// # Errors
/// Too many braces or alternatives. The message continues a sentence about the
/// pattern.
pub fn expand_braces(pattern: &str) -> Result<Vec<String>, String> {
    if pattern.matches('{').count() > MAX_BRACES {
        return Err(format!(
            "is a pattern with more than {MAX_BRACES} braces; use fewer"
        ));
    }
    let mut expanded = Vec::new();
    let mut pending = vec![pattern.to_string()];
    while let Some(next) = pending.pop() {
        match first_braces(&next).map(|braces| braces.expand(&next)) {
            Some(patterns) => pending.extend(patterns),
            None => expanded.push(next),
        }
        // Each pending pattern gives at least one alternative.
        if expanded.len() + pending.len() > MAX_ALTERNATIVES {
            return Err(format!(
                "is a pattern whose braces give more than {MAX_ALTERNATIVES} alternatives; use fewer"
            ));
        }
    }
    Ok(expanded)
}

/// A pair of braces, by their positions, with the choices between them.
struct Braces<'a> {
    open: usize,
    close: usize,
    choices: Vec<&'a str>,
}

impl Braces<'_> {
    /// Replaces the braces by each choice, the last choice first.
    fn expand(&self, text: &str) -> Vec<String> {
        let (before, after) = (&text[..self.open], &text[self.close + 1..]);
        let choices = self.choices.iter().rev();
        choices
            .map(|choice| format!("{before}{choice}{after}"))
            .collect()
    }
}

/// The first braces that are closed. Others are plain characters.
fn first_braces(text: &str) -> Option<Braces<'_>> {
    text.match_indices('{')
        .find_map(|(open, _)| braces_at(text, open))
}

fn braces_at(text: &str, open: usize) -> Option<Braces<'_>> {
    let mut choices = Vec::new();
    let mut start = open + 1;
    let mut depth = 1;
    for (offset, c) in text[start..].char_indices() {
        let at = open + 1 + offset;
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (c == ',' && depth == 1) {
            choices.push(&text[start..at]);
            start = at + 1;
        }
        if depth == 0 {
            return Some(Braces {
                open,
                close: at,
                choices,
            });
        }
    }
    None
}
