//! Array literals of Postgres: `{1,NULL,"a, b",{2}}`.

/// Maximum number of dimensions.
const MAX_DIMENSIONS: usize = 6;

/// Array that a text states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrayText {
    List(Vec<ArrayText>),
    Element(String),
    Null,
}

impl ArrayText {
    /// Dimensions of the array; 1 for an empty one, 0 for an element.
    pub fn dimensions(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.first().map_or(0, Self::dimensions),
            Self::Element(_) | Self::Null => 0,
        }
    }

    /// Elements in order, without their dimensions.
    pub fn elements(&self) -> Vec<Option<&str>> {
        match self {
            Self::List(items) => items.iter().flat_map(Self::elements).collect(),
            Self::Element(text) => vec![Some(text)],
            Self::Null => vec![None],
        }
    }
}

/// Reads an array literal. Blanks around elements are no part of them, unless quoted.
///
/// # Errors
/// A malformed literal; arrays of different dimensions side by side.
pub fn parse(text: &str) -> Result<ArrayText, String> {
    let mut reader = LiteralReader {
        text,
        rest: text.trim(),
    };
    let bounds = reader.bounds()?;
    let array = reader.list(1)?;
    if !reader.rest.trim().is_empty() {
        return Err(reader.malformed("text follows the closing brace"));
    }
    check_dimensions(&array).map_err(|why| reader.malformed(why))?;
    check_bounds(&array, &bounds).map_err(|why| reader.malformed(why))?;
    Ok(array)
}

struct LiteralReader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl LiteralReader<'_> {
    fn malformed(&self, why: &str) -> String {
        format!(
            "malformed array literal '{}': {why}; an array is written as {{a,\"b c\",NULL}}",
            self.text
        )
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, ch: char) -> bool {
        match self.rest.strip_prefix(ch) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The lengths in `[1:2][1:3]=`, which may precede an array. Arrays of the engine start
    /// at 1.
    fn bounds(&mut self) -> Result<Vec<usize>, String> {
        let mut lengths = Vec::new();
        while self.take('[') {
            let range = self.rest.split_once(']');
            let (range, rest) = range.ok_or_else(|| self.malformed("a bracket is not closed"))?;
            let (from, to) = range.split_once(':').unwrap_or(("1", range));
            let number = |text: &str| text.trim().parse::<i64>().ok();
            match (number(from), number(to).map(usize::try_from)) {
                (Some(1), Some(Ok(length))) => lengths.push(length),
                (Some(from), Some(_)) if from != 1 => {
                    return Err(
                        self.malformed("arrays with another lower bound than 1 are not supported")
                    );
                }
                _ => return Err(self.malformed("its bounds are not of the form [1:2]")),
            }
            self.rest = rest.trim_start();
        }
        if !lengths.is_empty() && !self.take('=') {
            return Err(self.malformed("an equals sign is missing behind its bounds"));
        }
        Ok(lengths)
    }

    fn list(&mut self, depth: usize) -> Result<ArrayText, String> {
        if depth > MAX_DIMENSIONS {
            return Err(self.malformed("it has more than 6 dimensions"));
        }
        self.skip_blanks();
        if !self.take('{') {
            return Err(self.malformed("it does not start with a brace"));
        }
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take('}') {
            return Ok(ArrayText::List(items));
        }
        loop {
            self.skip_blanks();
            items.push(match self.rest.chars().next() {
                Some('{') => self.list(depth + 1)?,
                Some('"') => self.quoted()?,
                _ => self.bare()?,
            });
            self.skip_blanks();
            if self.take('}') {
                return Ok(ArrayText::List(items));
            }
            if !self.take(',') {
                return Err(self.malformed("a comma or a closing brace is missing"));
            }
        }
    }

    fn quoted(&mut self) -> Result<ArrayText, String> {
        let mut element = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, ch)) = chars.next() {
            match ch {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(ArrayText::Element(element));
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => element.push(escaped),
                    None => break,
                },
                other => element.push(other),
            }
        }
        Err(self.malformed("a quote is not closed"))
    }

    fn bare(&mut self) -> Result<ArrayText, String> {
        let mut element = String::new();
        // Length without the blanks at the end, which are no part of the element.
        let mut length = 0;
        let mut is_escaped = false;
        let mut chars = self.rest.char_indices();
        let end = loop {
            match chars.next() {
                Some((at, ',' | '}')) => break at,
                Some((_, '{' | '"')) => {
                    return Err(self.malformed("a brace or a quote is inside an element"));
                }
                Some((_, '\\')) => match chars.next() {
                    Some((_, ch)) => {
                        is_escaped = true;
                        element.push(ch);
                        length = element.len();
                    }
                    None => return Err(self.malformed("it ends in a backslash")),
                },
                Some((_, ch)) => {
                    element.push(ch);
                    if !ch.is_whitespace() {
                        length = element.len();
                    }
                }
                None => return Err(self.malformed("the closing brace is missing")),
            }
        };
        element.truncate(length);
        self.rest = &self.rest[end..];
        match element.as_str() {
            "" => Err(self.malformed("an element is empty")),
            word if !is_escaped && word.eq_ignore_ascii_case("null") => Ok(ArrayText::Null),
            _ => Ok(ArrayText::Element(element)),
        }
    }
}

fn check_dimensions(array: &ArrayText) -> Result<(), &'static str> {
    let ArrayText::List(items) = array else {
        return Ok(());
    };
    let shape = |item: &ArrayText| match item {
        ArrayText::List(items) => Some(items.len()),
        ArrayText::Element(_) | ArrayText::Null => None,
    };
    if items
        .windows(2)
        .any(|pair| shape(&pair[0]) != shape(&pair[1]))
    {
        return Err("its rows have different lengths");
    }
    items.iter().try_for_each(check_dimensions)
}

/// Checks the lengths that precede an array against those of its dimensions.
fn check_bounds(mut array: &ArrayText, bounds: &[usize]) -> Result<(), &'static str> {
    if !bounds.is_empty() && bounds.len() != array.dimensions() {
        return Err("its bounds have another number of dimensions");
    }
    for length in bounds {
        let ArrayText::List(items) = array else {
            break;
        };
        if items.len() != *length {
            return Err("its bounds are not its lengths");
        }
        let Some(first) = items.first() else { break };
        array = first;
    }
    Ok(())
}

/// Appends an element, quoted if it must be.
pub fn push_element(out: &mut String, element: &str) {
    let is_special = |ch: char| ch.is_whitespace() || matches!(ch, '{' | '}' | ',' | '"' | '\\');
    let is_bare = !element.is_empty()
        && !element.eq_ignore_ascii_case("null")
        && !element.contains(is_special);
    if is_bare {
        out.push_str(element);
        return;
    }
    out.push('"');
    for ch in element.chars() {
        if matches!(ch, '"' | '\\') {
            out.push('\\');
        }
        out.push(ch);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> String {
        match parse(text) {
            Ok(array) => format!("{} {:?}", array.dimensions(), array.elements()),
            Err(error) => error,
        }
    }

    #[test]
    fn literals_are_read_as_in_postgres() {
        for (text, expected) in [
            ("{}", "1 []"),
            (" { } ", "1 []"),
            ("{1,2}", "1 [Some(\"1\"), Some(\"2\")]"),
            ("{ p ,  f,r }", "1 [Some(\"p\"), Some(\"f\"), Some(\"r\")]"),
            ("{a b,\" c \"}", "1 [Some(\"a b\"), Some(\" c \")]"),
            ("{NULL,null,\"NULL\"}", "1 [None, None, Some(\"NULL\")]"),
            (
                r#"{"a\"b","c\\d",e\,f,""}"#,
                r#"1 [Some("a\"b"), Some("c\\d"), Some("e,f"), Some("")]"#,
            ),
            (
                "{{1,2},{3,4}}",
                "2 [Some(\"1\"), Some(\"2\"), Some(\"3\"), Some(\"4\")]",
            ),
            ("{é,\"ü ö\"}", "1 [Some(\"é\"), Some(\"ü ö\")]"),
            ("[1:2]={1,2}", "1 [Some(\"1\"), Some(\"2\")]"),
            (" [1:1][1:2] = {{1,2}}", "2 [Some(\"1\"), Some(\"2\")]"),
        ] {
            assert_eq!(elements(text), expected, "{text}");
        }
    }

    #[test]
    fn malformed_literals_are_errors() {
        for text in [
            "",
            "1,2",
            "{",
            "{1",
            "{1,}",
            "{,1}",
            "{1}}",
            "{1} x",
            "{\"a}",
            "{a\"b}",
            "{a\\",
            "{{1},{2,3}}",
            "{{1},2}",
            "{1,{2}}",
            "{{{{{{{1}}}}}}}",
            "[0:1]={1,2}",
            "[1:3]={1,2}",
            "[1:2][1:1]={1,2}",
            "[1:2]{1,2}",
            "[1:={1,2}",
            "[é:1]={1}",
            "[1:99999999999999999999]={1}",
        ] {
            assert!(
                elements(text).starts_with("malformed array literal"),
                "{text}"
            );
        }
    }

    #[test]
    fn elements_are_quoted_where_they_must_be() {
        for element in ["a", "", "a b", "NULL", "a,b", "{", "a\"b", "a\\b", "é"] {
            let mut text = "{".to_string();
            push_element(&mut text, element);
            text.push('}');
            let array = parse(&text).unwrap();
            assert_eq!(array.elements(), [Some(element)], "{text}");
        }
    }
}
