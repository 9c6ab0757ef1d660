//! Answers of earlier queries.

#[cfg(feature = "disk-cache")]
use std::path::PathBuf;
use std::sync::Arc;

use semql_language_models::{AnswerCache, SourceTexts, TaskAnswer};

use super::server::{Reply, Server};
use super::{
    ask, cached_context, check_right, context, extract, model, right_reply, texts, within_deadline,
};

/// Checks that `count` rows would be sent.
fn check_uncached(
    model: &semql_language_models::LanguageModel,
    texts: &[String],
    cache: &Arc<AnswerCache>,
    count: usize,
) {
    let rows: Vec<SourceTexts<'_>> = texts.iter().map(|text| vec![Some(text.as_str())]).collect();
    let context = cached_context(cache);
    let uncached = model.uncached(&extract(), &rows, &["text".to_string()], &context);
    assert_eq!(uncached, count);
}

#[test]
fn a_row_is_asked_once() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let (first, texts) = (model(&server, &[]), texts(6));
        let cache = Arc::new(AnswerCache::in_memory());
        check_uncached(&first, &texts[..4], &cache, 4);
        check_right(
            &ask(&first, &extract(), &texts[..4], &cached_context(&cache)).unwrap(),
            &texts[..4],
        );
        check_uncached(&first, &texts, &cache, 2);
        let context = cached_context(&cache);
        check_right(&ask(&first, &extract(), &texts, &context).unwrap(), &texts);
        let reading = context.meter.read();
        assert_eq!((reading.cached, reading.calls), (4, 2));
        assert_eq!(server.calls(), 6);
        // Another model, and other limits of an answer, have other answers.
        check_uncached(&model(&server, &[("model", "other")]), &texts, &cache, 6);
        check_uncached(&model(&server, &[("max_tokens", "9")]), &texts, &cache, 6);
        check_uncached(&model(&server, &[("timeout", "9s")]), &texts, &cache, 0);
    });
}

#[test]
fn a_failed_row_is_asked_again() {
    within_deadline(|| {
        let server = Server::start(|request| match request.number {
            0 | 1 => Reply::Answer("nonsense".to_string()),
            _ => right_reply(request),
        });
        let (model, texts) = (model(&server, &[]), texts(1));
        let cache = Arc::new(AnswerCache::in_memory());
        let answers = ask(&model, &extract(), &texts, &cached_context(&cache)).unwrap();
        assert!(answers[0].is_err());
        check_right(
            &ask(&model, &extract(), &texts, &cached_context(&cache)).unwrap(),
            &texts,
        );
    });
}

#[cfg(feature = "disk-cache")]
fn empty_folder(name: &str) -> PathBuf {
    let folder = format!("semql-endpoint-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[cfg(feature = "disk-cache")]
#[test]
fn answers_outlive_a_process_and_a_damaged_file_is_replaced() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let (model, texts) = (model(&server, &[]), texts(5));
        let folder = empty_folder("answers");
        let open = || Arc::new(AnswerCache::in_folder(&folder).unwrap());
        let ask_all = || {
            let answers = ask(&model, &extract(), &texts, &cached_context(&open())).unwrap();
            check_right(&answers, &texts);
        };
        ask_all();
        ask_all();
        assert_eq!(server.calls(), 5);
        check_uncached(&model, &texts, &open(), 0);
        std::fs::write(folder.join("answers.sqlite"), [7; 9000]).unwrap();
        ask_all();
        ask_all();
        assert_eq!(server.calls(), 10);
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[cfg(feature = "disk-cache")]
#[test]
fn a_folder_that_cannot_be_used_is_an_error() {
    let folder = empty_folder("file");
    std::fs::write(&folder, "a file").unwrap();
    let error = AnswerCache::in_folder(&folder).unwrap_err();
    assert!(matches!(error, semql_inference::Error::Setup(_)));
    assert!(error.to_string().contains("ai.cache"), "{error}");
    std::fs::remove_file(&folder).unwrap();
}

#[cfg(feature = "disk-cache")]
#[test]
fn a_folder_is_shared_from_its_creation_on() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let (model, texts) = (model(&server, &[]), texts(40));
        for round in 0..20 {
            let folder = empty_folder(&format!("shared{round}"));
            if round % 2 == 1 {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("answers.sqlite"), [7; 9000]).unwrap();
            }
            std::thread::scope(|scope| {
                for part in texts.chunks(10) {
                    let (model, folder) = (&model, &folder);
                    scope.spawn(move || {
                        let cache = Arc::new(AnswerCache::in_folder(folder).unwrap());
                        let answers = ask(model, &extract(), part, &cached_context(&cache));
                        check_right(&answers.unwrap(), part);
                    });
                }
            });
            let cache = Arc::new(AnswerCache::in_folder(&folder).unwrap());
            check_uncached(&model, &texts, &cache, 0);
            drop(cache);
            std::fs::remove_dir_all(&folder).unwrap();
        }
    });
}

#[test]
fn tasks_do_not_share_answers() {
    within_deadline(|| {
        let server =
            Server::start(|_| Reply::Answer(r#"{"answer": true, "color": []}"#.to_string()));
        let (model, texts) = (model(&server, &[]), texts(1));
        let cache = Arc::new(AnswerCache::in_memory());
        let filter = |condition: &str| semql_language_models::LanguageModelTask::Filter {
            condition: condition.to_string(),
        };
        for (task, expected) in [
            (extract(), TaskAnswer::Values(vec![Vec::new()])),
            (filter("a"), TaskAnswer::Condition(true)),
            (filter("b"), TaskAnswer::Condition(true)),
        ] {
            let answers = ask(&model, &task, &texts, &cached_context(&cache)).unwrap();
            assert_eq!(answers, [Ok(expected)]);
        }
        assert_eq!(server.calls(), 3);
        // Without a cache, each query asks.
        ask(&model, &extract(), &texts, &context()).unwrap();
        assert_eq!(server.calls(), 4);
    });
}
