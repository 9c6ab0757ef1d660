//! Bytes that nobody guesses.

use crate::error::{Result, ShellError};

/// # Errors
/// If the system has no random numbers.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom_for_features::getrandom(&mut bytes).map_err(|error| {
        ShellError::setup(format!("the system gives no random numbers: {error}"))
    })?;
    Ok(bytes)
}
