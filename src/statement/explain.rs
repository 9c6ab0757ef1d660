//! `EXPLAIN`: an estimate of inference, then a row for each line of the plans.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use datafusion::sql::parser::ExplainStatement;
use futures::TryStreamExt;
use semql_udfs::AiOptions;

use super::context::StatementContext;
use super::outcome::Outcome;
use super::parsed::{Statement, StatementCommand};
use super::{query, required_models};
use crate::error::Result;
use crate::session::Session;

/// `plan_type` of the plan that runs.
const PHYSICAL_PLAN: &str = "physical_plan";

/// Operator of inference in a plan.
const INFER_OPERATOR: &str = "InferExec: ";

/// Runs `EXPLAIN`. Columns: `plan_type`, on the first line of each plan, and
/// `plan`. The first row is the estimate, if the statement runs a model.
///
/// # Errors
/// Those of the explained statement; with `ANALYZE`, of its run too.
pub async fn run(context: &StatementContext, statement: &Statement) -> Result<Outcome> {
    let outcome = query::run(context, statement).await?;
    by_line(&context.session, statement, outcome).await
}

/// Splits the plans of `EXPLAIN` into lines; returns other outcomes unchanged.
///
/// # Errors
/// Those of the run.
pub async fn by_line(
    session: &Session,
    statement: &Statement,
    outcome: Outcome,
) -> Result<Outcome> {
    match (&statement.command, outcome) {
        (StatementCommand::Explain(explain), Outcome::Rows { schema, stream })
            if schema.fields().len() == 2 =>
        {
            let plans = plans(&stream.try_collect::<Vec<_>>().await?)?;
            let estimate = match InferenceEstimate::of(&plans) {
                Some(estimate) => Some(format!(
                    "{estimate}, {}",
                    models_of(session, explain).await?
                )),
                None => None,
            };
            Ok(Outcome::of_batch(lines(estimate, &plans)?))
        }
        (_, other) => Ok(other),
    }
}

/// Device and precision of the models that a statement runs.
async fn models_of(session: &Session, explain: &ExplainStatement) -> Result<String> {
    let device = AiOptions::from_session(&session.ctx)
        .map(|options| options.settings.device.to_string())
        .unwrap_or_default();
    let facts = required_models::resolve(session, &explain.statement).await?;
    let mut precisions: Vec<String> = facts.into_iter().map(|facts| facts.precision).collect();
    precisions.sort();
    precisions.dedup();
    Ok(format!(
        "device {device}, precision {}",
        precisions.join(" and ")
    ))
}

/// A plan and its `plan_type`.
struct ExplainedPlan {
    plan_type: String,
    plan: String,
}

fn plans(batches: &[RecordBatch]) -> Result<Vec<ExplainedPlan>> {
    let mut plans = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            plans.push(ExplainedPlan {
                plan_type: array_value_to_string(batch.column(0), row)?,
                plan: array_value_to_string(batch.column(1), row)?,
            });
        }
    }
    Ok(plans)
}

fn lines(estimate: Option<String>, plans: &[ExplainedPlan]) -> Result<RecordBatch> {
    let (mut types, mut lines) = (Vec::new(), Vec::new());
    if let Some(estimate) = estimate {
        types.push("estimate");
        lines.push(estimate);
    }
    for ExplainedPlan { plan_type, plan } in plans {
        for (at, line) in plan.trim_end().lines().enumerate() {
            types.push(if at == 0 { plan_type.as_str() } else { "" });
            lines.push(line.to_string());
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

/// Sum of the estimates that the operators of a plan show.
#[derive(Debug, PartialEq)]
struct InferenceEstimate {
    /// `None` if the number of rows is unknown.
    texts: Option<u64>,
    /// Whether texts are a sample, in fast mode.
    sampled: bool,
    /// Tokens and seconds; `None` before the model has run on this machine.
    cost: Option<(u64, f64)>,
}

impl InferenceEstimate {
    /// Sums the estimates of a plan; `None` if it runs no model.
    fn of(plans: &[ExplainedPlan]) -> Option<Self> {
        let physical = plans.iter().filter(|it| it.plan_type == PHYSICAL_PLAN);
        let lines = physical.flat_map(|it| it.plan.lines());
        lines
            .filter(|line| line.trim_start().starts_with(INFER_OPERATOR))
            .map(Self::of_operator)
            .reduce(Self::plus)
    }

    /// Reads the end of an operator's line:
    /// `rows<=100, texts<=100, tokens~700, seconds~0.2`.
    fn of_operator(line: &str) -> Self {
        let shown = line.rsplit_once("rows<=").map_or("", |(_, shown)| shown);
        let tokens = number(shown, "tokens~").and_then(|tokens| tokens.parse().ok());
        let seconds = number(shown, "seconds~").and_then(|seconds| seconds.parse().ok());
        let sample = number(shown, "texts~");
        let texts = sample.or_else(|| number(shown, "texts<="));
        Self {
            texts: texts.and_then(|texts| texts.parse().ok()),
            sampled: sample.is_some(),
            cost: tokens.zip(seconds),
        }
    }

    fn plus(self, other: Self) -> Self {
        let costs = self.cost.zip(other.cost);
        Self {
            texts: self.texts.zip(other.texts).map(|(a, b)| a + b),
            sampled: self.sampled || other.sampled,
            cost: costs
                .map(|((tokens, seconds), (more, longer))| (tokens + more, seconds + longer)),
        }
    }
}

/// The number after `name`.
fn number<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(name)?;
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.');
    Some(&value[..end.unwrap_or(value.len())])
}

impl fmt::Display for InferenceEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.texts == Some(1) {
            "text"
        } else {
            "texts"
        };
        match self.texts {
            Some(texts) if self.sampled => write!(f, "about {texts} {noun}")?,
            Some(texts) => write!(f, "at most {texts} {noun}")?,
            None => write!(f, "an unknown number of texts")?,
        }
        match self.cost {
            Some((tokens, seconds)) => write!(f, ", about {tokens} tokens, about {seconds:.1} s"),
            None if self.texts.is_some() => {
                write!(f, ", tokens and seconds unknown before the first run")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(plan_type: &str, plan: &str) -> ExplainedPlan {
        ExplainedPlan {
            plan_type: plan_type.to_string(),
            plan: plan.to_string(),
        }
    }

    #[test]
    fn each_line_of_a_plan_is_a_row() {
        let plans = [plan("logical_plan", "A\n  B\n"), plan("physical_plan", "C")];
        let rows = lines(Some("at most 2 texts".to_string()), &plans).unwrap();
        let cell = |column, row| array_value_to_string(rows.column(column), row).unwrap();
        let found: Vec<_> = (0..rows.num_rows())
            .map(|row| (cell(0, row), cell(1, row)))
            .collect();
        let expected = [
            ("estimate", "at most 2 texts"),
            ("logical_plan", "A"),
            ("", "  B"),
            ("physical_plan", "C"),
        ];
        assert_eq!(
            found,
            expected.map(|(kind, plan)| (kind.to_string(), plan.to_string()))
        );
    }

    #[test]
    fn the_estimate_sums_the_operators_of_the_physical_plan() {
        let shown = |plans: &[ExplainedPlan]| {
            InferenceEstimate::of(plans).map(|estimate| estimate.to_string())
        };
        let operator = "  InferExec: embed(t) AS a, rows<=100, texts<=100";
        assert_eq!(
            shown(&[plan("physical_plan", operator)]).unwrap(),
            "at most 100 texts, tokens and seconds unknown before the first run"
        );
        let measured = format!(
            "InferExec: f('rows<=7') AS b, rows<=5, texts<=10, tokens~80, seconds~1.5\n\
             {operator}, tokens~700, seconds~0.2"
        );
        assert_eq!(
            shown(&[
                plan("initial_physical_plan", operator),
                plan("physical_plan", &measured)
            ])
            .unwrap(),
            "at most 110 texts, about 780 tokens, about 1.7 s"
        );
        let fast = "InferExec: f(t), mode=fast, rows<=3000, texts~1024";
        assert!(
            shown(&[plan("physical_plan", fast)])
                .unwrap()
                .starts_with("about 1024 texts")
        );
        assert_eq!(
            shown(&[plan("physical_plan", "InferExec: f(t)")]).unwrap(),
            "an unknown number of texts"
        );
        assert_eq!(
            shown(&[
                plan("physical_plan", "FilterExec: a"),
                plan("logical_plan", operator)
            ]),
            None
        );
    }
}
