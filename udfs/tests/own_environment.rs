//! A program with its ONNX Runtime environment. A process can have one environment, so
//! this is the only test of its process.

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use semql_udfs::backend::{environment, library_path, library_version};
use semql_udfs::{Error, ort};

#[path = "../../tests/support/skip.rs"]
mod skip;

const QUERY: &str = "SELECT ai_similarity('red shoes', 'blue shoes') > 0.5 AS alike";

async fn query(ctx: &SessionContext) -> Result<String, DataFusionError> {
    let rows = ctx.sql(QUERY).await?.collect().await?;
    Ok(arrow::util::pretty::pretty_format_batches(&rows)?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn models_run_in_the_environment_of_the_program() {
    let Ok(library) = library_path(None) else {
        return skip::skip("onnxruntime");
    };
    let program_environment = ort::init_from(&library)
        .unwrap()
        .with_name("program")
        .with_telemetry(false)
        .build()
        .unwrap();
    let ctx = SessionContext::new();
    semql_udfs::register_all(&ctx).unwrap();

    // int8 runs without ONNX Runtime.
    ctx.sql("SET ai.precision = 'fp32'").await.unwrap();

    // Before `use_environment`, the error names that function.
    let error = query(&ctx).await.unwrap_err();
    match semql_udfs::find_error(&error) {
        Some(Error::Setup(message)) => {
            assert!(message.contains("semql_udfs::use_environment"), "{message}");
        }
        other => panic!("{other:?} in {error}"),
    }

    semql_udfs::use_environment(program_environment);
    assert!(query(&ctx).await.unwrap().contains("true"));
    assert!(library_version().is_some());
    assert!(environment(None).is_ok());

    // A second library cannot be loaded: the setting fails and is not ignored.
    let library = library.display();
    ctx.sql(&format!("SET ai.onnxruntime = '{library}'"))
        .await
        .unwrap();
    let error = query(&ctx).await.unwrap_err();
    let message = semql_udfs::find_error(&error).unwrap().to_string();
    assert!(
        message.contains("ai.onnxruntime") && message.contains("only one"),
        "{message}"
    );
    ctx.sql("SET ai.onnxruntime = ''").await.unwrap();
    assert!(query(&ctx).await.unwrap().contains("true"));
}
