//! Keys of cached answers.

use crate::options::EndpointOptions;
use crate::prompt::{PROMPT_VERSION, Prompt};

/// Key of an answer: a hash of all that it depends on.
pub type AnswerKey = [u8; 32];

/// The key of the answer to a prompt. `task` distinguishes the validation of answers.
pub fn answer_key(options: &EndpointOptions, task: &str, prompt: &Prompt) -> AnswerKey {
    let mut hasher = blake3::Hasher::new();
    let limits = format!(
        "{PROMPT_VERSION} {} {:?}",
        options.temperature, options.max_tokens
    );
    let parts = [
        options.location.as_str(),
        &options.model,
        &limits,
        task,
        prompt.system.as_deref().unwrap_or_default(),
        &prompt.user,
    ];
    for part in parts {
        // The lengths separate the parts.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
