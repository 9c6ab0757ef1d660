//! Fast mode and `EXTRACT ... USING` with a perfect teacher, against training on labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::super::{Done, program};
use crate::support::endpoint::Endpoint;
use crate::support::process;
use crate::support::skip::skip;

/// Labelled offers beside the repository, which is not part of it.
const DATA: &str = "../shared/data/attributes/wdc_pave.jsonl";

/// Need of these tests, in `tests/support/skip.rs`.
const NEED: &str = "wdc_pave.jsonl";

/// Attributes by their names in SQL and in the data.
const ATTRIBUTES: [(&str, &str); 6] = [
    ("product_type", "Product Type"),
    ("brand", "Brand"),
    ("manufacturer", "Manufacturer"),
    ("material", "Material"),
    ("capacity", "Capacity"),
    ("color", "Color(s)"),
];

/// Labelled rows of the comparison, and calls of the language model.
const CALLS: usize = 300;

/// Maximum loss of F1 against training on labels.
const MAX_LOSS: f64 = 0.05;

/// The offers with the attributes above; `None` where the data is absent.
fn labelled_offers() -> Option<Vec<Value>> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA);
    let Ok(text) = std::fs::read_to_string(path) else {
        skip(NEED);
        return None;
    };
    let offer = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let attributes: Map<String, Value> = ATTRIBUTES
            .iter()
            .map(|(name, label)| {
                let values = row["attributes"].get(label).cloned();
                (name.to_string(), values.unwrap_or_else(|| json!([])))
            })
            .collect();
        json!({
            "id": row["id"].to_string(),
            "product": row["product"],
            "title": row["title"],
            "text": row["text"],
            "attributes": attributes,
        })
    };
    Some(text.lines().map(offer).collect())
}

/// Splits rows into about [`CALLS`] to learn from and the others, by product.
fn split(rows: &[Value]) -> (Vec<&Value>, Vec<&Value>) {
    let mut products: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        // Products in an order that is not that of categories.
        let product = row["product"].as_u64().unwrap();
        let key = product.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        products.entry(key).or_default().push(row);
    }
    let (mut learn, mut test) = (Vec::new(), Vec::new());
    for offers in products.into_values() {
        let half = if learn.len() + offers.len() <= CALLS {
            &mut learn
        } else {
            &mut test
        };
        half.extend(offers);
    }
    (learn, test)
}

fn write(path: &Path, rows: &[&Value]) {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(path, lines).unwrap();
}

/// Precision and recall in one: an attribute of a row is right if its value is one of
/// the labels, case and outer white space aside. Absent values in both do not count.
fn f1(answers: &BTreeMap<String, Value>, rows: &[&Value]) -> f64 {
    let plain = |value: &Value| value.as_str().map(|text| text.trim().to_lowercase());
    let (mut right, mut predicted, mut labelled) = (0, 0, 0);
    for row in rows {
        let answer = &answers[row["id"].as_str().unwrap()];
        for (name, _) in ATTRIBUTES {
            let labels = row["attributes"][name].as_array().unwrap();
            let value = plain(&answer[name]);
            labelled += usize::from(!labels.is_empty());
            predicted += usize::from(value.is_some());
            right +=
                usize::from(value.is_some() && labels.iter().any(|label| plain(label) == value));
        }
    }
    2.0 * f64::from(right as u32) / f64::from((predicted + labelled).max(1) as u32)
}

/// Runs SQL; its last statement returns `id` and the struct `a`.
fn answers(folder: &Path, create: &str, sql: &str) -> (BTreeMap<String, Value>, Done) {
    let mut command = program(folder);
    command
        .env("NO_PROXY", "127.0.0.1")
        .args(["--format", "ndjson", "-c", create, "-c", sql]);
    let done: Done = process::output(&mut command).into();
    assert_eq!(done.code, Some(0), "{}", done.err);
    let rows = done.out.lines().filter_map(|line| {
        let row: Value = serde_json::from_str(line).ok()?;
        Some((row.get("id")?.as_str()?.to_string(), row.get("a")?.clone()))
    });
    (rows.collect(), done)
}

#[test]
fn a_student_of_a_perfect_teacher_is_as_good_as_one_of_labels() {
    let Some(rows) = labelled_offers() else {
        return;
    };
    let Some(endpoint) = Endpoint::start(&rows, &json!({}), &[]) else {
        return;
    };
    let (learn, test) = split(&rows);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("learn.jsonl"), &learn);
    write(&folder.join("all.jsonl"), &rows.iter().collect::<Vec<_>>());
    let names = ATTRIBUTES.map(|(name, _)| name);
    let create = endpoint.create_model("");
    let list = names.map(|name| format!("'{name}'")).join(", ");
    let extract = |model: &str| {
        format!(
            "SELECT id, ai_extract(title, text, [{list}], model => '{model}') AS a FROM 'all.jsonl'"
        )
    };

    let labels = names
        .map(|name| format!("attributes['{name}'] AS {name}"))
        .join(", ");
    let sql = format!(
        "CREATE MODEL labelled FROM (SELECT title, text, {labels} FROM 'learn.jsonl') EXTRACT {}; {}",
        names.join(", "),
        extract("labelled")
    );
    let (by_labels, _) = answers(folder, &create, &sql);
    assert_eq!((by_labels.len(), endpoint.count("calls")), (rows.len(), 0));
    let expected = f1(&by_labels, &test);

    let sql = format!(
        "SET ai.max_calls = {CALLS};
         CREATE MODEL distilled FROM (SELECT title, text FROM 'learn.jsonl') EXTRACT {} USING teacher; {}",
        names.join(", "),
        extract("distilled")
    );
    let (distilled, _) = answers(folder, &create, &sql);
    let calls = endpoint.count("calls");
    assert_eq!((distilled.len(), calls), (rows.len(), learn.len() as u64));
    let of_distilled = f1(&distilled, &test);

    let sql = format!(
        "SET ai.mode = 'fast'; SET ai.max_calls = {CALLS}; {}",
        extract("teacher")
    );
    let (fast, done) = answers(folder, &create, &sql);
    let calls = endpoint.count("calls") - calls;
    assert_eq!(fast.len(), rows.len());
    assert!((1..=CALLS as u64).contains(&calls), "{calls}");
    assert!(done.err.contains("Fast mode"), "{}", done.err);
    let of_fast = f1(&fast, &test);
    println!(
        "F1: labels {expected:.3}, distilled {of_distilled:.3}, fast mode {of_fast:.3} with {calls} calls"
    );

    assert_eq!(endpoint.count("unknown_rows"), 0);
    assert!(expected > 0.4, "{expected}");
    for found in [of_distilled, of_fast] {
        assert!(found >= expected - MAX_LOSS, "{found} {expected}");
    }
    // Every value is a part of the texts.
    for row in &rows {
        let texts = format!(
            "{} {}",
            row["title"].as_str().unwrap(),
            row["text"].as_str().unwrap()
        );
        let answer = &fast[row["id"].as_str().unwrap()];
        for value in names.iter().filter_map(|name| answer[name].as_str()) {
            assert!(texts.contains(value), "{value} {row}");
        }
    }
}
