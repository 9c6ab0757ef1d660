//! Metrics of the operator in `EXPLAIN ANALYZE`.

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, RatioMetrics, Time,
};

use semql_inference::encoding::{Meter, MeterReading};
use semql_language_models::CallReading;

/// The metrics of one partition.
pub struct InferMetrics {
    pub baseline: BaselineMetrics,
    distinct: Count,
    cache_hits: Count,
    tokens: Count,
    padding: RatioMetrics,
    truncated: Count,
    failed: Count,
    batches: Count,
    model_time: Time,
    tokenizer_time: Time,
    student: Option<StudentMetrics>,
    calls: Option<CallMetrics>,
    set: ExecutionPlanMetricsSet,
    partition: usize,
    /// Counts that the metrics contain already.
    reported: MeterReading,
    reported_calls: CallReading,
}

/// Metrics of language models.
struct CallMetrics {
    calls: Count,
    retries: Count,
    prompt_tokens: Count,
    completion_tokens: Count,
    cached: Count,
    failed: Count,
    dropped_values: Count,
}

impl CallMetrics {
    fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        Self {
            calls: counter("calls"),
            retries: counter("retries"),
            prompt_tokens: counter("prompt_tokens"),
            completion_tokens: counter("completion_tokens"),
            cached: counter("cached_answers"),
            failed: counter("failed_rows"),
            dropped_values: counter("dropped_values"),
        }
    }
}

struct StudentMetrics {
    rows: Count,
    escalated: RatioMetrics,
    time: Time,
}

impl StudentMetrics {
    fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            rows: MetricBuilder::new(set).counter("student_rows", partition),
            escalated: MetricBuilder::new(set).ratio_metrics("escalated", partition),
            time: MetricBuilder::new(set).subset_time("student_time", partition),
        }
    }
}

impl InferMetrics {
    pub fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        let time = |name: &'static str| MetricBuilder::new(set).subset_time(name, partition);
        Self {
            baseline: BaselineMetrics::new(set, partition),
            distinct: counter("distinct_texts"),
            cache_hits: counter("cache_hits"),
            tokens: counter("tokens"),
            padding: MetricBuilder::new(set).ratio_metrics("padding", partition),
            truncated: counter("truncated"),
            failed: counter("failed"),
            batches: counter("model_batches"),
            model_time: time("model_time"),
            tokenizer_time: time("tokenizer_time"),
            student: None,
            calls: None,
            set: set.clone(),
            partition,
            reported: MeterReading::default(),
            reported_calls: CallReading::default(),
        }
    }

    /// Adds what the meter counted since the last update.
    pub fn update(&mut self, meter: &Meter) {
        let (now, before) = (meter.read(), self.reported);
        let add = |count: &Count, now: u64, before: u64| count.add((now - before) as usize);
        add(&self.distinct, now.distinct, before.distinct);
        add(&self.cache_hits, now.cached, before.cached);
        add(&self.tokens, now.tokens, before.tokens);
        add(&self.truncated, now.truncated, before.truncated);
        add(&self.failed, now.failed, before.failed);
        add(&self.batches, now.batches, before.batches);
        let padding = now.padding - before.padding;
        self.padding.add_part(padding as usize);
        self.padding
            .add_total((padding + now.tokens - before.tokens) as usize);
        let model = now.model_time - before.model_time;
        let tokenizer = now.tokenizer_time - before.tokenizer_time;
        self.model_time.add_duration(model);
        self.tokenizer_time.add_duration(tokenizer);
        self.update_student(&now);
        // Time that waits for the batch of another partition does not count.
        let compute = self.baseline.elapsed_compute();
        let student = now.student_time - before.student_time;
        compute.add_duration(model + tokenizer + student);
        self.reported = now;
    }

    /// Adds the requests to language models since the last update. The metrics are absent
    /// without any.
    pub fn update_calls(&mut self, now: &CallReading) {
        if *now == CallReading::default() {
            return;
        }
        let (set, partition, before) = (&self.set, self.partition, self.reported_calls);
        let metrics = self
            .calls
            .get_or_insert_with(|| CallMetrics::new(set, partition));
        for (count, now, before) in [
            (&metrics.calls, now.calls, before.calls),
            (&metrics.retries, now.retries, before.retries),
            (
                &metrics.prompt_tokens,
                now.prompt_tokens,
                before.prompt_tokens,
            ),
            (
                &metrics.completion_tokens,
                now.completion_tokens,
                before.completion_tokens,
            ),
            (&metrics.cached, now.cached, before.cached),
            (&metrics.failed, now.failed, before.failed),
            (
                &metrics.dropped_values,
                now.dropped_values,
                before.dropped_values,
            ),
        ] {
            count.add((now - before) as usize);
        }
        self.reported_calls = *now;
    }

    /// Adds the counts of a student. They are absent if no student ran.
    fn update_student(&mut self, now: &MeterReading) {
        if now.student_rows + now.escalated == 0 {
            return;
        }
        let (set, partition, before) = (&self.set, self.partition, self.reported);
        let student = self
            .student
            .get_or_insert_with(|| StudentMetrics::new(set, partition));
        let (sure, left) = (
            (now.student_rows - before.student_rows) as usize,
            (now.escalated - before.escalated) as usize,
        );
        student.rows.add(sure);
        student.escalated.add_part(left);
        student.escalated.add_total(sure + left);
        student
            .time
            .add_duration(now.student_time - before.student_time);
    }
}
