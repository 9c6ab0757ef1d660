//! Syntax of calls in error messages, and the check of the number of arguments.

use datafusion::common::plan_err;
use datafusion::error::Result;

/// `function(a, b [, c])`, from the names of arguments and whether each is required.
pub fn call_syntax<'a>(
    function: &str,
    arguments: impl IntoIterator<Item = (&'a str, bool)>,
) -> String {
    let mut syntax = format!("{function}(");
    for (position, (name, required)) in arguments.into_iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        syntax += &match (required, position) {
            (true, _) => format!("{comma}{name}"),
            (false, 0) => format!("[{name}]"),
            (false, _) => format!(" [{comma}{name}]"),
        };
    }
    syntax + ")"
}

/// Checks that a call has between `required` and `max` arguments.
///
/// # Errors
/// Another number, with the `syntax` of the function.
pub fn check_argument_count(
    function: &str,
    given: usize,
    required: usize,
    max: usize,
    syntax: &str,
) -> Result<()> {
    if (required..=max).contains(&given) {
        return Ok(());
    }
    let expected = match (required, max) {
        (1, 1) => "1 argument".to_string(),
        (required, max) if required == max => format!("{max} arguments"),
        (required, max) => format!("{required} to {max} arguments"),
    };
    plan_err!("{function} takes {expected}, not {given}: write {syntax}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_arguments_have_brackets() {
        let syntax = call_syntax("f", [("v", true), ("k", true), ("p", false)]);
        assert_eq!(syntax, "f(v, k [, p])");
        assert_eq!(call_syntax("f", [("v", false)]), "f([v])");
        assert_eq!(call_syntax("f", []), "f()");
    }

    #[test]
    fn wrong_argument_counts_fail() {
        assert!(check_argument_count("f", 2, 1, 2, "f(a [, b])").is_ok());
        let error = check_argument_count("f", 3, 1, 2, "f(a [, b])").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("1 to 2 arguments, not 3: write f(a [, b])")
        );
    }
}
