//! A metric whose value is read at each scrape.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Value of a metric, with its type.
#[derive(Clone, Copy, Debug)]
pub enum ReadingValue {
    Counter(u64),
    /// Counter of a duration, in seconds.
    SecondsCounter(f64),
    Gauge(u64),
    /// Gauge of a point in time, in seconds.
    SecondsGauge(f64),
}

/// A metric at the time of a scrape. The encoder appends the unit, and `_total` to
/// counters.
#[derive(Debug)]
pub struct Reading {
    pub name: &'static str,
    pub help: &'static str,
    pub unit: Option<Unit>,
    pub value: ReadingValue,
}

impl Reading {
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            name,
            help,
            unit: None,
            value: ReadingValue::Counter(value),
        }
    }

    pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            name,
            help,
            unit: None,
            value: ReadingValue::Gauge(value),
        }
    }

    pub fn bytes(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            unit: Some(Unit::Bytes),
            ..Self::gauge(name, help, value)
        }
    }

    pub fn seconds(name: &'static str, help: &'static str, value: ReadingValue) -> Self {
        Self {
            name,
            help,
            unit: Some(Unit::Seconds),
            value,
        }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let metric: &dyn EncodeMetric = match self.value {
            ReadingValue::Counter(value) => &ConstCounter::new(value),
            ReadingValue::SecondsCounter(value) => &ConstCounter::new(value),
            ReadingValue::Gauge(value) => &ConstGauge::new(value),
            ReadingValue::SecondsGauge(value) => &ConstGauge::new(value),
        };
        let kind = metric.metric_type();
        metric.encode(encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), kind)?)
    }
}

/// Encodes `readings` one after the other.
///
/// # Errors
/// If one cannot be encoded.
pub fn encode_all(mut encoder: DescriptorEncoder<'_>, readings: &[Reading]) -> Result<(), Error> {
    readings
        .iter()
        .try_for_each(|reading| reading.encode(&mut encoder))
}
