//! Requests for rows: concurrency, retries, corrections, weaker formats.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use reqwest::StatusCode;
use semql_inference::{Error, Result};
use serde_json::Value;

use crate::answer::validated;
use crate::answer_cache_key::AnswerKey;
use crate::attempt::{AttemptBody, AttemptError, ServerAnswer, attempt};
use crate::circuit_breaker::CircuitBreaker;
use crate::endpoint::Endpoint;
use crate::one_line::one_line;
use crate::prompt::{Prompt, answer_schema};
use crate::request_context::RequestContext;
use crate::task::{LanguageModelTask, RowAnswer, RowFailure, TaskAnswer};

/// Delay before the first retry; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Longest delay that this client chooses.
const MAX_DELAY: Duration = Duration::from_secs(8);

/// A row that needs a request.
pub struct PendingRow {
    pub position: usize,
    pub key: AnswerKey,
    pub prompt: Prompt,
    pub texts: Vec<Option<String>>,
}

/// Requests of one task.
pub struct RowRequests {
    endpoint: Arc<Endpoint>,
    task: LanguageModelTask,
    schema: Option<Value>,
    api_key: Option<String>,
    context: RequestContext,
    breaker: CircuitBreaker,
}

impl RowRequests {
    /// # Errors
    /// [`Error::Setup`] for a missing key.
    pub fn new(
        endpoint: &Arc<Endpoint>,
        task: &LanguageModelTask,
        context: &RequestContext,
    ) -> Result<Self> {
        Ok(Self {
            schema: answer_schema(task),
            api_key: endpoint.api_key()?,
            task: task.clone(),
            context: context.clone(),
            breaker: CircuitBreaker::new(endpoint.options.concurrency),
            endpoint: Arc::clone(endpoint),
        })
    }

    /// The answers to all rows with their positions, in undefined order.
    ///
    /// # Errors
    /// An endpoint that cannot be used; a budget that is used up.
    pub async fn send(self, pending: Vec<PendingRow>) -> Result<Vec<(usize, RowAnswer)>> {
        let concurrency = self.endpoint.options.concurrency;
        let requests = &self;
        let mut running = stream::iter(pending)
            .map(|row| async move {
                let answer = requests.row(&row).await;
                answer.map(|answer| (row.position, answer))
            })
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
        let mut format = self.endpoint.format.current();
        let (mut retries, mut correction) = (0, None);
        loop {
            if self.breaker.is_open() {
                return self.failed("the endpoint stopped answering");
            }
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
                        Err(why) => {
                            let why = self.with_limit(why, answer.is_cut);
                            if correction.is_some() {
                                return self.failed(&why);
                            }
                            correction = Some((answer.text, why));
                            self.count(&self.context.meter.retries);
                            continue;
                        }
                    }
                }
                Err(AttemptError::Refused { status, message }) => {
                    let accepted = &self.endpoint.format;
                    if self.schema.is_some()
                        && accepted.may_be_refusal(format, status, &message)
                        && let Some(weaker) = accepted.weaker(format)
                    {
                        format = weaker;
                        self.count(&self.context.meter.retries);
                        continue;
                    }
                    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                        self.breaker.record_unanswered();
                    }
                    return self.give_up(&format!("refuses the request ({message})"));
                }
                Err(AttemptError::Connection(message)) => {
                    let is_first = !self.endpoint.has_answered.load(Relaxed) && retries > 0;
                    if is_first || retries >= options.max_retries {
                        self.breaker.record_unreached();
                        return self.give_up(&format!("cannot be reached ({message})"));
                    }
                    (message, None)
                }
                Err(AttemptError::NoCompletion) => {
                    let message = "sent something else than a chat completion";
                    if !self.endpoint.has_answered.load(Relaxed) {
                        return self.give_up(message);
                    }
                    (message.to_string(), None)
                }
                Err(AttemptError::Temporary {
                    message,
                    retry_after,
                }) => (message, retry_after),
            };
            if retries >= options.max_retries {
                let message = format!("failed {} times ({message})", retries + 1);
                self.breaker.record_unanswered();
                return match self.breaker.is_open() {
                    true => self.give_up(&message),
                    false => self.failed(&format!("the endpoint {message}")),
                };
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
            self.breaker.record_response();
        }
        if let Ok(answer) = &answer {
            self.breaker.record_answer();
            endpoint.has_answered.store(true, Relaxed);
            if self.schema.is_some() {
                endpoint.format.accept(body.format);
            }
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

    /// What is wrong with an answer, with the limit that cut it.
    fn with_limit(&self, why: String, is_cut: bool) -> String {
        match (is_cut, self.endpoint.options.max_tokens) {
            (false, _) => why,
            (true, Some(limit)) => format!("the answer was cut after {limit} tokens (max_tokens)"),
            (true, None) => "the answer was cut at the limit of the server".to_string(),
        }
    }

    /// Fails the row; the whole run if the endpoint has never answered.
    fn give_up(&self, why: &str) -> Result<RowAnswer> {
        if self.endpoint.has_answered.load(Relaxed) {
            return self.failed(&format!("the endpoint {why}"));
        }
        let why = self.without_key(why);
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

    fn failed(&self, message: &str) -> Result<RowAnswer> {
        Ok(Err(RowFailure {
            message: one_line(&self.without_key(message)),
        }))
    }

    /// A message without the key. Texts of servers may be part of it.
    fn without_key(&self, message: &str) -> String {
        match &self.api_key {
            Some(key) => message.replace(key.as_str(), "***"),
            None => message.to_string(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit_and_differ_by_row() {
        let delays: Vec<Duration> = (0..40).map(|retries| backoff(retries, 1)).collect();
        assert!(delays[1] >= delays[0].mul_f64(1.9));
        assert!(delays.iter().all(|delay| *delay <= MAX_DELAY.mul_f64(1.25)));
        assert_ne!(backoff(0, 1), backoff(0, 2));
        assert!(backoff(u32::MAX, usize::MAX) <= MAX_DELAY.mul_f64(1.25));
    }
}
