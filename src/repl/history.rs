//! History of the prompt: its file, its size, and which inputs it leaves out.
//!
//! The variables HISTFILE, HISTSIZE and HISTCONTROL have the meaning of psql's; the
//! start-up file may set them.

use std::path::{Path, PathBuf};

use rustyline::config::Configurer;
use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

use super::folders::xdg_folder;
use crate::error::{Result, ShellError};
use crate::script::Variables;

/// Environment variable with the path of the file; empty for no file.
const FILE_ENV: &str = "SEMQL_HISTORY";

/// Entries of the history without HISTSIZE.
const DEFAULT_HISTORY_SIZE: usize = 10_000;

/// Largest HISTSIZE; a negative one means it.
const MAX_HISTORY_SIZE: usize = 1_000_000;

/// Values of HISTCONTROL: name, whether inputs with a leading blank are left out,
/// and whether repetitions are.
const HISTORY_CONTROLS: &[(&str, bool, bool)] = &[
    ("none", false, false),
    ("ignorespace", true, false),
    ("ignoredups", false, true),
    ("ignoreboth", true, true),
];

/// Settings of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    size: usize,
    ignore_blank: bool,
    ignore_repeated: bool,
}

impl HistoryOptions {
    /// Settings in the variables of the shell. `environment` is HISTCONTROL of the
    /// process, which counts if the variable is not set.
    ///
    /// # Errors
    /// Values that are not valid.
    pub fn of(variables: &Variables, environment: Option<&str>) -> Result<Self> {
        let size = match variables.get("HISTSIZE") {
            None => DEFAULT_HISTORY_SIZE,
            Some(text) => match text.trim().parse::<i64>() {
                Ok(size) => usize::try_from(size)
                    .unwrap_or(MAX_HISTORY_SIZE)
                    .min(MAX_HISTORY_SIZE),
                Err(_) => {
                    return Err(ShellError::query(format!(
                        "HISTSIZE is '{text}', which is not a number of entries"
                    )));
                }
            },
        };
        let (ignore_blank, ignore_repeated) = match variables.get("HISTCONTROL") {
            Some(text) => control(text).ok_or_else(|| {
                let names: Vec<&str> = HISTORY_CONTROLS.iter().map(|(name, ..)| *name).collect();
                ShellError::query(format!(
                    "HISTCONTROL is '{text}'; choose one of {}",
                    names.join(", ")
                ))
            })?,
            None => environment.map_or((false, false), environment_control),
        };
        Ok(Self {
            size,
            ignore_blank,
            ignore_repeated,
        })
    }

    /// Applies the settings to the editor.
    ///
    /// # Errors
    /// Those of the editor.
    pub fn apply<H: Helper>(&self, editor: &mut Editor<H, FileHistory>) -> rustyline::Result<()> {
        editor.set_max_history_size(self.size)?;
        editor.set_history_ignore_dups(self.ignore_repeated)?;
        editor.set_history_ignore_space(self.ignore_blank);
        Ok(())
    }
}

fn control(text: &str) -> Option<(bool, bool)> {
    let text = text.trim();
    let mut controls = HISTORY_CONTROLS.iter();
    let known = controls.find(|(name, ..)| name.eq_ignore_ascii_case(text))?;
    Some((known.1, known.2))
}

/// Value of bash, which separates several words with colons and has others too.
fn environment_control(text: &str) -> (bool, bool) {
    let words = text.split(':').filter_map(control);
    words.fold((false, false), |all, word| (all.0 | word.0, all.1 | word.1))
}

/// History file; creates its folder. `None` if the history is off or the folder
/// cannot be created.
pub fn history_file(variables: &Variables) -> Option<PathBuf> {
    let path = match (variables.get("HISTFILE"), std::env::var_os(FILE_ENV)) {
        (Some(""), _) => return None,
        (Some(path), _) => crate::sources::location::expand_home(path),
        (None, Some(path)) if path.is_empty() => return None,
        (None, Some(path)) => PathBuf::from(path),
        (None, None) => xdg_folder("XDG_STATE_HOME", ".local/state")?
            .join("semql")
            .join("history"),
    };
    let folder = path.parent();
    if let Some(folder) = folder.filter(|folder| *folder != Path::new("")) {
        std::fs::create_dir_all(folder).ok()?;
    }
    Some(path)
}

/// Whether an input may hold a key or a password: it has the word `api_key`, or a URL
/// with credentials. Statements refuse both.
pub fn may_hold_key(input: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = input.split(|c: char| !is_word(c));
    let ends_host = |c: char| c == '/' || c == '\'' || c.is_whitespace();
    let mut urls = input.split("://").skip(1);
    words.any(|word| word.eq_ignore_ascii_case("api_key"))
        || urls.any(|url| {
            let host = url.split(ends_host).next();
            host.is_some_and(|host| host.contains('@'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(values: &[(&str, &str)], environment: Option<&str>) -> Result<HistoryOptions> {
        let mut variables = Variables::default();
        for (name, value) in values {
            variables.set(name, *value)?;
        }
        HistoryOptions::of(&variables, environment)
    }

    #[test]
    fn variables_set_size_and_control() {
        let default = options(&[], None).unwrap();
        assert_eq!(
            default,
            HistoryOptions {
                size: DEFAULT_HISTORY_SIZE,
                ignore_blank: false,
                ignore_repeated: false
            }
        );
        assert_eq!(options(&[("HISTSIZE", "7")], None).unwrap().size, 7);
        for unlimited in ["-1", "99999999999"] {
            let options = options(&[("HISTSIZE", unlimited)], None).unwrap();
            assert_eq!(options.size, MAX_HISTORY_SIZE);
        }
        let both = options(&[("HISTCONTROL", "IgnoreBoth")], None).unwrap();
        assert!(both.ignore_blank && both.ignore_repeated);
    }

    #[test]
    fn the_environment_counts_without_the_variable() {
        let blank = options(&[], Some("erasedups:ignorespace")).unwrap();
        assert!(blank.ignore_blank && !blank.ignore_repeated);
        let none = options(&[("HISTCONTROL", "none")], Some("ignoreboth")).unwrap();
        assert!(!none.ignore_blank && !none.ignore_repeated);
    }

    #[test]
    fn invalid_values_are_refused() {
        let size = options(&[("HISTSIZE", "many")], None).unwrap_err();
        assert!(size.message.contains("HISTSIZE"), "{size}");
        let control = options(&[("HISTCONTROL", "never")], None).unwrap_err();
        assert!(control.message.contains("ignorespace"), "{control}");
    }

    #[test]
    fn inputs_with_keys_are_recognized() {
        for input in [
            "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x' OPTIONS (model 'y', API_KEY 'sk-1')",
            "... OPTIONS (api_key='sk-1')",
            "SELECT * FROM 'https://user:word@example.com/x.csv'",
            "SELECT 1; LOCATION 'http://sk-1@example.com'",
        ] {
            assert!(may_hold_key(input), "{input}");
        }
        for input in [
            "OPTIONS (model 'y', api_key_env 'OPENAI_API_KEY')",
            "SELECT my_api_key FROM t",
            "SELECT * FROM 'hf://datasets/owner/name@main/x.csv' WHERE mail = 'a@b.c'",
            "SELECT 'a@b', '://'",
        ] {
            assert!(!may_hold_key(input), "{input}");
        }
    }
}
