//! Random access tokens.

use crate::error::Result;
use crate::random;

/// Creates a token: 128 random bits in hexadecimal digits.
///
/// # Errors
/// If the operating system returns no random bytes.
pub fn random_token() -> Result<String> {
    let bytes = random::bytes::<16>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Compares two tokens in constant time.
pub fn tokens_equal(a: &str, b: &str) -> bool {
    let differing = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    a.len() == b.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_compared_completely() {
        let (a, b) = (random_token().unwrap(), random_token().unwrap());
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
        assert!(tokens_equal(&a, &a.clone()));
        assert!(!tokens_equal(&a, &b) && !tokens_equal(&a, &a[1..]) && !tokens_equal(&a, ""));
    }
}
