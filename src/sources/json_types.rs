//! Types of JSON values, from their text.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Fields};

use super::number_range::NumberRange;

/// Maximum depth of nested values.
const MAX_DEPTH: usize = 128;

/// Kinds of the values of a column, a member or an element.
#[derive(Debug, Default)]
pub struct JsonEvidence {
    boolean: bool,
    text: bool,
    numbers: NumberRange,
    elements: Option<Box<JsonEvidence>>,
    members: Option<JsonMembers>,
}

/// Members of objects, in order of first occurrence.
#[derive(Debug, Default)]
pub struct JsonMembers {
    positions: HashMap<String, usize>,
    members: Vec<(String, JsonEvidence)>,
}

impl JsonMembers {
    /// Adds the members of an object. `text` is valid JSON.
    ///
    /// # Errors
    /// Values that are nested too deeply. The message continues a sentence about the
    /// object.
    pub fn add_object(&mut self, text: &str) -> Result<(), String> {
        let mut cursor = JsonText {
            text,
            at: 0,
            depth: 0,
            too_deep: false,
        };
        cursor.object(self);
        if cursor.too_deep {
            return Err(format!("is nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Fields for the members, all of them nullable.
    ///
    /// # Errors
    /// A member that no type holds. The message continues a sentence about the file.
    pub fn fields(&self) -> Result<Fields, String> {
        self.fields_below("")
    }

    fn fields_below(&self, path: &str) -> Result<Fields, String> {
        let field = |(name, evidence): &(String, JsonEvidence)| {
            let data_type = evidence.data_type(&format!("{path}{name}"))?;
            Ok(Field::new(name, data_type, true))
        };
        self.members.iter().map(field).collect()
    }

    fn member(&mut self, name: String) -> &mut JsonEvidence {
        let position = *self.positions.entry(name).or_insert_with_key(|name| {
            self.members.push((name.clone(), JsonEvidence::default()));
            self.members.len() - 1
        });
        &mut self.members[position].1
    }
}

impl JsonEvidence {
    /// Narrowest type that holds every value. Text, where numbers, texts and Boolean
    /// values are mixed, or where all values are null.
    fn data_type(&self, path: &str) -> Result<DataType, String> {
        let numbers = !self.numbers.is_empty();
        let kinds = [
            ("arrays", self.elements.is_some()),
            ("objects", self.members.is_some()),
            ("texts", self.text),
            ("numbers", numbers),
            ("Boolean values", self.boolean),
        ];
        let found: Vec<&str> = kinds
            .iter()
            .filter_map(|(kind, found)| found.then_some(*kind))
            .collect();
        match (&self.elements, &self.members, found.as_slice()) {
            (Some(elements), None, [_]) => {
                let item = elements.data_type(&format!("{path}[]"))?;
                Ok(DataType::new_list(item, true))
            }
            (None, Some(members), [_]) => {
                Ok(DataType::Struct(members.fields_below(&format!("{path}."))?))
            }
            (None, None, ["numbers"]) => Ok(self.numbers.data_type()),
            (None, None, ["Boolean values"]) => Ok(DataType::Boolean),
            (None, None, _) => Ok(DataType::Utf8),
            _ => Err(format!(
                "has both {} in '{path}', which no column holds",
                found.join(" and ")
            )),
        }
    }
}

/// Cursor within valid JSON.
struct JsonText<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    too_deep: bool,
}

impl JsonText<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_while(&mut self, skipped: impl Fn(u8) -> bool) -> &str {
        let start = self.at;
        while self.byte().is_some_and(&skipped) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Skips white space and the signs between values.
    fn skip_to_value(&mut self) {
        self.skip_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b':'));
    }

    fn value(&mut self, evidence: &mut JsonEvidence) {
        self.skip_to_value();
        if self.depth == MAX_DEPTH {
            self.too_deep = true;
            self.at = self.text.len();
            return;
        }
        self.depth += 1;
        self.read_value(evidence);
        self.depth -= 1;
    }

    fn read_value(&mut self, evidence: &mut JsonEvidence) {
        match self.byte() {
            Some(b'{') => self.object(evidence.members.get_or_insert_default()),
            Some(b'[') => {
                self.at += 1;
                let elements = evidence.elements.get_or_insert_default();
                while self.is_before_value(b']') {
                    self.value(elements);
                }
            }
            Some(b'"') => {
                self.string();
                evidence.text = true;
            }
            _ => match self.skip_while(|byte| !is_end(byte)) {
                "true" | "false" => evidence.boolean = true,
                "null" => {}
                number => evidence.numbers.add(number),
            },
        }
    }

    fn object(&mut self, members: &mut JsonMembers) {
        self.skip_to_value();
        self.at += 1;
        while self.is_before_value(b'}') {
            let name = self.string();
            // The name is valid JSON.
            let name = serde_json::from_str(name).unwrap_or_default();
            self.value(members.member(name));
        }
    }

    /// Whether another value follows before `end`, which is read otherwise.
    fn is_before_value(&mut self, end: u8) -> bool {
        self.skip_to_value();
        match self.byte() {
            None => false,
            Some(byte) if byte == end => {
                self.at += 1;
                false
            }
            Some(_) => true,
        }
    }

    /// Reads a string with its quotes.
    fn string(&mut self) -> &str {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }
}

fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(objects: &[&str]) -> Result<Vec<String>, String> {
        let mut members = JsonMembers::default();
        for object in objects {
            members.add_object(object)?;
        }
        let fields = members.fields()?;
        let shown =
            |field: &std::sync::Arc<Field>| format!("{} {}", field.name(), field.data_type());
        Ok(fields.iter().map(shown).collect())
    }

    #[test]
    fn values_of_any_depth_have_types() {
        let found = fields(&[
            r#" {"b": [1, -2.5e3] , "a":{"x":"}","y":[{"z":true}]}, "n":null}"#,
            r#"{"a":{"y":[],"\u00e4\"":7},"b":[],"c":18446744073709551615,"e":{}}"#,
        ]);
        let expected = [
            "b List(Float64)",
            "a Struct(\"x\": Utf8, \"y\": List(Struct(\"z\": Boolean)), \"\u{e4}\\\"\": Int64)",
            "n Utf8",
            "c UInt64",
            "e Struct()",
        ];
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| {
            let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            fields(&[&text])
        };
        assert!(nested(MAX_DEPTH - 1).is_ok());
        assert!(nested(100_000).unwrap_err().contains("nested"));
    }

    #[test]
    fn mixed_values_are_text_or_an_error() {
        assert_eq!(fields(&[r#"{"a":1}"#, r#"{"a":"x"}"#]).unwrap(), ["a Utf8"]);
        assert_eq!(fields(&[r#"{"a":[1,true]}"#]).unwrap(), ["a List(Utf8)"]);
        let error = fields(&[r#"{"o":{"a":1}}"#, r#"{"o":{"a":[1]}}"#]).unwrap_err();
        assert!(error.contains("arrays and numbers in 'o.a'"), "{error}");
    }
}
