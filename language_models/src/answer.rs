//! Validation of answers.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::Value;

use crate::json_text::json_value;
use crate::literal_values::literal_part;
use crate::meter::CallMeter;
use crate::task::{LanguageModelTask, TaskAnswer};

/// Most values of an attribute that are read.
const MAX_VALUES: usize = 100;

/// The answer in the text of a server.
///
/// # Errors
/// What is wrong with it, for another request.
pub fn validated(
    text: &str,
    task: &LanguageModelTask,
    texts: &[Option<&str>],
    meter: &CallMeter,
) -> Result<TaskAnswer, String> {
    if let LanguageModelTask::Complete { schema: None } = task {
        return Ok(TaskAnswer::Text(text.trim().to_string()));
    }
    let value = json_value(text).ok_or("the answer is not a JSON object")?;
    match task {
        LanguageModelTask::Complete { schema } => {
            if let Some(schema) = schema {
                schema.validate(&value)?;
            }
            Ok(TaskAnswer::Text(value.to_string()))
        }
        LanguageModelTask::Extract { attributes } => {
            let Value::Object(fields) = &value else {
                return Err("the answer is not a JSON object".to_string());
            };
            let names = attributes.iter().map(|attribute| attribute.name.as_str());
            if !names.clone().any(|name| fields.contains_key(name)) {
                return Err("the answer has none of the attributes".to_string());
            }
            let values = names.map(|name| values(name, fields.get(name), texts, meter));
            Ok(TaskAnswer::Values(values.collect::<Result<_, _>>()?))
        }
        LanguageModelTask::Classify { labels } => {
            let label = value.get("label").and_then(Value::as_str);
            let label = label.ok_or("the answer has no text in the field label")?;
            let exact = labels.iter().position(|one| one == label);
            let folded = |text: &str| {
                let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
                words.join(" ")
            };
            let near = || labels.iter().position(|one| folded(one) == folded(label));
            let position = exact.or_else(near);
            position
                .map(TaskAnswer::Label)
                .ok_or("the label of the answer is not in the list".to_string())
        }
        LanguageModelTask::Filter { .. } => {
            let answer = value.get("answer").and_then(Value::as_bool);
            let answer = answer.map(TaskAnswer::Condition);
            answer.ok_or("the field answer is neither true nor false".to_string())
        }
    }
}

/// The values of an attribute that are in the texts; others are counted.
fn values(
    name: &str,
    field: Option<&Value>,
    texts: &[Option<&str>],
    meter: &CallMeter,
) -> Result<Vec<String>, String> {
    let given: Vec<&str> = match field {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(value)) => vec![value],
        Some(Value::Array(items)) => {
            let items = items.iter().filter(|item| !item.is_null());
            let items: Option<Vec<&str>> = items.map(Value::as_str).collect();
            items.ok_or_else(|| format!("the list of {name} has a value that is not a text"))?
        }
        Some(_) => return Err(format!("the field {name} is not a list of texts")),
    };
    let mut values: Vec<String> = Vec::new();
    for value in given.iter().filter(|value| !value.trim().is_empty()) {
        match literal_part(value, texts).filter(|_| values.len() < MAX_VALUES) {
            Some(part) if values.contains(&part) => {}
            Some(part) => values.push(part),
            None => {
                meter.dropped_values.fetch_add(1, Relaxed);
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::AttributeRequest;

    fn extract(names: &[&str]) -> LanguageModelTask {
        let attribute = |name: &&str| AttributeRequest {
            name: name.to_string(),
            description: None,
        };
        LanguageModelTask::Extract {
            attributes: names.iter().map(attribute).collect(),
        }
    }

    #[test]
    fn values_that_are_in_no_text_are_dropped() {
        let (meter, texts) = (CallMeter::default(), [Some("Red shirt by Acme"), None]);
        let task = extract(&["brand", "color", "size"]);
        let answer = validated(
            r#"{"brand": "ACME", "color": ["red", "Red", "blue", null], "other": 3}"#,
            &task,
            &texts,
            &meter,
        );
        let values = vec![
            vec!["Acme".to_string()],
            vec!["Red".to_string()],
            Vec::new(),
        ];
        assert_eq!(answer, Ok(TaskAnswer::Values(values)));
        assert_eq!(meter.read().dropped_values, 1);
        for invalid in ["red", "[]", "{}", r#"{"color": 3}"#, r#"{"color": [3]}"#] {
            assert!(
                validated(invalid, &task, &texts, &meter).is_err(),
                "{invalid}"
            );
        }
    }

    #[test]
    fn labels_and_conditions_are_checked() {
        let (meter, texts) = (CallMeter::default(), [Some("x")]);
        let labels = ["Home and Kitchen".to_string(), "Books".to_string()].to_vec();
        let classify = LanguageModelTask::Classify { labels };
        let label = |text| validated(text, &classify, &texts, &meter);
        assert_eq!(label(r#"{"label": "books "}"#), Ok(TaskAnswer::Label(1)));
        assert!(label(r#"{"label": "Toys"}"#).is_err());
        let filter = LanguageModelTask::Filter {
            condition: "it is red".to_string(),
        };
        let condition = |text| validated(text, &filter, &texts, &meter);
        assert_eq!(
            condition("```\n{\"answer\": false}```"),
            Ok(TaskAnswer::Condition(false))
        );
        assert!(condition(r#"{"answer": "yes"}"#).is_err());
    }
}
