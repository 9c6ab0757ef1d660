//! Environment variables.

/// Value of an environment variable, trimmed; `None` for a blank one.
pub fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_string())
}
