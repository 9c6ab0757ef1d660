//! A program that has an ONNX Runtime environment of its own. A process can have
//! one, so this has a process to itself, and one test.

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use semql_udfs::backend::{environment, library_path, library_version};
use semql_udfs::{Error, ort};

const QUERY: &str = "SELECT ai_similarity('red shoes', 'blue shoes') > 0.5 AS alike";

async fn ask(ctx: &SessionContext) -> Result<String, DataFusionError> {
    let rows = ctx.sql(QUERY).await?.collect().await?;
    Ok(arrow::util::pretty::pretty_format_batches(&rows)?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn models_run_in_the_environment_of_the_program() {
    let library = match library_path(None) {
        Ok(library) => library,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let own = ort::init_from(&library)
        .unwrap()
        .with_name("own")
        .with_telemetry(false)
        .build()
        .unwrap();
    let ctx = SessionContext::new();
    semql_udfs::register_all(&ctx).unwrap();

    // Nobody told semql of it: the error says how.
    let error = ask(&ctx).await.unwrap_err();
    match semql_udfs::find_error(&error) {
        Some(Error::Setup(why)) => assert!(why.contains("semql_udfs::use_environment"), "{why}"),
        other => panic!("{other:?} in {error}"),
    }

    semql_udfs::use_environment(own);
    assert!(ask(&ctx).await.unwrap().contains("true"));
    assert!(library_version().is_some());
    assert!(environment(None).is_ok());

    // Another library cannot be loaded beside it, and that is said, not ignored.
    let library = library.display();
    ctx.sql(&format!("SET ai.onnxruntime = '{library}'"))
        .await
        .unwrap();
    let error = ask(&ctx).await.unwrap_err();
    let why = semql_udfs::find_error(&error).unwrap().to_string();
    assert!(
        why.contains("ai.onnxruntime") && why.contains("of its own"),
        "{why}"
    );
    ctx.sql("SET ai.onnxruntime = ''").await.unwrap();
    assert!(ask(&ctx).await.unwrap().contains("true"));
}
