//! Tokens of Rust source text, as far as paths and items need them.

/// A token: an identifier, a number, `::`, one character of punctuation, or
/// `""` for a string or character.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// Keywords that an item or a statement starts with. Fields, variants and match
/// arms start with none of them and end at a comma.
const ITEM_KEYWORDS: &[&str] = &[
    "async",
    "auto",
    "const",
    "default",
    "enum",
    "extern",
    "fn",
    "impl",
    "let",
    "macro_rules",
    "mod",
    "pub",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "unsafe",
    "use",
];

pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The tokens of `source`. Comments and lifetimes are left out.
pub fn tokenize(source: &str) -> Vec<Token> {
    let mut scanner = Scanner {
        chars: source.chars().collect(),
        at: 0,
        line: 1,
        tokens: Vec::new(),
    };
    while scanner.at < scanner.chars.len() {
        scanner.next();
    }
    scanner.tokens
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn skip(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        let skipped = &self.chars[self.at..end];
        self.line += skipped.iter().filter(|c| **c == '\n').count();
        self.at = end;
    }

    fn push(&mut self, text: &str, line: usize) {
        let text = text.to_string();
        self.tokens.push(Token { text, line });
    }

    fn next(&mut self) {
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            (c, _) if c.is_whitespace() => self.skip(1),
            ('/', '/') => {
                let rest = self.chars[self.at..].iter();
                self.skip(rest.take_while(|c| **c != '\n').count());
            }
            ('/', '*') => self.skip_block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.character(),
            (':', ':') => {
                self.skip(2);
                self.push("::", line);
            }
            (c, _) if c.is_alphanumeric() || c == '_' => self.word(),
            (c, _) => {
                self.skip(1);
                self.push(&c.to_string(), line);
            }
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.skip(2);
                }
                ('*', '/') => {
                    depth -= 1;
                    self.skip(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.skip(1),
            }
        }
    }

    fn string(&mut self) {
        self.push("\"\"", self.line);
        self.skip(1);
        while self.at < self.chars.len() && self.peek(0) != '"' {
            self.skip(if self.peek(0) == '\\' { 2 } else { 1 });
        }
        self.skip(1);
    }

    /// A raw string, from its first `#` or quotation mark on.
    fn raw_string(&mut self) {
        self.push("\"\"", self.line);
        let rest = self.chars[self.at..].iter();
        let hashes = rest.take_while(|c| **c == '#').count();
        self.skip(hashes + 1);
        while self.at < self.chars.len() {
            let closes = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if closes {
                return self.skip(hashes + 1);
            }
            self.skip(1);
        }
    }

    /// A character, or a lifetime, which is no token.
    fn character(&mut self) {
        if self.peek(1) == '\\' {
            self.push("\"\"", self.line);
            self.skip(3);
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.skip(1);
            }
            self.skip(1);
        } else if self.peek(2) == '\'' {
            self.push("\"\"", self.line);
            self.skip(3);
        } else {
            self.skip(1);
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                self.skip(1);
            }
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let line = self.line;
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            self.skip(1);
        }
        let word: String = self.chars[start..self.at].iter().collect();
        match (word.as_str(), self.peek(0), self.peek(1)) {
            ("b" | "c", '"', _) => self.string(),
            ("b", '\'', _) => self.character(),
            ("r" | "br" | "cr", '"', _) | ("r" | "br" | "cr", '#', '"' | '#') => self.raw_string(),
            // `r#name` is a name.
            ("r", '#', _) => self.skip(1),
            _ => self.push(&word, line),
        }
    }
}

/// Position behind the bracket that closes the one at `start`.
pub fn closing(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Position behind the visibility at `start`, or `start` where there is none.
pub fn behind_visibility(tokens: &[Token], start: usize) -> usize {
    match (text(tokens, start), text(tokens, start + 1)) {
        ("pub", "(") => closing(tokens, start + 1),
        ("pub", _) => start + 1,
        _ => start,
    }
}

/// Text of the token at `at`, or an empty text behind the last one.
pub fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

/// Whether a `const` starts a function instead of a constant.
pub fn is_function_qualifier(next: &str) -> bool {
    ["fn", "unsafe", "async", "extern"].contains(&next)
}

/// Position behind the item, statement, field, variant or arm at `start`.
pub fn item_end(tokens: &[Token], start: usize) -> usize {
    let keyword = behind_visibility(tokens, start);
    let is_item = ITEM_KEYWORDS.contains(&text(tokens, keyword));
    let ends_at_semicolon = match text(tokens, keyword) {
        "use" | "static" | "type" | "let" => true,
        "const" => !is_function_qualifier(text(tokens, keyword + 1)),
        _ => false,
    };
    let mut at = keyword;
    while at < tokens.len() {
        match text(tokens, at) {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            ")" | "]" | "}" => return at,
            "{" if !ends_at_semicolon => {
                let end = closing(tokens, at);
                let comma = !is_item && text(tokens, end) == ",";
                return end + usize::from(comma);
            }
            "(" | "[" | "{" => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// `tokens` without what `#[cfg(test)]` and `#[cfg(all(test, ...))]` mark.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if text(tokens, at) != "#" || text(tokens, at + 1) != "[" {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = closing(tokens, at + 1);
        let words = tokens[at + 2..end].iter().map(|token| token.text.as_str());
        let attribute: String = words.collect();
        let is_test = ["cfg(test)", "cfg(all(test,"]
            .iter()
            .any(|mark| attribute.starts_with(mark));
        if is_test {
            at = end;
            while text(tokens, at) == "#" {
                at = closing(tokens, at + 1);
            }
            at = item_end(tokens, at);
        } else {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
        }
    }
    kept
}
