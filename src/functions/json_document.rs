//! JSON documents as Postgres reads them: checked for `json`, in normal form for `jsonb`.

use std::collections::BTreeMap;

/// Maximum nesting of arrays and objects.
const MAX_DEPTH: usize = 500;

/// Maximum number of digits that an exponent adds to a number in normal form.
const MAX_SHIFT: i64 = 10_000;

/// Checks that a text is a JSON document.
///
/// # Errors
/// Why it is none.
pub fn check(text: &str) -> Result<(), String> {
    document(text).map(|_| ())
}

/// The normal form of a JSON document, which `jsonb` has: one blank after colons and
/// commas, keys sorted by length and bytes, the last of equal keys, numbers without an
/// exponent.
///
/// # Errors
/// Why the text is no document.
pub fn normal_form(text: &str) -> Result<String, String> {
    document(text)
}

/// The parts of a JSON document, as they are written.
#[derive(Debug, PartialEq)]
pub enum JsonParts<'a> {
    Array(Vec<&'a str>),
    /// Keys in normal form, with their quotes, and values.
    Object(Vec<(String, &'a str)>),
    Scalar(&'a str),
}

/// The parts of a JSON document.
///
/// # Errors
/// Why the text is no document.
pub fn parts(text: &str) -> Result<JsonParts<'_>, String> {
    let mut reader = JsonReader { text, at: 0 };
    reader.skip_blanks();
    let start = reader.at;
    let parts = match reader.rest().bytes().next() {
        Some(b'[') => {
            let mut items = Vec::new();
            reader.sequence("]", "a comma or a bracket is missing", &mut |reader| {
                items.push(reader.written_value()?);
                Ok(())
            })?;
            JsonParts::Array(items)
        }
        Some(b'{') => {
            let mut items = Vec::new();
            reader.sequence("}", "a comma or a brace is missing", &mut |reader| {
                let key = reader.key()?;
                items.push((key, reader.written_value()?));
                Ok(())
            })?;
            JsonParts::Object(items)
        }
        _ => {
            reader.value(0)?;
            JsonParts::Scalar(&text[start..reader.at])
        }
    };
    reader.skip_blanks();
    match reader.at == text.len() {
        true => Ok(parts),
        false => Err(reader.wrong("text follows the value")),
    }
}

/// A string of JSON, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut out = "\"".to_string();
    for ch in text.chars() {
        push_char(&mut out, ch);
    }
    out.push('"');
    out
}

fn document(text: &str) -> Result<String, String> {
    let mut reader = JsonReader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_blanks();
    match reader.at == text.len() {
        true => Ok(value),
        false => Err(reader.wrong("text follows the value")),
    }
}

struct JsonReader<'a> {
    text: &'a str,
    /// Position in bytes, between characters.
    at: usize,
}

impl<'a> JsonReader<'a> {
    /// The text of the value that follows.
    fn written_value(&mut self) -> Result<&'a str, String> {
        self.skip_blanks();
        let start = self.at;
        self.value(1)?;
        Ok(&self.text[start..self.at])
    }

    fn wrong(&self, why: &str) -> String {
        format!(
            "invalid input for type json: {why}, at byte {}",
            self.at + 1
        )
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        let blank = |ch: char| matches!(ch, ' ' | '\t' | '\n' | '\r');
        self.at = self.text.len() - self.rest().trim_start_matches(blank).len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// The normal form of the value that begins here.
    fn value(&mut self, depth: usize) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        self.skip_blanks();
        for word in ["null", "true", "false"] {
            if self.take(word) {
                return Ok(word.to_string());
            }
        }
        match self.rest().bytes().next() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.wrong("a value is missing")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<String, String> {
        let mut items = Vec::new();
        self.sequence("]", "a comma or a bracket is missing", &mut |reader| {
            items.push(reader.value(depth + 1)?);
            Ok(())
        })?;
        Ok(format!("[{}]", items.join(", ")))
    }

    fn object(&mut self, depth: usize) -> Result<String, String> {
        let mut items = BTreeMap::new();
        self.sequence("}", "a comma or a brace is missing", &mut |reader| {
            let key = reader.key()?;
            let value = reader.value(depth + 1)?;
            items.insert((key.len(), key), value);
            Ok(())
        })?;
        let items = items.into_iter();
        let items = items.map(|((_, key), value)| format!("{key}: {value}"));
        Ok(format!("{{{}}}", items.collect::<Vec<_>>().join(", ")))
    }

    /// Reads items between commas, from the opening bracket to the closing one.
    fn sequence(
        &mut self,
        close: &str,
        unfinished: &str,
        item: &mut dyn FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.at += 1;
        self.skip_blanks();
        if self.take(close) {
            return Ok(());
        }
        loop {
            item(self)?;
            self.skip_blanks();
            if self.take(close) {
                return Ok(());
            }
            if !self.take(",") {
                return Err(self.wrong(unfinished));
            }
        }
    }

    /// A key in normal form, and its colon.
    fn key(&mut self) -> Result<String, String> {
        self.skip_blanks();
        if !self.rest().starts_with('"') {
            return Err(self.wrong("a key in quotes is missing"));
        }
        let key = self.string()?;
        self.skip_blanks();
        match self.take(":") {
            true => Ok(key),
            false => Err(self.wrong("a colon is missing")),
        }
    }

    /// A string in quotes, with the escapes that it needs.
    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = "\"".to_string();
        loop {
            let Some(ch) = self.rest().chars().next() else {
                return Err(self.wrong("a quote is not closed"));
            };
            match ch {
                '"' => {
                    self.at += 1;
                    out.push('"');
                    return Ok(out);
                }
                '\\' => {
                    self.at += 1;
                    let ch = self.escaped()?;
                    push_char(&mut out, ch);
                }
                control if control < ' ' => {
                    return Err(self.wrong("a control character is not escaped"));
                }
                other => {
                    self.at += other.len_utf8();
                    out.push(other);
                }
            }
        }
    }

    /// The character of an escape, after its backslash.
    fn escaped(&mut self) -> Result<char, String> {
        let ch = self.rest().chars().next();
        let plain = match ch {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.wrong("an escape is unknown")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn code_point(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF if self.take("\\u") => {
                let second = self.hex()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.wrong("a surrogate has no second half"));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        match char::from_u32(code) {
            Some('\0') => Err(self.wrong("the character \\u0000 is not supported")),
            Some(ch) => Ok(ch),
            None => Err(self.wrong("a surrogate stands alone")),
        }
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.rest().get(..4).filter(|digits| {
            let mut bytes = digits.bytes();
            bytes.all(|byte| byte.is_ascii_hexdigit())
        });
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.wrong("\\u needs four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    fn digits(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let end = rest.find(|ch: char| !ch.is_ascii_digit());
        let digits = rest[..end.unwrap_or(rest.len())].to_string();
        self.at += digits.len();
        match digits.is_empty() {
            true => Err(self.wrong("a number has no digits")),
            false => Ok(digits),
        }
    }

    fn number(&mut self) -> Result<String, String> {
        let is_negative = self.take("-");
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(self.wrong("a number begins with a zero"));
        }
        let fraction = match self.take(".") {
            true => self.digits()?,
            false => String::new(),
        };
        let exponent = match self.take("e") || self.take("E") {
            true => {
                let is_below = self.take("-");
                if !is_below {
                    self.take("+");
                }
                let digits = self.digits()?.parse::<i64>().ok();
                let digits = digits.filter(|digits| *digits <= MAX_SHIFT);
                let digits = digits.ok_or_else(|| self.wrong("an exponent is out of range"))?;
                if is_below { -digits } else { digits }
            }
            false => 0,
        };
        Ok(decimal(is_negative, &whole, &fraction, exponent))
    }
}

/// A number without an exponent.
fn decimal(is_negative: bool, whole: &str, fraction: &str, exponent: i64) -> String {
    let mut digits = format!("{whole}{fraction}");
    let mut scale = fraction.len() as i64 - exponent;
    while scale < 0 {
        digits.push('0');
        scale += 1;
    }
    let scale = usize::try_from(scale).unwrap_or(0);
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    let sign = if is_negative && !is_zero { "-" } else { "" };
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// Appends a character of a string of JSON.
fn push_char(out: &mut String, ch: char) {
    match ch {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests;
