//! `ai_devices()`: the table behind `SHOW DEVICES`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use semql_inference::backend::{ListedDevice, list_devices};

use super::memory_table::{check_no_arguments, memory_table};
use super::planning;
use crate::options::AiOptions;

#[derive(Debug)]
pub struct AiDevices {
    options: AiOptions,
}

impl AiDevices {
    pub fn new(options: AiOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }
}

impl TableFunctionImpl for AiDevices {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        check_no_arguments("ai_devices", args.exprs())?;
        let options = planning::session_options(args.session().config_options(), &self.options);
        memory_table(batch(&options)?)
    }
}

fn batch(options: &AiOptions) -> Result<RecordBatch> {
    let settings = &options.settings;
    let devices = list_devices(
        settings.onnxruntime.as_deref(),
        settings.ep_library.as_deref(),
    );
    let loaded = options.runtime.loaded();
    let in_use: Vec<String> = loaded.iter().filter_map(|model| model.device()).collect();
    let text = |get: &dyn Fn(&ListedDevice) -> Option<String>| -> ArrayRef {
        Arc::new(devices.iter().map(get).collect::<StringArray>())
    };
    let used: BooleanArray = devices
        .iter()
        .map(|listed| Some(in_use.contains(&listed.device.to_string())))
        .collect();
    let memory: Int64Array = devices
        .iter()
        .map(|listed| i64::try_from(listed.memory?).ok())
        .collect();
    let speed: Float64Array = devices
        .iter()
        .map(|listed| texts_per_second(options, listed, &in_use))
        .collect();
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("device", text(&|d| Some(d.device.to_string())), false),
        ("hardware", text(&|d| d.hardware.map(str::to_string)), true),
        ("vendor", text(&|d| d.vendor.clone()), true),
        ("memory_bytes", Arc::new(memory), true),
        ("provider", text(&|d| Some(d.provider.clone())), false),
        ("in_use", Arc::new(used) as ArrayRef, false),
        ("texts_per_second", Arc::new(speed), true),
        ("not_available", text(&|d| d.unavailable.clone()), true),
    ])?)
}

/// Speed of the model of the settings in its last long enough query on a device.
fn texts_per_second(options: &AiOptions, listed: &ListedDevice, in_use: &[String]) -> Option<f64> {
    let (runtime, mut settings) = (&options.runtime, options.settings.clone());
    let automatic = in_use.contains(&listed.device.to_string());
    let measured = automatic.then(|| runtime.throughput(&settings)).flatten();
    let measured = measured.or_else(|| {
        settings.device = listed.device;
        runtime.throughput(&settings)
    })?;
    Some((measured.tokens_per_second / measured.tokens_per_text).round())
}
