//! A client and a server on a real socket.

mod cancellation;
mod faults;
mod formats;
mod limits;
mod refusals;
mod server;
mod stored_answers;
mod tasks;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use semql_inference::cancellation::Cancellation;
use semql_language_models::{
    AnswerCache, AttributeRequest, CallBudget, CallMeter, EndpointOptions, LanguageModel,
    LanguageModelTask, RequestContext, RowAnswer, SourceTexts, TaskAnswer,
};

use server::{Reply, Request, Server};

/// Time for a test, which no server may exceed.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a test, and fails it after the deadline.
fn within_deadline(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || {
        test();
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(DEADLINE) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("no end within {DEADLINE:?}"),
        _ => thread.join().unwrap(),
    }
}

/// A model of the server with these options.
fn model(server: &Server, options: &[(&str, &str)]) -> LanguageModel {
    model_at(&server.location(), options)
}

fn model_at(location: &str, options: &[(&str, &str)]) -> LanguageModel {
    let mut pairs = vec![("model".to_string(), "teacher".to_string())];
    pairs.extend(options.iter().map(|(k, v)| (k.to_string(), v.to_string())));
    LanguageModel::new(EndpointOptions::parse("m", location, &pairs).unwrap()).unwrap()
}

/// A context without limits.
fn context() -> RequestContext {
    RequestContext {
        cancel: Cancellation::never(),
        budget: Arc::new(CallBudget::new(None)),
        cache: None,
        meter: Arc::new(CallMeter::default()),
    }
}

/// The same with a cache.
fn cached_context(cache: &Arc<AnswerCache>) -> RequestContext {
    RequestContext {
        cache: Some(Arc::clone(cache)),
        ..context()
    }
}

fn extract() -> LanguageModelTask {
    let attribute = AttributeRequest {
        name: "color".to_string(),
        description: None,
    };
    LanguageModelTask::Extract {
        attributes: vec![attribute],
    }
}

/// Texts of rows: `item 3 color3`.
fn texts(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("item {at} color{at}"))
        .collect()
}

/// The right answer to a row of [`texts`].
fn right(text: &str) -> TaskAnswer {
    TaskAnswer::Values(vec![vec![last_word(text)]])
}

fn last_word(text: &str) -> String {
    text.split(' ').next_back().unwrap().to_string()
}

/// The right answer to a request for a row of [`texts`].
fn right_answer(request: &Request) -> String {
    format!(r#"{{"color": ["{}"]}}"#, last_word(&request.text()))
}

fn right_reply(request: &Request) -> Reply {
    Reply::Answer(right_answer(request))
}

/// Answers of a model to texts in the column `text`.
fn ask(
    model: &LanguageModel,
    task: &LanguageModelTask,
    texts: &[String],
    context: &RequestContext,
) -> semql_inference::Result<Vec<RowAnswer>> {
    let rows: Vec<SourceTexts<'_>> = texts.iter().map(|text| vec![Some(text.as_str())]).collect();
    model.answer(task, &rows, &["text".to_string()], context)
}

/// Checks that every row has its right answer.
fn check_right(answers: &[RowAnswer], texts: &[String]) {
    assert_eq!(answers.len(), texts.len());
    for (answer, text) in answers.iter().zip(texts) {
        assert_eq!(*answer, Ok(right(text)), "{text}");
    }
}

/// Messages of the rows that failed.
fn failures(answers: &[RowAnswer]) -> Vec<String> {
    let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
    failures.map(|failure| failure.message.clone()).collect()
}
