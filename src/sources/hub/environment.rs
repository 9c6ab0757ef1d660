//! Endpoint, token and offline mode of the hub, from the environment.

use std::path::PathBuf;

use object_store::Result;
use url::Url;

use crate::environment::variable;
use crate::error::ShellError;
use crate::sources::store_errors::setup_error;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// URL of the hub: `HF_ENDPOINT`, or the public hub.
///
/// # Errors
/// A value that is not a web address.
pub fn endpoint() -> crate::error::Result<Url> {
    let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_string());
    Url::parse(&format!("{}/", endpoint.trim_end_matches('/')))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| ShellError::setup(format!("HF_ENDPOINT is not a web address: {endpoint}")))
}

/// Access token: `HF_TOKEN`, or the token of a login in the hub's home folder.
pub fn token() -> Option<String> {
    if let Some(token) = variable("HF_TOKEN") {
        return Some(token);
    }
    let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
        let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))?;
        Some(cache.join("huggingface"))
    });
    let file = variable("HF_TOKEN_PATH")
        .map(PathBuf::from)
        .or_else(|| Some(home?.join("token")))?;
    let token = std::fs::read_to_string(file).ok()?;
    let token = token.trim();
    (!token.is_empty()).then(|| token.to_string())
}

/// Checks that the hub may be used.
///
/// # Errors
/// `HF_HUB_OFFLINE` is set.
pub fn check_online() -> Result<()> {
    let is_offline = variable("HF_HUB_OFFLINE").is_some_and(|value| {
        !matches!(
            value.to_ascii_lowercase().as_str(),
            "0" | "false" | "no" | "off"
        )
    });
    if is_offline {
        return Err(setup_error(
            "HF_HUB_OFFLINE is set, so the hub is not used; unset it, or name a file on this machine".into(),
        ));
    }
    Ok(())
}
