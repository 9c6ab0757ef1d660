//! Settings: bounds of their values, and which of them clients may change.

use url::Url;

use crate::error::{ErrorKind, Result, ShellError};

/// Bounds of a setting that could end or block the process with other values.
struct SettingBounds {
    key: &'static str,
    min: u64,
    max: u64,
}

const fn bounds(key: &'static str, min: u64, max: u64) -> SettingBounds {
    SettingBounds { key, min, max }
}

const BOUNDS: &[SettingBounds] = &[
    bounds("datafusion.execution.batch_size", 1, 1 << 17),
    bounds("datafusion.execution.target_partitions", 0, 1 << 10),
    bounds("datafusion.execution.planning_concurrency", 0, 1 << 10),
    bounds("datafusion.execution.meta_fetch_concurrency", 1, 1 << 10),
    bounds(
        "datafusion.execution.minimum_parallel_output_files",
        0,
        1 << 12,
    ),
    bounds(
        "datafusion.execution.max_buffered_batches_per_output_file",
        0,
        1 << 10,
    ),
    bounds(
        "datafusion.execution.soft_max_rows_per_output_file",
        1,
        1 << 40,
    ),
    bounds(
        "datafusion.execution.sort_in_place_threshold_bytes",
        0,
        1 << 34,
    ),
    bounds(
        "datafusion.execution.sort_spill_reservation_bytes",
        0,
        1 << 34,
    ),
    bounds(
        "datafusion.execution.max_spill_file_size_bytes",
        1 << 16,
        1 << 44,
    ),
    bounds(
        "datafusion.execution.objectstore_writer_buffer_size",
        1 << 12,
        1 << 30,
    ),
    bounds("datafusion.execution.parquet.write_batch_size", 1, 1 << 20),
    bounds(
        "datafusion.execution.parquet.max_row_group_size",
        1,
        1 << 30,
    ),
    bounds(
        "datafusion.execution.parquet.data_pagesize_limit",
        1,
        1 << 30,
    ),
    bounds(
        "datafusion.execution.parquet.dictionary_page_size_limit",
        1,
        1 << 30,
    ),
    bounds(
        "datafusion.execution.parquet.data_page_row_count_limit",
        1,
        1 << 30,
    ),
    bounds(
        "datafusion.execution.parquet.maximum_parallel_row_group_writers",
        1,
        1 << 8,
    ),
    bounds(
        "datafusion.execution.parquet.maximum_buffered_record_batches_per_stream",
        1,
        1 << 10,
    ),
    bounds("datafusion.optimizer.max_passes", 0, 100),
    bounds("datafusion.sql_parser.recursion_limit", 1, 200),
];

/// Settings that a client of a server may change. A name with `.*` at its end
/// includes all settings with that prefix.
const OPEN_TO_CLIENTS: &[&str] = &[
    "ai.model",
    "ai.precision",
    "ai.taxonomy",
    "ai.min_score",
    "ai.mode",
    "ai.fast_agreement",
    "ai.fast_escalation",
    "ai.seed",
    "ai.index_recall",
    "ai.extractor",
    "ai.attributes",
    "ai.max_calls",
    "ai.on_error",
    "datafusion.execution.batch_size",
    "datafusion.execution.coalesce_batches",
    "datafusion.execution.collect_statistics",
    "datafusion.execution.enable_ansi_mode",
    "datafusion.execution.target_partitions",
    "datafusion.execution.time_zone",
    "datafusion.explain.*",
    "datafusion.format.*",
    "datafusion.optimizer.*",
    "datafusion.sql_parser.parse_float_as_decimal",
];

/// Setting with the maximum number of requests to language models in a query.
const MAX_CALLS: &str = "ai.max_calls";

/// Setting with the tracking server of trainings.
const TRACKING_URI: &str = "ai.tracking_uri";

/// The maximum of `ai.max_calls` that clients may set: its value when the server starts.
pub fn max_calls(settings: &[(String, String)]) -> Option<u64> {
    value_at_start(settings, MAX_CALLS)?.parse().ok()
}

/// The tracking server that the server sends trainings to.
pub fn tracking_uri(settings: &[(String, String)]) -> Option<Url> {
    Url::parse(value_at_start(settings, TRACKING_URI)?).ok()
}

/// Value of a setting when the server starts.
fn value_at_start<'a>(settings: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let mut given = settings.iter().rev();
    let (_, value) = given.find(|(given, _)| given.eq_ignore_ascii_case(key))?;
    Some(value.trim())
}

/// Whether a client may give `ai.max_calls` this value, if `max` is the value of the
/// server. All other settings have no such maximum.
pub fn is_within_max_calls(key: &str, value: &str, max: u64) -> bool {
    key != MAX_CALLS || value.trim().parse().is_ok_and(|calls: u64| calls <= max)
}

/// Whether a client of a server may change the setting.
pub fn is_open_to_clients(key: &str) -> bool {
    OPEN_TO_CLIENTS
        .iter()
        .any(|open| match open.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == *open,
        })
}

/// Checks a value against the bounds of its setting. The setting itself checks
/// text that is not a number.
///
/// # Errors
/// [`ErrorKind::InvalidValue`], with the bounds.
pub fn check_bounds(key: &str, value: &str) -> Result<()> {
    let Some(bounds) = BOUNDS.iter().find(|bounds| bounds.key == key) else {
        return Ok(());
    };
    let digits = value.trim().trim_start_matches('+');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match digits.parse::<u64>() {
        Ok(number) => (bounds.min..=bounds.max).contains(&number),
        // A number with too many digits is out of bounds.
        Err(_) => !is_number,
    };
    match fits {
        true => Ok(()),
        false => Err(ShellError::of_kind(
            ErrorKind::InvalidValue,
            format!(
                "{key} cannot be {value}: its bounds are {} and {}",
                bounds.min, bounds.max
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::config::ConfigOptions;

    #[test]
    fn the_listed_settings_exist() {
        let engine = ConfigOptions::new().entries();
        let engine = engine.into_iter().map(|entry| entry.key);
        let keys: Vec<String> = engine.chain(semql_udfs::AiOptions::keys()).collect();
        for bounds in BOUNDS {
            assert!(keys.iter().any(|key| key == bounds.key), "{}", bounds.key);
        }
        for open in OPEN_TO_CLIENTS {
            let known = match open.strip_suffix('*') {
                Some(prefix) => keys.iter().any(|key| key.starts_with(prefix)),
                None => keys.iter().any(|key| key == open),
            };
            assert!(known, "{open}");
        }
    }

    #[test]
    fn clients_change_settings_of_queries_only() {
        for key in semql_udfs::AiOptions::keys() {
            let of_query = semql_udfs::AiOptions::is_query_setting(&key) == Some(true);
            assert_eq!(is_open_to_clients(&key), of_query, "{key}");
        }
        assert!(!is_open_to_clients("datafusion.runtime.memory_limit"));
        assert!(!is_open_to_clients("datafusion.catalog.location"));
    }

    #[test]
    fn clients_lower_the_maximum_of_calls_and_never_raise_it() {
        let set = |values: &[&str]| -> Vec<(String, String)> {
            let pair = |value: &&str| ("AI.max_calls".to_string(), value.to_string());
            values.iter().map(pair).collect()
        };
        assert_eq!(max_calls(&set(&["10", " 5 "])), Some(5));
        assert_eq!(max_calls(&set(&["10", ""])), None);
        assert_eq!(max_calls(&[("ai.seed".to_string(), "5".to_string())]), None);
        for (value, allowed) in [
            ("5", true),
            (" 0 ", true),
            ("6", false),
            ("", false),
            ("-1", false),
            ("many", false),
            ("99999999999999999999", false),
        ] {
            assert_eq!(is_within_max_calls(MAX_CALLS, value, 5), allowed, "{value}");
        }
        assert!(is_within_max_calls("ai.seed", "6", 5));
    }

    #[test]
    fn values_outside_the_bounds_are_refused() {
        let key = "datafusion.execution.batch_size";
        check_bounds(key, "8192").unwrap();
        for wild in ["0", "100000000000", "99999999999999999999999999"] {
            let error = check_bounds(key, wild).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidValue, "{wild}");
        }
    }
}
