//! Conversion of chart errors into errors of the shell, with the nearest known name.

use semql_charts::ChartError;

use crate::error::ShellError;
use crate::suggest;

impl From<ChartError> for ShellError {
    fn from(error: ChartError) -> Self {
        let hint = error.misspelling().map_or_else(String::new, |misspelling| {
            suggest::hint(misspelling.word, misspelling.allowed)
        });
        match error {
            ChartError::Arrow(error) => error.into(),
            error => Self::query(format!("{error}{hint}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest_one() {
        let columns = vec!["id".to_string(), "amount".to_string()];
        let name = "amuont".to_string();
        let error = ShellError::from(ChartError::UnknownColumn { name, columns });
        assert_eq!(
            error.message,
            "the result has no column 'amuont'; it has id, amount; did you mean 'amount'?"
        );
        let error = ShellError::from(ChartError::Invalid("no rows".to_string()));
        assert_eq!(error.message, "no rows");
    }
}
