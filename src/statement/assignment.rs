//! Assignment casts: what an INSERT stores has the types of the table's columns.
//!
//! The engine casts the values of a statement while it plans. Parameters get
//! their values afterwards, and may bring other types along.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::logical_plan::Projection;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, WriteOp, cast as cast_expr};

use crate::error::{ErrorKind, Result, ShellError};

/// The plan with casts where the rows of an INSERT have other types than the
/// columns that take them. A value that does not fit fails the statement when
/// it runs, before anything is stored.
///
/// # Errors
/// For rows of another number of columns than the table.
pub fn cast(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Dml(dml) = plan else {
        return Ok(plan);
    };
    if !matches!(dml.op, WriteOp::Insert(_)) {
        return Ok(LogicalPlan::Dml(dml));
    }
    let target = dml.target.schema();
    let given = dml.input.schema();
    if target.fields().len() != given.fields().len() {
        return Err(ShellError::of_kind(
            ErrorKind::InvalidValue,
            format!(
                "the table {} has {} columns, and the rows to insert have {}",
                dml.table_name,
                target.fields().len(),
                given.fields().len()
            ),
        ));
    }
    let fields = || given.iter().zip(target.fields());
    if fields().all(|((_, given), wanted)| given.data_type() == wanted.data_type()) {
        return Ok(LogicalPlan::Dml(dml));
    }
    let columns = fields().map(|((qualifier, given), wanted)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), given.name()));
        match given.data_type() == wanted.data_type() {
            true => column,
            false => cast_expr(column, wanted.data_type().clone()).alias(wanted.name()),
        }
    });
    let input = Projection::try_new(columns.collect(), Arc::clone(&dml.input))?;
    let input = Arc::new(LogicalPlan::Projection(input));
    Ok(LogicalPlan::Dml(DmlStatement::new(
        dml.table_name.clone(),
        Arc::clone(&dml.target),
        dml.op.clone(),
        input,
    )))
}

#[cfg(test)]
mod tests {
    use crate::session::{Session, SessionOptions};
    use crate::statement::{self, Outcome, parser};
    use arrow::util::pretty::pretty_format_batches;
    use futures::TryStreamExt;

    async fn run(session: &Session, sql: &str) -> Result<String, crate::ShellError> {
        let mut shown = String::new();
        for statement in parser::parse(sql)? {
            shown = match statement::run(session, &statement).await? {
                Outcome::Rows { stream, .. } => {
                    let batches: Vec<_> = stream.try_collect().await?;
                    pretty_format_batches(&batches)?.to_string()
                }
                Outcome::Done { message, .. } => message,
            };
        }
        Ok(shown)
    }

    /// Random values through parameters of random types: the column keeps its
    /// type, or the statement fails and the table is as it was.
    #[tokio::test]
    async fn columns_keep_their_types() {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let types = [
            "smallint", "int", "bigint", "double", "varchar", "boolean", "date",
        ];
        let values = [
            "1",
            "-7",
            "70000",
            "'12'",
            "'x'",
            "2.5",
            "NULL",
            "true",
            "DATE '2024-02-03'",
        ];
        let (mut stored, mut refused) = (0, 0);
        for column in types {
            run(
                &session,
                &format!("CREATE OR REPLACE TABLE t AS SELECT CAST(NULL AS {column}) AS a"),
            )
            .await
            .unwrap();
            for (at, declared) in types.iter().enumerate() {
                for value in values {
                    let before = run(&session, "SELECT count(*) FROM t").await.unwrap();
                    let insert = format!(
                        "PREPARE p{at}({declared}) AS INSERT INTO t VALUES ($1); EXECUTE p{at}({value}); DEALLOCATE p{at}"
                    );
                    let inserted = run(&session, &insert).await;
                    let _ = run(&session, &format!("DEALLOCATE p{at}")).await;
                    let kept = run(&session, "SELECT arrow_typeof(a) FROM t GROUP BY 1").await;
                    let kept = kept.unwrap_or_else(|e| panic!("{column} {declared} {value}: {e}"));
                    assert_eq!(kept.matches('\n').count(), 4, "{column} {declared}: {kept}");
                    run(&session, "SELECT a, count(*) FROM t GROUP BY 1 ORDER BY 1")
                        .await
                        .unwrap_or_else(|e| panic!("{column} {declared} {value}: {e}"));
                    let after = run(&session, "SELECT count(*) FROM t").await.unwrap();
                    match inserted {
                        Ok(_) => {
                            stored += 1;
                            assert_ne!(before, after, "{column} {declared} {value}");
                        }
                        Err(_) => {
                            refused += 1;
                            assert_eq!(before, after, "{column} {declared} {value}");
                        }
                    }
                }
            }
        }
        assert!(
            stored > 100 && refused > 50,
            "{stored} stored, {refused} refused"
        );
    }
}
