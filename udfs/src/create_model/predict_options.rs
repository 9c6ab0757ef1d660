//! Options of `CREATE MODEL ... PREDICT`.

use semql_learning::text_classifier::{FeatureSet, Method, TrainingOptions};

use super::option_list::{OptionSpec, one_of};

pub const PREDICT_OPTIONS: &[OptionSpec<TrainingOptions>] = &[
    OptionSpec {
        key: "cost",
        set: |options, value| {
            let cost = value
                .parse()
                .ok()
                .filter(|cost: &f32| *cost > 0.0 && cost.is_finite());
            options.cost =
                Some(cost.ok_or(format!("cost is '{value}', but must be a number above 0"))?);
            Ok(())
        },
    },
    OptionSpec {
        key: "class_weight",
        set: |options, value| {
            options.balanced = one_of(
                "class_weight",
                value,
                &[("none", false), ("balanced", true)],
            )?;
            Ok(())
        },
    },
    OptionSpec {
        key: "features",
        set: |options, value| {
            options.features = Some(one_of("features", value, &FeatureSet::ALL)?);
            Ok(())
        },
    },
    OptionSpec {
        key: "method",
        set: |options, value| {
            options.method = one_of("method", value, &Method::ALL)?;
            Ok(())
        },
    },
];
