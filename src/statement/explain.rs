//! Rows of `EXPLAIN`: an estimate of inference, then the lines of the plans.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use semql_udfs::plan::{InferenceCost, InferenceEstimate, LanguageModelEstimate};

use crate::error::Result;

/// Rows of `EXPLAIN`. Columns: `plan_type`, on the first line of each plan, and
/// `plan`. The first row is the sum of the estimates, if there are any.
///
/// # Errors
/// Values without a text form.
pub fn rows(
    mut estimates: Vec<InferenceEstimate>,
    models: &[LanguageModelEstimate],
    plans: &[RecordBatch],
) -> Result<RecordBatch> {
    let (mut types, mut lines) = (Vec::new(), Vec::new());
    for model in models {
        types.push("estimate".to_string());
        lines.push(format!("texts leave this process: {model}"));
    }
    // Operators whose calls need no encoder.
    estimates.retain(|estimate| !estimate.devices.is_empty());
    if let Some(estimate) = estimates.into_iter().reduce(sum) {
        types.push("estimate".to_string());
        lines.push(describe(&estimate));
    }
    for batch in plans {
        for row in 0..batch.num_rows() {
            let mut plan_type = array_value_to_string(batch.column(0), row)?;
            let plan = array_value_to_string(batch.column(1), row)?;
            for line in plan.trim_end().lines() {
                types.push(std::mem::take(&mut plan_type));
                lines.push(line.to_string());
            }
        }
    }
    let text = |name| Field::new(name, DataType::Utf8, false);
    let schema = Arc::new(Schema::new(vec![text("plan_type"), text("plan")]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(types)),
        Arc::new(StringArray::from(lines)),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// The estimate of two operators; a number is unknown if one of them is.
fn sum(mut a: InferenceEstimate, b: InferenceEstimate) -> InferenceEstimate {
    a.devices.extend(b.devices);
    a.precisions.extend(b.precisions);
    InferenceEstimate {
        rows: a.rows.zip(b.rows).map(|(a, b)| a + b),
        texts: a.texts.zip(b.texts).map(|(a, b)| a + b),
        is_sampled: a.is_sampled || b.is_sampled,
        cost: a.cost.zip(b.cost).map(|(a, b)| InferenceCost {
            tokens: a.tokens + b.tokens,
            time: a.time + b.time,
        }),
        ..a
    }
}

/// `at most 100 texts, about 700 tokens, about 0.2 s, device auto, precision fp32`.
fn describe(estimate: &InferenceEstimate) -> String {
    let noun = match estimate.texts {
        Some(1) => "text",
        _ => "texts",
    };
    let texts = match estimate.texts {
        Some(texts) if estimate.is_sampled => format!("about {texts} {noun}"),
        Some(texts) => format!("at most {texts} {noun}"),
        None => "an unknown number of texts".to_string(),
    };
    let cost = match estimate.cost {
        Some(InferenceCost { tokens, time }) => {
            let seconds = time.as_secs_f64();
            format!(", about {tokens} tokens, about {seconds:.1} s")
        }
        None if estimate.texts.is_some() => {
            ", tokens and seconds unknown before the first run".to_string()
        }
        None => String::new(),
    };
    let devices = joined(&estimate.devices);
    let precisions = joined(&estimate.precisions);
    format!("{texts}{cost}, device {devices}, precision {precisions}")
}

fn joined(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_string()).collect()
    }

    fn estimate(texts: Option<usize>, cost: Option<(u64, f64)>) -> InferenceEstimate {
        InferenceEstimate {
            rows: texts,
            texts,
            is_sampled: false,
            cost: cost.map(|(tokens, seconds)| InferenceCost {
                tokens,
                time: Duration::from_secs_f64(seconds),
            }),
            devices: names(&["auto"]),
            precisions: names(&["fp32"]),
        }
    }

    fn described(estimates: &[InferenceEstimate]) -> String {
        describe(&estimates.iter().cloned().reduce(sum).unwrap())
    }

    #[test]
    fn each_line_of_a_plan_is_a_row() {
        let columns: [(&str, ArrayRef); 2] = [
            (
                "plan_type",
                Arc::new(StringArray::from(vec!["logical_plan", "physical_plan"])),
            ),
            ("plan", Arc::new(StringArray::from(vec!["A\n  B\n", "C"]))),
        ];
        let plans = RecordBatch::try_from_iter(columns).unwrap();
        let rows = rows(Vec::new(), &[], &[plans]).unwrap();
        let cell = |column, row| array_value_to_string(rows.column(column), row).unwrap();
        let found: Vec<_> = (0..rows.num_rows())
            .map(|row| (cell(0, row), cell(1, row)))
            .collect();
        let expected = [("logical_plan", "A"), ("", "  B"), ("physical_plan", "C")];
        assert_eq!(
            found,
            expected.map(|(kind, plan)| (kind.to_string(), plan.to_string()))
        );
    }

    #[test]
    fn the_estimate_sums_all_operators() {
        let known = estimate(Some(100), Some((700, 0.2)));
        let mut other = estimate(Some(10), Some((80, 1.5)));
        other.precisions = names(&["int8"]);
        assert_eq!(
            described(&[known.clone(), other.clone()]),
            "at most 110 texts, about 780 tokens, about 1.7 s, device auto, precision fp32 and int8"
        );
        assert_eq!(
            described(&[known.clone(), estimate(Some(1), None)]),
            "at most 101 texts, tokens and seconds unknown before the first run, device auto, precision fp32"
        );
        assert_eq!(
            described(&[known, estimate(None, None)]),
            "an unknown number of texts, device auto, precision fp32"
        );
        other.is_sampled = true;
        assert!(described(&[other]).starts_with("about 10 texts,"));
    }
}
