//! Tests of prepared plans.

use super::*;
use crate::session::SessionOptions;
use crate::statement::parser;

async fn open() -> Session {
    Session::open(&SessionOptions::default()).await.unwrap()
}

async fn prepare(session: &Session, sql: &str, declared: &[Option<DataType>]) -> PreparedPlan {
    let statement = parser::parse_one(sql).unwrap();
    let prepared = PreparedPlan::prepare(session, &statement, declared).await;
    prepared.unwrap().unwrap()
}

async fn types(sql: &str) -> Vec<DataType> {
    let prepared = prepare(&open().await, sql, &[]).await;
    let parameters = prepared.parameters.into_iter();
    parameters.map(|parameter| parameter.data_type).collect()
}

fn list(element: DataType) -> DataType {
    DataType::new_list(element, true)
}

const ROWS: &str = "(VALUES (1, 'a'), (2, 'b')) AS t(n, s)";

#[tokio::test]
async fn types_come_from_the_statement() {
    for (sql, expected) in [
        ("SELECT n FROM ROWS WHERE n > $1", vec![DataType::Int64]),
        (
            "SELECT n FROM ROWS LIMIT $1 OFFSET $2",
            vec![DataType::Int64, DataType::Int64],
        ),
        (
            "SELECT n FROM ROWS WHERE n = ANY($1)",
            vec![list(DataType::Int64)],
        ),
        (
            "SELECT n FROM ROWS WHERE s = ANY($1)",
            vec![list(DataType::Utf8)],
        ),
        (
            "SELECT $2::double, upper($1)",
            vec![DataType::Utf8, DataType::Float64],
        ),
        ("SELECT coalesce($1, n) FROM ROWS", vec![DataType::Int64]),
        (
            "SELECT CASE WHEN n = 1 THEN $1 ELSE n END FROM ROWS",
            vec![DataType::Int64],
        ),
        (
            "SELECT * FROM generate_series(1, $1)",
            vec![DataType::Int64],
        ),
        ("SELECT $1", vec![DataType::Utf8]),
        ("SELECT 1", vec![]),
    ] {
        assert_eq!(types(&sql.replace("ROWS", ROWS)).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn one_parameter_may_be_used_with_several_types() {
    let found = types("SELECT arrow_cast(1, 'Int32') = $1, 1 = $1, $1 = 2.5").await;
    assert_eq!(found, [DataType::Int32]);
}

#[tokio::test]
async fn declared_types_decide() {
    let session = open().await;
    let prepared = prepare(&session, "SELECT $1 AS a", &[Some(DataType::Int32)]).await;
    assert_eq!(
        prepared.plan().schema().field(0).data_type(),
        &DataType::Int32
    );
    let of = |declared, inferred: Option<DataType>| parameter(Some(&declared), inferred);
    assert_eq!(
        of(DataType::Float64, Some(DataType::Int64)).data_type,
        DataType::Float64
    );
    // Text is declared for values of any type.
    assert_eq!(
        of(DataType::Utf8, Some(DataType::Int64)).data_type,
        DataType::Int64
    );
}

#[tokio::test]
async fn values_that_do_not_fit_are_errors() {
    let session = open().await;
    let prepared = prepare(&session, "SELECT 1 LIMIT $1", &[]).await;
    let text = |text: &str| vec![ScalarValue::Utf8(Some(text.to_string()))];
    prepared.bind(&session, text("2")).await.unwrap();
    let error = prepared.bind(&session, text("x")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidValue);
    assert!(
        error.message.starts_with("parameter $1: "),
        "{}",
        error.message
    );
    assert!(prepared.bind(&session, Vec::new()).await.is_err());
    // NULL stands for no limit.
    prepared
        .bind(&session, vec![ScalarValue::Null])
        .await
        .unwrap();
}

#[tokio::test]
async fn rows_take_the_place_of_parameters() {
    let session = open().await;
    let table = "CREATE TABLE t AS SELECT 1::bigint AS a, 'x' AS b";
    session.ctx.sql(table).await.unwrap();
    let insert = prepare(&session, "INSERT INTO t (b, a) VALUES ($1, $2)", &[]).await;
    let types = insert.parameters().iter().map(|p| p.data_type.clone());
    assert_eq!(types.collect::<Vec<_>>()[1], DataType::Int64);
    let rows = [("b", &["y", "z"][..])].map(|(name, values)| {
        let column: arrow::array::ArrayRef =
            Arc::new(arrow::array::StringArray::from(values.to_vec()));
        (name, column)
    });
    let numbers: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![2, 3]));
    let batch = RecordBatch::try_from_iter(rows.into_iter().chain([("a", numbers)])).unwrap();
    let plan = insert.with_rows(batch.schema(), vec![batch]).unwrap();
    assert!(
        plan.display_indent()
            .to_string()
            .contains("TableScan: rows")
    );
    let select = prepare(&session, "SELECT 1", &[]).await;
    assert!(
        select
            .with_rows(Arc::new(arrow::datatypes::Schema::empty()), Vec::new())
            .is_err()
    );
}

#[tokio::test]
async fn table_functions_get_the_values() {
    let session = open().await;
    let prepared = prepare(&session, "SELECT * FROM generate_series(1, $1)", &[]).await;
    let plan = prepared
        .bind(&session, vec![ScalarValue::Int64(Some(3))])
        .await
        .unwrap();
    let rows = session.ctx.execute_logical_plan(plan).await.unwrap();
    let rows = rows.collect().await.unwrap();
    assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
}

#[tokio::test]
async fn texts_are_array_literals() {
    let session = open().await;
    let sql = "SELECT count(*) FROM ROWS WHERE s = ANY($1)".replace("ROWS", ROWS);
    let prepared = prepare(&session, &sql, &[Some(DataType::Utf8)]).await;
    for (text, expected) in [("{a,\"b\",NULL}", Some(2)), ("{}", Some(0)), ("a", None)] {
        let bound = prepared.bind(&session, vec![ScalarValue::from(text)]).await;
        let Ok(plan) = bound else {
            assert_eq!(expected, None, "{text}");
            continue;
        };
        let rows = session.ctx.execute_logical_plan(plan).await.unwrap();
        let rows = rows.collect().await.unwrap();
        let count = ScalarValue::try_from_array(rows[0].column(0), 0).unwrap();
        assert_eq!(count, ScalarValue::Int64(expected), "{text}");
    }
}
