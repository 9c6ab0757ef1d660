//! Random bytes for secrets.

use crate::error::{Result, ShellError};

/// Reads random bytes from the operating system.
///
/// # Errors
/// If the system gives none.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom_for_features::getrandom(&mut bytes).map_err(|error| {
        ShellError::setup(format!(
            "cannot read random bytes from the operating system: {error}"
        ))
    })?;
    Ok(bytes)
}
