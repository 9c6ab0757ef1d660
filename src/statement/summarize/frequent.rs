//! The most frequent value of a column, in one pass and bounded memory.
//!
//! Counters for a fixed number of values; when they run out, every counter is
//! lowered by one and those at zero make room (Misra and Gries, 1982). A
//! counter is then at most `error` below the true count, and `error` stays
//! zero for columns with few values, where the answer is exact.

use std::collections::HashMap;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use serde::{Deserialize, Serialize};

/// Maximum number of values that are counted at a time.
const MAX_COUNTERS: usize = 1024;

/// Maximum size of a counted value. Longer values rarely repeat; they add to the
/// error, so that no count is too high.
const MAX_VALUE_BYTES: usize = 512;

/// Maximum length of a value in a profile, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Cuts `text` to the width of a table cell; line ends become spaces.
pub fn shortened(text: &str) -> String {
    let flat: String = text
        .chars()
        .take(MAX_SHOWN_CHARS + 1)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if flat.chars().count() <= MAX_SHOWN_CHARS {
        return flat;
    }
    flat.chars()
        .take(MAX_SHOWN_CHARS - 1)
        .chain(['…'])
        .collect()
}

/// The aggregate: Utf8 to Utf8, `value (count)` or null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct MostFrequent {
    signature: Signature,
}

impl Default for MostFrequent {
    fn default() -> Self {
        Self {
            signature: Signature::exact(vec![DataType::Utf8], Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for MostFrequent {
    fn name(&self) -> &str {
        "most_frequent"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(FrequencySketch::default()))
    }
}

/// The counters; as JSON text they are the aggregate's intermediate state.
#[derive(Debug, Default, Serialize, Deserialize)]
struct FrequencySketch {
    counts: HashMap<String, u64>,
    error: u64,
    /// Bytes of the values held.
    bytes: usize,
}

impl FrequencySketch {
    fn add(&mut self, value: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += times;
            return;
        }
        if value.len() > MAX_VALUE_BYTES {
            self.error += times;
            return;
        }
        self.bytes += value.len();
        self.counts.insert(value.to_string(), times);
        // Twice the size, so that eviction is rare.
        if self.counts.len() >= 2 * MAX_COUNTERS {
            self.make_room();
        }
    }

    /// Lowers all counters by the highest one beyond [`MAX_COUNTERS`].
    fn make_room(&mut self) {
        if self.counts.len() <= MAX_COUNTERS {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, lowest, _) = counts.select_nth_unstable_by(MAX_COUNTERS, |a, b| b.cmp(a));
        let lowest = *lowest;
        self.error += lowest;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(lowest);
            *count > 0
        });
        self.bytes = self.counts.keys().map(String::len).sum();
    }

    /// The value, a lower bound of its count, and whether the bound is exact; `None`
    /// if no value is certain to occur most often, twice or more.
    fn best(&self) -> Option<(&str, u64, bool)> {
        let (value, count) = self
            .counts
            .iter()
            .max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))?;
        (*count > 1 && *count > self.error).then_some((value, *count, self.error == 0))
    }
}

impl Accumulator for FrequencySketch {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let texts = values[0].as_string::<i32>();
        for text in texts.iter().flatten() {
            self.add(text, 1);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let shown = self.best().map(|(value, count, exact)| {
            let about = if exact { "" } else { "~" };
            format!("{} ({about}{count})", shortened_for_count(value))
        });
        Ok(ScalarValue::Utf8(shown))
    }

    fn size(&self) -> usize {
        let entry = size_of::<(String, u64)>() + 1;
        size_of_val(self) + self.counts.capacity() * entry + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let text =
            serde_json::to_string(self).map_err(|e| DataFusionError::External(Box::new(e)))?;
        Ok(vec![ScalarValue::Utf8(Some(text))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = states[0].as_string::<i32>();
        for state in states.iter().flatten() {
            let other: FrequencySketch =
                serde_json::from_str(state).map_err(|e| DataFusionError::External(Box::new(e)))?;
            self.error += other.error;
            for (value, count) in &other.counts {
                self.add(value, *count);
            }
        }
        Ok(())
    }
}

/// Cuts a value so that its count fits into the cell.
fn shortened_for_count(value: &str) -> String {
    if value.trim().is_empty() {
        // Quotes make blank text visible.
        return format!("'{}'", shortened(value));
    }
    let short = shortened(value);
    if short.chars().count() <= MAX_SHOWN_CHARS - 20 {
        return short;
    }
    short
        .chars()
        .take(MAX_SHOWN_CHARS - 21)
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;

    fn sketch(values: impl IntoIterator<Item = String>) -> FrequencySketch {
        let mut sketch = FrequencySketch::default();
        let values: StringArray = values.into_iter().map(Some).collect();
        sketch.update_batch(&[Arc::new(values)]).unwrap();
        sketch
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let values = ["b", "a", "b", "c", "b", "a"].map(String::from);
        assert_eq!(sketch(values).best(), Some(("b", 3, true)));
    }

    #[test]
    fn a_key_column_has_no_most_frequent_value() {
        assert_eq!(sketch((0..50).map(|n| n.to_string())).best(), None);
        assert_eq!(sketch((0..50_000).map(|n| n.to_string())).best(), None);
        assert_eq!(sketch([]).best(), None);
    }

    #[test]
    fn a_heavy_value_is_found_among_many_and_never_overstated() {
        let values = (0..100_000).map(|n| match n % 10 {
            0 => "heavy".to_string(),
            _ => n.to_string(),
        });
        let sketch = sketch(values);
        assert!(sketch.counts.len() < 2 * MAX_COUNTERS);
        let (value, count, exact) = sketch.best().unwrap();
        assert_eq!((value, exact), ("heavy", false));
        assert!(count <= 10_000 && count + sketch.error >= 10_000, "{count}");
    }

    #[test]
    fn partitions_add_up() {
        let mut left = sketch(["a", "b", "b"].map(String::from));
        let mut right = sketch(["a", "a", "c"].map(String::from));
        let state = right.state().unwrap().remove(0).to_array().unwrap();
        left.merge_batch(&[state]).unwrap();
        assert_eq!(left.best(), Some(("a", 3, true)));
    }

    #[test]
    fn ties_go_to_the_first_in_order() {
        let values = ["b", "a", "b", "a"].map(String::from);
        assert_eq!(sketch(values).best(), Some(("a", 2, true)));
    }

    #[test]
    fn long_values_are_cut_and_stay_on_one_line() {
        assert_eq!(shortened("a\nb"), "a b");
        let cut = shortened(&"é".repeat(500));
        assert_eq!(cut.chars().count(), MAX_SHOWN_CHARS);
        assert!(cut.ends_with('…'));
    }
}
