//! Models that set-up installs for the tests.

use super::skip::skip;

const MULTILINGUAL: &str = "multilingual-e5-small";

/// The folder of the multilingual model that `scripts/test_setup.py` has installed.
/// Skips the test without it.
pub fn multilingual_model() -> Option<String> {
    // target/release/deps/main-...
    let test = std::env::current_exe().ok()?;
    let folder = test.ancestors().nth(3)?.join(MULTILINGUAL);
    if !folder.join("model.safetensors").is_file() {
        skip(MULTILINGUAL);
        return None;
    }
    Some(folder.display().to_string())
}
