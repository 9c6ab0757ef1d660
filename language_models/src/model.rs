//! A language model: answers a task for rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use reqwest::{Client, StatusCode, redirect};
use semql_inference::cancellation::Cancellation;
use semql_inference::{Error, Result};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::answer::validated;
use crate::answer_cache::AnswerCache;
use crate::answer_cache_key::{AnswerKey, answer_key};
use crate::attempt::{AttemptBody, AttemptError, ServerAnswer, attempt};
use crate::budget::CallBudget;
use crate::executor;
use crate::meter::CallMeter;
use crate::one_line::one_line;
use crate::options::EndpointOptions;
use crate::prompt::{Prompt, answer_schema, instructions};
use crate::response_format::AcceptedFormat;
use crate::task::{LanguageModelTask, RowAnswer, RowFailure, SourceTexts, TaskAnswer};

/// Delay before the first retry; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Longest delay that this client chooses.
const MAX_DELAY: Duration = Duration::from_secs(8);

/// Rows in a row without a connection, after which the others fail at once.
const MAX_UNREACHED_ROWS: u32 = 3;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Characters of a token, and tokens of an answer, for estimates.
const CHARS_PER_TOKEN: f64 = 4.0;
const ANSWER_TOKENS: u64 = 40;

/// Language model behind an endpoint.
#[derive(Clone, Debug)]
pub struct LanguageModel(Arc<Endpoint>);

#[derive(Debug)]
struct Endpoint {
    options: EndpointOptions,
    client: Client,
    /// Requests at a time, of all queries together.
    slots: Semaphore,
    format: AcceptedFormat,
    /// Whether the endpoint has ever answered.
    has_answered: AtomicBool,
}

/// Cancellation, budget, cache and counters of a query.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub cancel: Cancellation,
    pub budget: Arc<CallBudget>,
    pub cache: Option<Arc<AnswerCache>>,
    pub meter: Arc<CallMeter>,
}

/// A row that needs a call.
struct PendingRow {
    position: usize,
    key: AnswerKey,
    prompt: Prompt,
    texts: Vec<Option<String>>,
}

/// What the calls of one `answer` share.
struct Run {
    endpoint: Arc<Endpoint>,
    task: LanguageModelTask,
    schema: Option<Value>,
    api_key: Option<String>,
    context: RequestContext,
    /// Rows in a row without a connection.
    unreached: AtomicU32,
}

impl LanguageModel {
    /// A client of the endpoint. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Setup`] if the client cannot be created.
    pub fn new(options: EndpointOptions) -> Result<Self> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|e| Error::Setup(format!("cannot create an HTTP client: {e}")))?;
        Ok(Self(Arc::new(Endpoint {
            client,
            slots: Semaphore::new(options.concurrency),
            format: AcceptedFormat::new(options.json_schema),
            has_answered: AtomicBool::new(false),
            options,
        })))
    }

    /// The options of the endpoint.
    pub fn options(&self) -> &EndpointOptions {
        &self.0.options
    }

    /// Answers a task for distinct rows, in their order. The texts of a row have the names
    /// `columns`. Waits on this thread.
    ///
    /// # Errors
    /// [`Error::Setup`] for an endpoint that cannot be used: unreachable or refusing from
    /// the first request on, a missing key; [`Error::Forbidden`] for a budget that is used
    /// up; [`Error::Interrupted`]. A row that fails is a [`RowFailure`].
    pub fn answer(
        &self,
        task: &LanguageModelTask,
        rows: &[SourceTexts<'_>],
        columns: &[String],
        context: &RequestContext,
    ) -> Result<Vec<RowAnswer>> {
        let mut answers: Vec<Option<RowAnswer>> = vec![None; rows.len()];
        let mut pending = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            let row = self.pending(task, position, row, columns, Some(&context.meter));
            let cached = context.cache.as_ref().and_then(|cache| cache.get(&row.key));
            match cached {
                Some(answer) => {
                    context.meter.cached.fetch_add(1, Relaxed);
                    answers[position] = Some(Ok(answer));
                }
                None => pending.push(row),
            }
        }
        if !pending.is_empty() {
            let run = Run {
                endpoint: Arc::clone(&self.0),
                schema: answer_schema(task),
                api_key: self.api_key()?,
                task: task.clone(),
                context: context.clone(),
                unreached: AtomicU32::new(0),
            };
            for (position, answer) in executor::run(run.rows(pending), &context.cancel)?? {
                context
                    .meter
                    .failed
                    .fetch_add(u64::from(answer.is_err()), Relaxed);
                answers[position] = Some(answer);
            }
        }
        let missing = || {
            Err(RowFailure {
                message: "the row was not asked".to_string(),
            })
        };
        Ok(answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(missing))
            .collect())
    }

    /// Number of rows that [`answer`](Self::answer) would send.
    pub fn uncached(
        &self,
        task: &LanguageModelTask,
        rows: &[SourceTexts<'_>],
        columns: &[String],
        context: &RequestContext,
    ) -> usize {
        let Some(cache) = &context.cache else {
            return rows.len();
        };
        let is_missing = |row: &&SourceTexts<'_>| {
            cache
                .get(&self.pending(task, 0, row, columns, None).key)
                .is_none()
        };
        rows.iter().filter(is_missing).count()
    }

    /// Tokens of the prompts and answers of `rows` rows with `chars` characters each.
    pub fn estimate_tokens(&self, task: &LanguageModelTask, chars: f64, rows: usize) -> u64 {
        let system = instructions(task).map_or(0, |text| text.len()) as f64;
        let prompt = (system + chars) / CHARS_PER_TOKEN;
        rows as u64 * (prompt as u64 + ANSWER_TOKENS)
    }

    fn pending(
        &self,
        task: &LanguageModelTask,
        position: usize,
        row: &SourceTexts<'_>,
        columns: &[String],
        meter: Option<&CallMeter>,
    ) -> PendingRow {
        let options = &self.0.options;
        let cut = |text: &&str| {
            let end = text.char_indices().nth(options.max_input_chars);
            if let (Some(_), Some(meter)) = (end, meter) {
                meter.truncated.fetch_add(1, Relaxed);
            }
            text[..end.map_or(text.len(), |(at, _)| at)].to_string()
        };
        let texts: Vec<Option<String>> = row.iter().map(|text| text.as_ref().map(cut)).collect();
        let prompt = Prompt::new(task, &texts, columns);
        PendingRow {
            position,
            key: answer_key(options, &format!("{task:?}"), &prompt),
            prompt,
            texts,
        }
    }

    fn api_key(&self) -> Result<Option<String>> {
        let options = &self.0.options;
        let Some(variable) = &options.api_key_env else {
            return Ok(None);
        };
        match std::env::var(variable) {
            Ok(key) if !key.trim().is_empty() => Ok(Some(key.trim().to_string())),
            _ => Err(Error::Setup(format!(
                "the language model {} takes its key from the environment variable {variable}, which is not set",
                options.name
            ))),
        }
    }
}

impl Run {
    /// The answers of all rows with their positions, in undefined order.
    async fn rows(self, pending: Vec<PendingRow>) -> Result<Vec<(usize, RowAnswer)>> {
        let concurrency = self.endpoint.options.concurrency;
        let run = &self;
        let mut running = stream::iter(pending)
            .map(|row| async move { run.row(&row).await.map(|answer| (row.position, answer)) })
            .buffer_unordered(concurrency);
        let mut answers = Vec::new();
        while let Some(answer) = running.next().await {
            answers.push(answer?);
        }
        Ok(answers)
    }

    async fn row(&self, row: &PendingRow) -> Result<RowAnswer> {
        let options = &self.endpoint.options;
        let texts: Vec<Option<&str>> = row.texts.iter().map(Option::as_deref).collect();
        let (mut retries, mut correction) = (0, None);
        loop {
            if self.unreached.load(Relaxed) >= MAX_UNREACHED_ROWS {
                return self.failed("the endpoint stopped answering");
            }
            let format = self.endpoint.format.current();
            let body = AttemptBody {
                prompt: &row.prompt,
                schema: self.schema.as_ref(),
                format,
                correction: correction.as_ref(),
            };
            let (message, delay) = match self.attempt(body).await? {
                Ok(answer) => {
                    match validated(&answer.text, &self.task, &texts, &self.context.meter) {
                        Ok(valid) => {
                            self.store(row.key, &valid).await;
                            return Ok(Ok(valid));
                        }
                        Err(why) if correction.is_none() => {
                            correction = Some((answer.text, why));
                            self.count(&self.context.meter.retries);
                            continue;
                        }
                        Err(why) => return self.failed(&why),
                    }
                }
                Err(AttemptError::Refused { status, message }) => {
                    let may_be_format = self.schema.is_some()
                        && matches!(
                            status,
                            StatusCode::BAD_REQUEST
                                | StatusCode::NOT_FOUND
                                | StatusCode::UNPROCESSABLE_ENTITY
                                | StatusCode::NOT_IMPLEMENTED
                        );
                    if may_be_format && self.endpoint.format.refuse(format) {
                        self.count(&self.context.meter.retries);
                        continue;
                    }
                    return self.give_up(format!("refuses the request ({message})"));
                }
                Err(AttemptError::Connection(message)) => {
                    let is_first = !self.endpoint.has_answered.load(Relaxed) && retries > 0;
                    if is_first || retries >= options.max_retries {
                        self.unreached.fetch_add(1, Relaxed);
                        return self.give_up(format!("cannot be reached ({message})"));
                    }
                    (message, None)
                }
                Err(AttemptError::NoCompletion) => {
                    let message = "sent something else than a chat completion".to_string();
                    if !self.endpoint.has_answered.load(Relaxed) {
                        return self.give_up(message);
                    }
                    (message, None)
                }
                Err(AttemptError::Temporary {
                    message,
                    retry_after,
                }) => (message, retry_after),
            };
            if retries >= options.max_retries {
                let message = format!("the endpoint failed {} times ({message})", retries + 1);
                return self.failed(&message);
            }
            self.count(&self.context.meter.retries);
            tokio::time::sleep(delay.unwrap_or_else(|| backoff(retries, row.position))).await;
            retries += 1;
        }
    }

    /// One request, within the budget and the slots of the endpoint.
    async fn attempt(
        &self,
        body: AttemptBody<'_>,
    ) -> Result<std::result::Result<ServerAnswer, AttemptError>> {
        let slot = self.endpoint.slots.acquire().await;
        // The semaphore is never closed.
        let _slot = slot.map_err(|e| Error::Failed(e.to_string()))?;
        self.context.budget.try_reserve(1)?;
        let meter = &self.context.meter;
        self.count(&meter.calls);
        let endpoint = &self.endpoint;
        let key = self.api_key.as_deref();
        let answer = attempt(&endpoint.client, &endpoint.options, key, body).await;
        if !matches!(answer, Err(AttemptError::Connection(_))) {
            self.unreached.store(0, Relaxed);
        }
        if let Ok(answer) = &answer {
            endpoint.has_answered.store(true, Relaxed);
            meter.prompt_tokens.fetch_add(answer.prompt_tokens, Relaxed);
            meter
                .completion_tokens
                .fetch_add(answer.completion_tokens, Relaxed);
        }
        Ok(answer)
    }

    fn count(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// Fails the row; the whole run if the endpoint has never answered.
    fn give_up(&self, why: String) -> Result<RowAnswer> {
        if self.endpoint.has_answered.load(Relaxed) {
            return self.failed(&format!("the endpoint {why}"));
        }
        let options = &self.endpoint.options;
        let key = match &options.api_key_env {
            Some(variable) => format!(" and the key in {variable}"),
            None => " and whether it needs a key (api_key_env)".to_string(),
        };
        Err(Error::Setup(format!(
            "the language model {} at {} {why}; check the location, the model '{}'{key}, then create it again with \
             CREATE OR REPLACE EXTERNAL MODEL",
            options.name, options.location, options.model
        )))
    }

    /// Fails the row. Texts of servers may be part of the message, so the key is removed.
    fn failed(&self, message: &str) -> Result<RowAnswer> {
        let message = match &self.api_key {
            Some(key) => message.replace(key.as_str(), "***"),
            None => message.to_string(),
        };
        Ok(Err(RowFailure {
            message: one_line(&message),
        }))
    }

    /// Stores an answer. A file may be busy, so another thread waits for it.
    async fn store(&self, key: AnswerKey, answer: &TaskAnswer) {
        if let Some(cache) = &self.context.cache {
            let (cache, answer) = (Arc::clone(cache), answer.clone());
            // Without the cache, the row is asked again next time.
            let _ = tokio::task::spawn_blocking(move || cache.put(&key, &answer)).await;
        }
    }
}

/// Delay before a retry: doubled each time, and different for the rows.
fn backoff(retries: u32, row: usize) -> Duration {
    let delay = FIRST_DELAY
        .saturating_mul(1 << retries.min(10))
        .min(MAX_DELAY);
    let jitter = (row.wrapping_mul(7919) % 100) as f64 / 200.0;
    delay.mul_f64(0.75 + jitter)
}
