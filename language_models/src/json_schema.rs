//! Schema of an answer: a subset of JSON Schema.

use std::hash::{Hash, Hasher};

use semql_inference::{Error, Result};
use serde_json::Value;

/// Nesting of schemas.
const MAX_DEPTH: usize = 16;

/// Keywords that are checked or describe.
const KEYWORDS: &[&str] = &[
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "description",
    "title",
];

const TYPES: &[&str] = &[
    "object", "array", "string", "number", "integer", "boolean", "null",
];

/// A schema whose keywords are all checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonSchema(Value);

impl Hash for JsonSchema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_string().hash(state);
    }
}

impl JsonSchema {
    /// The schema in a text.
    ///
    /// # Errors
    /// [`Error::Invalid`] for text that is not JSON, and for keywords outside the subset.
    pub fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| Error::Invalid(format!("the schema is not JSON: {e}")))?;
        check(&value, "", 0).map_err(|why| Error::Invalid(format!("the schema {why}")))?;
        Ok(Self(value))
    }

    /// The schema as JSON.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What does not fit, with its JSON pointer.
    pub fn validate(&self, value: &Value) -> std::result::Result<(), String> {
        validate(&self.0, value, "")
    }
}

fn check(schema: &Value, at: &str, depth: usize) -> std::result::Result<(), String> {
    let Value::Object(keywords) = schema else {
        return Err(format!("is not an object at '{at}'"));
    };
    if depth > MAX_DEPTH {
        return Err(format!("is nested more than {MAX_DEPTH} times"));
    }
    for (keyword, value) in keywords {
        if !KEYWORDS.contains(&keyword.as_str()) {
            return Err(format!(
                "has the keyword '{keyword}' at '{at}'; the keywords are {}",
                KEYWORDS.join(", ")
            ));
        }
        let is_valid = match keyword.as_str() {
            "type" => types(value).is_some_and(|types| {
                !types.is_empty() && types.iter().all(|one| TYPES.contains(one))
            }),
            "required" => value
                .as_array()
                .is_some_and(|names| names.iter().all(Value::is_string)),
            "properties" => value.is_object(),
            "items" => value.is_object(),
            "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
            "additionalProperties" => value.is_boolean(),
            "minimum" | "maximum" => value.is_number(),
            "minLength" | "maxLength" | "minItems" | "maxItems" => value.is_u64(),
            "description" | "title" => value.is_string(),
            _ => true,
        };
        if !is_valid {
            return Err(format!("has an invalid '{keyword}' at '{at}'"));
        }
    }
    if let Some(Value::Object(properties)) = keywords.get("properties") {
        for (name, property) in properties {
            check(property, &format!("{at}/properties/{name}"), depth + 1)?;
        }
    }
    match keywords.get("items") {
        Some(items) => check(items, &format!("{at}/items"), depth + 1),
        None => Ok(()),
    }
}

fn types(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}

fn validate(schema: &Value, value: &Value, at: &str) -> std::result::Result<(), String> {
    let fail = |why: String| Err(format!("'{at}' {why}"));
    if let Some(types) = schema.get("type").and_then(types)
        && !types.iter().any(|name| has_type(value, name))
    {
        return fail(format!("is not of type {}", types.join(" or ")));
    }
    if let Some(Value::Array(values)) = schema.get("enum")
        && !values.contains(value)
    {
        return fail("is none of the values of enum".to_string());
    }
    if schema
        .get("const")
        .is_some_and(|constant| constant != value)
    {
        return fail("is not the value of const".to_string());
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let measures = [
        (value.as_f64(), "minimum", "maximum"),
        (
            value.as_str().map(|text| text.chars().count() as f64),
            "minLength",
            "maxLength",
        ),
        (
            value.as_array().map(|items| items.len() as f64),
            "minItems",
            "maxItems",
        ),
    ];
    for (measure, min, max) in measures {
        let Some(measure) = measure else {
            continue;
        };
        for (name, is_outside) in [
            (min, bound(min).is_some_and(|bound| measure < bound)),
            (max, bound(max).is_some_and(|bound| measure > bound)),
        ] {
            if is_outside {
                return fail(format!("does not satisfy {name}"));
            }
        }
    }
    match value {
        Value::Object(fields) => validate_fields(schema, fields, at),
        Value::Array(items) => match schema.get("items") {
            Some(schema) => items.iter().enumerate().try_for_each(|(position, item)| {
                validate(schema, item, &format!("{at}/{position}"))
            }),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn validate_fields(
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
) -> std::result::Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return Err(format!("'{at}' has no field '{name}'"));
        }
    }
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in fields {
        match schema
            .get("properties")
            .and_then(|properties| properties.get(name))
        {
            Some(schema) => validate(schema, value, &format!("{at}/{name}"))?,
            None if is_closed => return Err(format!("'{at}' has the unknown field '{name}'")),
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_checked_by_the_schema() {
        let schema = JsonSchema::parse(
            r#"{"type": "object", "required": ["a"], "additionalProperties": false, "properties": {
                "a": {"type": ["string", "null"], "maxLength": 3},
                "b": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 2},
                "c": {"enum": ["x", 1]}}}"#,
        )
        .unwrap();
        for valid in [
            json!({"a": "äöü", "b": [1, 2.0], "c": 1}),
            json!({"a": null}),
        ] {
            schema.validate(&valid).unwrap();
        }
        for (invalid, expected) in [
            (json!([]), "'' is not of type object"),
            (json!({}), "no field 'a'"),
            (json!({"a": 1}), "'/a' is not of type string or null"),
            (json!({"a": "long"}), "'/a' does not satisfy maxLength"),
            (
                json!({"a": "", "b": [1, 0]}),
                "'/b/1' does not satisfy minimum",
            ),
            (
                json!({"a": "", "b": [1, 1.5]}),
                "'/b/1' is not of type integer",
            ),
            (json!({"a": "", "b": [1, 1, 1]}), "maxItems"),
            (json!({"a": "", "c": "y"}), "enum"),
            (json!({"a": "", "d": 1}), "unknown field 'd'"),
        ] {
            let message = schema.validate(&invalid).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn other_schemas_are_refused() {
        for (text, expected) in [
            ("no", "not JSON"),
            ("[]", "not an object"),
            (r#"{"$ref": "http://example.com"}"#, "'$ref'"),
            (r#"{"type": "text"}"#, "invalid 'type'"),
            (
                r#"{"properties": {"a": {"pattern": "x"}}}"#,
                "/properties/a",
            ),
            (r#"{"items": 3}"#, "invalid 'items'"),
        ] {
            let message = JsonSchema::parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(40), "}".repeat(40));
        assert!(JsonSchema::parse(&deep).is_err());
    }
}
