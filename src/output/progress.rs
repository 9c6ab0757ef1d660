//! The progress line of a long query: on standard error, on a terminal only,
//! and gone without a trace when the query ends.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use semql_udfs::plan::{InferExec, sample_size};
use semql_udfs::{Progress, Runtime, Step};

use super::value::cut;

/// Queries that end sooner show nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const REFRESH: Duration = Duration::from_millis(200);

/// Where more than this is left, people may prefer fast mode.
const LONG: Duration = Duration::from_secs(180);

/// What a student labels on one core, at least.
const STUDENT_ROWS_PER_SECOND: f64 = 20_000.0;

/// Shows how far a query is until it is dropped.
pub struct ProgressLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressLine {
    pub fn start(ai: Arc<Runtime>, plan: Arc<dyn ExecutionPlan>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name("progress".to_string())
            .spawn(move || {
                let (began, before) = (Instant::now(), ai.progress());
                let mut wait = PATIENCE;
                let mut total = None;
                let exact = could_be_fast(plan.as_ref());
                let mut shown = false;
                while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    // Statistics do not change while a plan runs.
                    let total = *total.get_or_insert_with(|| rows_in(&plan));
                    let rows = Rows {
                        read: rows_read(&plan),
                        total,
                    };
                    let (elapsed, texts) = (began.elapsed(), since(ai.progress(), before));
                    let mut text = line(elapsed, &rows, texts);
                    if exact && let Some(fast) = fast_time(elapsed, &rows, texts) {
                        let _ = write!(
                            text,
                            " (SET ai.mode = 'fast': about {} in all)",
                            clock(fast)
                        );
                    }
                    // A line that wraps could not be drawn over.
                    let columns = usize::from(console::Term::stderr().size().1);
                    let text = cut(&text, columns.saturating_sub(1));
                    // Drawn over the line before; a terminal that is gone is no matter.
                    let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
                    let _ = std::io::stderr().flush();
                    shown = true;
                    wait = REFRESH;
                }
                if shown {
                    let _ = write!(std::io::stderr(), "\r\x1b[K");
                    let _ = std::io::stderr().flush();
                }
            });
        Self {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at the next tick; a panic in it must not become ours.
            let _ = thread.join();
        }
    }
}

/// How far the leaves of a plan are.
#[derive(Debug, PartialEq)]
struct Rows {
    read: u64,
    /// `None` where some leaf does not know.
    total: Option<u64>,
}

/// The rows that the leaves of a plan gave so far.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let children = plan.children();
    if children.is_empty() {
        return plan.metrics().and_then(|m| m.output_rows()).unwrap_or(0) as u64;
    }
    children.into_iter().map(rows_read).sum()
}

/// The rows that the leaves of a plan have, exactly or by estimate.
fn rows_in(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    let children = plan.children();
    if children.is_empty() {
        let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new());
        return Some(*statistics.ok()?.num_rows.get_value()? as u64);
    }
    children.into_iter().map(rows_in).sum()
}

/// Whether a model labels rows that a student could label.
fn could_be_fast(plan: &dyn ExecutionPlan) -> bool {
    let infer = (plan as &dyn std::any::Any).downcast_ref::<InferExec>();
    infer.is_some_and(InferExec::could_be_fast)
        || plan
            .children()
            .iter()
            .any(|child| could_be_fast(child.as_ref()))
}

/// What the whole query would take in fast mode, where the rest of it takes
/// minutes.
fn fast_time(elapsed: Duration, rows: &Rows, texts: Progress) -> Option<Duration> {
    let left = time_left(elapsed, rows, texts).filter(|left| *left > LONG)?;
    let total = rows.total?;
    let sampled = sample_size(total as usize)? as f64 / total as f64;
    let student = Duration::from_secs_f64(total as f64 / STUDENT_ROWS_PER_SECOND);
    Some((elapsed + left).mul_f64(sampled) + student)
}

fn since(now: Progress, before: Progress) -> Progress {
    Progress {
        texts_queued: now.texts_queued,
        texts_done: now.texts_done.saturating_sub(before.texts_done),
        tokens_done: now.tokens_done.saturating_sub(before.tokens_done),
        model_time: now.model_time.saturating_sub(before.model_time),
        truncated: now.truncated.saturating_sub(before.truncated),
        failed: now.failed.saturating_sub(before.failed),
        step: now.step,
    }
}

fn line(elapsed: Duration, rows: &Rows, texts: Progress) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let mut line = grouped(rows.read);
    if let Some(total) = rows.total.filter(|total| *total > 0) {
        let _ = write!(line, " of {}", grouped(total.max(rows.read)));
    }
    line.push_str(" rows");
    if texts.texts_done + texts.texts_queued > 0 {
        let _ = write!(
            line,
            ", {} texts at {:.0}/s",
            grouped(texts.texts_done),
            texts.texts_done as f64 / seconds
        );
        if texts.texts_queued > 0 {
            let _ = write!(line, ", {} waiting", grouped(texts.texts_queued));
        }
    } else {
        let _ = write!(
            line,
            " at {}/s",
            grouped((rows.read as f64 / seconds) as u64)
        );
    }
    if let Some(Step { what, at, of }) = texts.step {
        let _ = write!(line, ", {what} {} of {}", grouped(at), grouped(of));
    }
    let _ = write!(line, ", {}", clock(elapsed));
    if let Some(left) = time_left(elapsed, rows, texts) {
        let _ = write!(line, ", about {} left", clock(left));
    }
    line
}

/// From the share of the work that is done: rows that were read, less those
/// whose texts still wait for the model.
fn time_left(elapsed: Duration, rows: &Rows, texts: Progress) -> Option<Duration> {
    let total = rows.total? as f64;
    let handed_in = (texts.texts_done + texts.texts_queued) as f64;
    let answered = if handed_in > 0.0 {
        texts.texts_done as f64 / handed_in
    } else {
        1.0
    };
    let share = rows.read as f64 / total * answered;
    (share > 0.0 && share < 1.0).then(|| elapsed.mul_f64((1.0 - share) / share))
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_rows_texts_rate_and_time_left() {
        let rows = Rows {
            read: 2000,
            total: Some(8000),
        };
        let texts = Progress {
            texts_queued: 0,
            texts_done: 1500,
            ..Progress::default()
        };
        assert_eq!(
            line(Duration::from_secs(10), &rows, texts),
            "2,000 of 8,000 rows, 1,500 texts at 150/s, 10s, about 30s left"
        );
        let unknown = Rows {
            read: 1_234_567,
            total: None,
        };
        assert_eq!(
            line(Duration::from_secs(1), &unknown, Progress::default()),
            "1,234,567 rows at 1,234,567/s, 1s"
        );
    }

    #[test]
    fn the_line_says_how_far_work_in_steps_is() {
        let rows = Rows {
            read: 500,
            total: Some(500),
        };
        let step = Step {
            what: "t-SNE: step",
            at: 400,
            of: 1_000,
        };
        let texts = Progress {
            step: Some(step),
            ..Progress::default()
        };
        assert_eq!(
            line(Duration::from_secs(10), &rows, texts),
            "500 of 500 rows at 50/s, t-SNE: step 400 of 1,000, 10s"
        );
    }

    #[test]
    fn fast_mode_is_mentioned_where_minutes_are_left() {
        let rows = Rows {
            read: 1_000,
            total: Some(100_000),
        };
        let none = Progress::default();
        // 1,000 s exactly: the sample is 1,000 rows, the student takes 5 s.
        let fast = fast_time(Duration::from_secs(10), &rows, none).unwrap();
        assert_eq!(fast.as_secs(), 15);
        assert_eq!(fast_time(Duration::from_secs(1), &rows, none), None);
    }

    #[test]
    fn rows_that_wait_for_the_model_are_not_done() {
        let rows = Rows {
            read: 8000,
            total: Some(8000),
        };
        let texts = Progress {
            texts_queued: 6000,
            texts_done: 2000,
            ..Progress::default()
        };
        assert_eq!(
            time_left(Duration::from_secs(10), &rows, texts),
            Some(Duration::from_secs(30))
        );
        assert_eq!(clock(Duration::from_secs(3725)), "1h02m");
    }
}
