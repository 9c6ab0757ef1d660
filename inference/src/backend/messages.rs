//! Messages of errors of ONNX Runtime.

use super::Device;
use crate::error::Error;

/// The first line of a message of ONNX Runtime, whose further lines are its own
/// stack.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_string()
}

/// Error of a device that cannot be used.
pub(super) fn device_error(device: Device, reason: &str) -> Error {
    Error::Setup(format!(
        "device {device} is not available: {}. SHOW DEVICES lists those of this machine; \
         SET ai.device = 'auto' or 'cpu' runs without it, and `semql setup --gpu` installs what \
         the machine can use",
        first_line(reason)
    ))
}
