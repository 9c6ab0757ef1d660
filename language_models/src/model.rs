//! A language model: answers a task for rows.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use semql_inference::Result;

use crate::answer::is_valid;
use crate::answer_cache_key::answer_key;
use crate::endpoint::Endpoint;
use crate::executor;
use crate::meter::CallMeter;
use crate::options::EndpointOptions;
use crate::prompt::{Prompt, instructions};
use crate::request_context::RequestContext;
use crate::row_requests::{PendingRow, RowRequests};
use crate::task::{LanguageModelTask, RowAnswer, RowFailure, SourceTexts, TaskAnswer};

/// Characters of a token, and tokens of an answer, for estimates.
const CHARS_PER_TOKEN: f64 = 4.0;
const ANSWER_TOKENS: u64 = 40;

/// Language model behind an endpoint.
#[derive(Clone, Debug)]
pub struct LanguageModel(Arc<Endpoint>);

impl LanguageModel {
    /// A client of the endpoint. Sends nothing.
    ///
    /// # Errors
    /// [`semql_inference::Error::Setup`] if the client cannot be created.
    pub fn new(options: EndpointOptions) -> Result<Self> {
        Ok(Self(Arc::new(Endpoint::new(options)?)))
    }

    /// The options of the endpoint.
    pub fn options(&self) -> &EndpointOptions {
        &self.0.options
    }

    /// Answers a task for distinct rows, in their order. The texts of a row have the names
    /// `columns`. Waits on this thread.
    ///
    /// # Errors
    /// [`Setup`](semql_inference::Error::Setup) for an endpoint that cannot be used:
    /// unreachable or refusing from the first request on, a missing key;
    /// [`Forbidden`](semql_inference::Error::Forbidden) for a budget that is used up;
    /// [`Interrupted`](semql_inference::Error::Interrupted). A row that fails is a
    /// [`RowFailure`].
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
            context.cancel.check()?;
            let row = self.pending(task, position, row, columns, Some(&context.meter));
            match cached(task, &row, context) {
                Some(answer) => {
                    context.meter.cached.fetch_add(1, Relaxed);
                    answers[position] = Some(Ok(answer));
                }
                None => pending.push(row),
            }
        }
        if !pending.is_empty() {
            let requests = RowRequests::new(&self.0, task, context)?;
            for (position, answer) in executor::run(requests.send(pending), &context.cancel)?? {
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
        if context.cache.is_none() {
            return rows.len();
        }
        let is_missing = |row: &&SourceTexts<'_>| {
            let row = self.pending(task, 0, row, columns, None);
            cached(task, &row, context).is_none()
        };
        rows.iter().filter(is_missing).count()
    }

    /// Tokens of the prompts and answers of `rows` rows with `chars` characters each.
    pub fn estimate_tokens(&self, task: &LanguageModelTask, chars: f64, rows: usize) -> u64 {
        let system = instructions(task).map_or(0, |text| text.len()) as f64;
        let prompt = (system + chars) / CHARS_PER_TOKEN;
        let tokens = (prompt as u64).saturating_add(ANSWER_TOKENS);
        tokens.saturating_mul(rows as u64)
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
}

/// The cached answer to a row. A file may be damaged, so that answers are checked again.
fn cached(
    task: &LanguageModelTask,
    row: &PendingRow,
    context: &RequestContext,
) -> Option<TaskAnswer> {
    let answer = context.cache.as_ref()?.get(&row.key)?;
    let texts: Vec<Option<&str>> = row.texts.iter().map(Option::as_deref).collect();
    is_valid(&answer, task, &texts).then_some(answer)
}
