//! The progress line of a long query: on standard error, on a terminal only,
//! and erased when the query ends.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use semql_udfs::plan::{InferExec, rows_read_in_training};
use semql_udfs::{Progress, Runtime, Step};

use super::value::cut;

/// Time before the line appears: shorter queries show none.
const INITIAL_DELAY: Duration = Duration::from_millis(500);
const REFRESH_INTERVAL: Duration = Duration::from_millis(200);

/// Remaining time above which the line suggests fast mode.
const MIN_TIME_FOR_FAST_MODE: Duration = Duration::from_secs(180);

/// Rows that a student model labels on one core, at least.
const MIN_STUDENT_ROWS_PER_SECOND: f64 = 20_000.0;

/// Progress line of a query, shown until it is dropped.
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
                let mut wait = INITIAL_DELAY;
                let mut total = None;
                let exact = could_be_fast(plan.as_ref());
                let mut shown = false;
                while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    // Statistics do not change while a plan runs.
                    let total = *total.get_or_insert_with(|| rows_total(&plan));
                    let rows = RowProgress {
                        read: rows_read(&plan),
                        total,
                    };
                    let (elapsed, texts) = (began.elapsed(), difference(ai.progress(), before));
                    let mut text = line(elapsed, &rows, texts);
                    if exact && let Some(fast) = fast_mode_time(elapsed, &rows, texts) {
                        let _ = write!(
                            text,
                            " (SET ai.mode = 'fast': about {} in all)",
                            format_duration(fast)
                        );
                    }
                    // A wrapped line could not be overwritten.
                    let columns = usize::from(console::Term::stderr().size().1);
                    let text = cut(&text, columns.saturating_sub(1));
                    // Overwrites the line before. A closed terminal is ignored.
                    let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
                    let _ = std::io::stderr().flush();
                    shown = true;
                    wait = REFRESH_INTERVAL;
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
            // It ends at once. A panic in it must not spread.
            let _ = thread.join();
        }
    }
}

/// Progress of the leaves of a plan.
#[derive(Debug, PartialEq)]
struct RowProgress {
    read: u64,
    /// `None` if the number is unknown for some leaf.
    total: Option<u64>,
}

/// Rows that the leaves of a plan have produced.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let children = plan.children();
    if children.is_empty() {
        return plan.metrics().and_then(|m| m.output_rows()).unwrap_or(0) as u64;
    }
    children.into_iter().map(rows_read).sum()
}

/// Total rows of the leaves of a plan, exact or estimated.
fn rows_total(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    let children = plan.children();
    if children.is_empty() {
        let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new());
        return Some(*statistics.ok()?.num_rows.get_value()? as u64);
    }
    children.into_iter().map(rows_total).sum()
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

/// Time of the whole query in fast mode, if the remaining time is minutes.
fn fast_mode_time(elapsed: Duration, rows: &RowProgress, texts: Progress) -> Option<Duration> {
    let left = time_left(elapsed, rows, texts).filter(|left| *left > MIN_TIME_FOR_FAST_MODE)?;
    let total = rows.total?;
    let training = rows_read_in_training(total as usize)? / total as f64;
    let student = Duration::from_secs_f64(total as f64 / MIN_STUDENT_ROWS_PER_SECOND);
    Some((elapsed + left).mul_f64(training) + student)
}

fn difference(now: Progress, before: Progress) -> Progress {
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

fn line(elapsed: Duration, rows: &RowProgress, texts: Progress) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let mut line = group_digits(rows.read);
    if let Some(total) = rows.total.filter(|total| *total > 0) {
        let _ = write!(line, " of {}", group_digits(total.max(rows.read)));
    }
    line.push_str(" rows");
    if texts.texts_done + texts.texts_queued > 0 {
        let _ = write!(
            line,
            ", {} texts at {:.0}/s",
            group_digits(texts.texts_done),
            texts.texts_done as f64 / seconds
        );
        if texts.texts_queued > 0 {
            let _ = write!(line, ", {} waiting", group_digits(texts.texts_queued));
        }
    } else {
        let _ = write!(
            line,
            " at {}/s",
            group_digits((rows.read as f64 / seconds) as u64)
        );
    }
    if let Some(Step {
        label,
        current,
        total,
    }) = texts.step
    {
        let _ = write!(
            line,
            ", {label} {} of {}",
            group_digits(current),
            group_digits(total)
        );
    }
    let _ = write!(line, ", {}", format_duration(elapsed));
    if let Some(left) = time_left(elapsed, rows, texts) {
        let _ = write!(line, ", about {} left", format_duration(left));
    }
    line
}

/// Remaining time, estimated from the share of rows that are read and whose texts
/// the model has processed.
fn time_left(elapsed: Duration, rows: &RowProgress, texts: Progress) -> Option<Duration> {
    let total = rows.total? as f64;
    let submitted = (texts.texts_done + texts.texts_queued) as f64;
    let processed = if submitted > 0.0 {
        texts.texts_done as f64 / submitted
    } else {
        1.0
    };
    let share = rows.read as f64 / total * processed;
    (share > 0.0 && share < 1.0).then(|| elapsed.mul_f64((1.0 - share) / share))
}

/// Formats a number as `1,234,567`.
pub fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn format_duration(time: Duration) -> String {
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
    fn the_line_shows_rows_texts_rate_and_remaining_time() {
        let rows = RowProgress {
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
        let unknown = RowProgress {
            read: 1_234_567,
            total: None,
        };
        assert_eq!(
            line(Duration::from_secs(1), &unknown, Progress::default()),
            "1,234,567 rows at 1,234,567/s, 1s"
        );
    }

    #[test]
    fn the_line_shows_steps() {
        let rows = RowProgress {
            read: 500,
            total: Some(500),
        };
        let step = Step {
            label: "t-SNE: step",
            current: 400,
            total: 1_000,
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
    fn fast_mode_is_suggested_when_minutes_remain() {
        let rows = RowProgress {
            read: 1_000,
            total: Some(100_000),
        };
        let none = Progress::default();
        // 1,000 s exactly: the training takes 11.4 s for a sample of 714 rows, the student 5 s.
        let fast = fast_mode_time(Duration::from_secs(10), &rows, none).unwrap();
        assert_eq!(fast.as_secs(), 16);
        assert_eq!(fast_mode_time(Duration::from_secs(1), &rows, none), None);
    }

    #[test]
    fn rows_queued_for_the_model_are_not_done() {
        let rows = RowProgress {
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
        assert_eq!(format_duration(Duration::from_secs(3725)), "1h02m");
    }
}
