//! Functions over groups of rows as a program meets them that links them.

use std::sync::Arc;
use std::time::Duration;

use datafusion::prelude::SessionContext;
use semql_udfs::{Error, Runtime, find_error, register_with};

/// Interrupts `sql`, which would take hours, until it has ended.
fn interrupted(sql: &'static str) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    tokio.block_on(async {
        let (ctx, runtime) = (SessionContext::new(), Arc::new(Runtime::new()));
        register_with(&ctx, Arc::clone(&runtime)).unwrap();
        let query = tokio::spawn(async move { ctx.sql(sql).await?.collect().await });
        while !query.is_finished() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            runtime.interrupt();
        }
        let error = query.await.unwrap().unwrap_err();
        assert_eq!(find_error(&error), Some(&Error::Interrupted), "{error}");
    });
}

#[test]
fn an_interrupt_ends_a_map() {
    interrupted(
        "SELECT tsne([sin(id * 1.1), cos(id * 1.7), sin(id * 0.3)]) OVER () \
         FROM (SELECT unnest(range(0, 2000000)) AS id)",
    );
}

#[test]
fn an_interrupt_ends_grouping() {
    interrupted(
        "SELECT kmeans([sin(id * 1.1), cos(id * 1.7), sin(id * 0.3)], 200000) OVER () \
         FROM (SELECT unnest(range(0, 1000000)) AS id)",
    );
}

#[test]
fn an_interrupt_ends_learning_of_words() {
    interrupted(
        "SELECT word2vec(concat(id % 99, ' ', id % 98, ' ', id % 97, ' ', id % 96), 4096, 1000) \
         FROM (SELECT unnest(range(0, 1000000)) AS id)",
    );
}
