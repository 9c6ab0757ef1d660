//! Options of `CREATE MODEL ... EXTRACT`.

use semql_learning::extraction::model::{ExtractionFeatures, ExtractionOptions};

use super::option_list::{OptionSpec, one_of};

/// Options of `CREATE MODEL ... EXTRACT`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtractOptions {
    pub training: ExtractionOptions,
    /// Column whose equal values stay in one fold; it is not an input.
    pub group: Option<String>,
}

pub const EXTRACT_OPTIONS: &[OptionSpec<ExtractOptions>] = &[
    OptionSpec {
        key: "context",
        set: |options, value| {
            let columns = value.split(',').map(str::trim);
            let columns = columns.filter(|column| !column.is_empty());
            options.training.context = Some(columns.map(str::to_string).collect());
            Ok(())
        },
    },
    OptionSpec {
        key: "features",
        set: |options, value| {
            let features = one_of("features", value, &ExtractionFeatures::ALL)?;
            options.training.features = Some(features);
            Ok(())
        },
    },
    OptionSpec {
        key: "group",
        set: |options, value| {
            options.group = Some(value.to_string());
            Ok(())
        },
    },
    OptionSpec {
        key: "seed",
        set: |options, value| {
            options.training.seed = value.parse().map_err(|_| {
                format!("seed is '{value}', but must be a whole number of at least 0")
            })?;
            Ok(())
        },
    },
];
