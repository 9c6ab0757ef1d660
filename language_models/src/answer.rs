//! Validation of answers.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::Value;

use crate::json_text::json_value;
use crate::literal_values::LiteralTexts;
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
            let texts = LiteralTexts::new(texts);
            let values = names.map(|name| values(name, fields.get(name), &texts, meter));
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

/// Whether a stored answer fits the task and the texts.
pub fn is_valid(answer: &TaskAnswer, task: &LanguageModelTask, texts: &[Option<&str>]) -> bool {
    match (task, answer) {
        (LanguageModelTask::Extract { attributes }, TaskAnswer::Values(values)) => {
            let is_literal = |value: &String| {
                let mut texts = texts.iter().flatten();
                !value.is_empty() && texts.any(|text| text.contains(value.as_str()))
            };
            values.len() == attributes.len() && values.iter().flatten().all(is_literal)
        }
        (LanguageModelTask::Classify { labels }, TaskAnswer::Label(label)) => *label < labels.len(),
        (LanguageModelTask::Filter { .. }, TaskAnswer::Condition(_))
        | (LanguageModelTask::Complete { schema: None }, TaskAnswer::Text(_)) => true,
        (
            LanguageModelTask::Complete {
                schema: Some(schema),
            },
            TaskAnswer::Text(text),
        ) => serde_json::from_str(text).is_ok_and(|value| schema.validate(&value).is_ok()),
        _ => false,
    }
}

/// The values of an attribute that are in the texts; others are counted.
fn values(
    name: &str,
    field: Option<&Value>,
    texts: &LiteralTexts<'_>,
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
    let given = given.iter().filter(|value| !value.trim().is_empty());
    for (at, value) in given.enumerate() {
        // A hostile list is long, and each search takes time.
        match (at < MAX_VALUES).then(|| texts.part(value)).flatten() {
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
    fn a_long_list_is_read_in_part() {
        let (meter, texts) = (CallMeter::default(), [Some("red 1")]);
        let mut list = vec!["blue"; 2 * MAX_VALUES];
        list[0] = "RED";
        list.push("1");
        let answer = serde_json::json!({ "color": list }).to_string();
        let answer = validated(&answer, &extract(&["color"]), &texts, &meter);
        let values = vec![vec!["red".to_string()]];
        assert_eq!(answer, Ok(TaskAnswer::Values(values)));
        assert_eq!(meter.read().dropped_values, 2 * MAX_VALUES as u64);
    }

    #[test]
    fn stored_answers_are_checked() {
        let texts = [Some("a red shirt")];
        let labels = vec!["a".to_string()];
        let schema = crate::json_schema::JsonSchema::parse(r#"{"type": "object"}"#).unwrap();
        let tasks = [
            extract(&["color"]),
            LanguageModelTask::Classify { labels },
            LanguageModelTask::Filter {
                condition: String::new(),
            },
            LanguageModelTask::Complete { schema: None },
            LanguageModelTask::Complete {
                schema: Some(schema),
            },
        ];
        let values = |values: &[&str]| {
            TaskAnswer::Values(vec![values.iter().map(|value| value.to_string()).collect()])
        };
        for (answer, valid_for) in [
            (values(&["red"]), vec![0]),
            (values(&[]), vec![0]),
            (values(&["red", "Red"]), vec![]),
            (values(&[""]), vec![]),
            (TaskAnswer::Values(Vec::new()), vec![]),
            (TaskAnswer::Label(0), vec![1]),
            (TaskAnswer::Label(1), vec![]),
            (TaskAnswer::Condition(true), vec![2]),
            (TaskAnswer::Text("[]".to_string()), vec![3]),
            (TaskAnswer::Text("{}".to_string()), vec![3, 4]),
        ] {
            let found: Vec<usize> = (0..tasks.len())
                .filter(|at| is_valid(&answer, &tasks[*at], &texts))
                .collect();
            assert_eq!(found, valid_for, "{answer:?}");
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
