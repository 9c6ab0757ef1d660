//! `EXPLAIN`: the engine puts a whole plan into one cell; a line of the plan
//! in each row can be read.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use datafusion::physical_plan::memory::MemoryStream;
use futures::TryStreamExt;

use super::parsed::Statement;
use super::{Outcome, query};
use crate::error::Result;
use crate::session::Session;

/// Runs `EXPLAIN ...`. Columns: `plan_type`, on the first line of each plan,
/// and `plan`.
///
/// # Errors
/// Those of the statement that is explained; with `ANALYZE`, of its run too.
pub async fn run(session: &Session, statement: &Statement) -> Result<Outcome> {
    by_line(query::run(session, statement).await?).await
}

/// The outcome of `EXPLAIN` with a line of the plan in each row.
///
/// # Errors
/// Those of the run.
pub async fn by_line(outcome: Outcome) -> Result<Outcome> {
    match outcome {
        Outcome::Rows { schema, stream } if schema.fields().len() == 2 => {
            lines(&stream.try_collect::<Vec<_>>().await?)
        }
        other => Ok(other),
    }
}

fn lines(batches: &[RecordBatch]) -> Result<Outcome> {
    let (mut kinds, mut plans) = (Vec::new(), Vec::new());
    for batch in batches {
        for row in 0..batch.num_rows() {
            let mut kind = array_value_to_string(batch.column(0), row)?;
            let plan = array_value_to_string(batch.column(1), row)?;
            for line in plan.trim_end().lines() {
                kinds.push(std::mem::take(&mut kind));
                plans.push(line.to_string());
            }
        }
    }
    let text = |name| Field::new(name, DataType::Utf8, false);
    let schema = Arc::new(Schema::new(vec![text("plan_type"), text("plan")]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(kinds)),
        Arc::new(StringArray::from(plans)),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let stream = MemoryStream::try_new(vec![batch], Arc::clone(&schema), None)?;
    Ok(Outcome::Rows {
        schema,
        stream: Box::pin(stream),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_line_of_a_plan_is_a_row() {
        let batch = RecordBatch::try_from_iter([
            (
                "plan_type",
                Arc::new(StringArray::from(vec!["logical", "physical"])) as ArrayRef,
            ),
            (
                "plan",
                Arc::new(StringArray::from(vec!["A\n  B\n", "C"])) as ArrayRef,
            ),
        ])
        .unwrap();
        let Outcome::Rows { stream, .. } = lines(&[batch]).unwrap() else {
            panic!("no rows");
        };
        let rows = stream.try_collect::<Vec<_>>().await.unwrap();
        let cell = |column, row| array_value_to_string(rows[0].column(column), row).unwrap();
        let found: Vec<_> = (0..rows[0].num_rows())
            .map(|row| (cell(0, row), cell(1, row)))
            .collect();
        let expected = [("logical", "A"), ("", "  B"), ("physical", "C")];
        assert_eq!(
            found,
            expected.map(|(kind, plan)| (kind.to_string(), plan.to_string()))
        );
    }
}
