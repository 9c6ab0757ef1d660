//! Functions over groups of rows, called from a program that links the library.

use std::sync::Arc;
use std::time::Duration;

use datafusion::prelude::SessionContext;
use semql_udfs::{Error, Runtime, find_error, register_with};

const INTERRUPT_INTERVAL: Duration = Duration::from_millis(50);

/// Longest wait for an interrupted query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(300);

/// Interrupts `sql`, which would take hours, until it ends.
fn interrupted(sql: &'static str) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = tokio.block_on(async {
        let (ctx, runtime) = (SessionContext::new(), Arc::new(Runtime::new()));
        register_with(&ctx, Arc::clone(&runtime)).unwrap();
        let mut query = tokio::spawn(async move { ctx.sql(sql).await?.collect().await });
        let mut interrupts = tokio::time::interval(INTERRUPT_INTERVAL);
        let ended = async {
            loop {
                tokio::select! {
                    result = &mut query => break result,
                    _ = interrupts.tick() => runtime.interrupt(),
                }
            }
        };
        tokio::time::timeout(QUERY_TIMEOUT, ended).await
    });
    // Dropping the runtime would wait for a query that no interrupt ends.
    tokio.shutdown_background();
    let error = ended.expect("the query did not end").unwrap().unwrap_err();
    assert_eq!(find_error(&error), Some(&Error::Interrupted), "{error}");
}

#[test]
fn an_interrupt_ends_tsne() {
    interrupted(
        "SELECT tsne([sin(id * 1.1), cos(id * 1.7), sin(id * 0.3)]) OVER () \
         FROM (SELECT unnest(range(0, 2000000)) AS id)",
    );
}

#[test]
fn an_interrupt_ends_kmeans() {
    interrupted(
        "SELECT kmeans([sin(id * 1.1), cos(id * 1.7), sin(id * 0.3)], 200000) OVER () \
         FROM (SELECT unnest(range(0, 1000000)) AS id)",
    );
}

#[test]
fn an_interrupt_ends_word2vec() {
    interrupted(
        "SELECT word2vec(concat(id % 99, ' ', id % 98, ' ', id % 97, ' ', id % 96), 4096, 1000) \
         FROM (SELECT unnest(range(0, 1000000)) AS id)",
    );
}
