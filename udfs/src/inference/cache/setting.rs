//! `ai.cache`: where vectors are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Error;

/// Words that somebody who means a switch may write. As folder names they would
/// make a folder of that name wherever the program happens to run.
const NOT_FOLDERS: [&str; 12] = [
    "0", "1", "auto", "disabled", "disk", "enabled", "false", "mem", "no", "none", "on", "true",
];

/// The value of `ai.cache`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Setting {
    /// Nothing is kept.
    #[default]
    Off,
    /// Kept until the program ends.
    Memory,
    /// Kept in a file in this folder, shared with other processes.
    Folder(PathBuf),
}

impl FromStr for Setting {
    type Err = Error;

    /// `off` and `memory` in any case; anything else is a folder, in which a
    /// leading `~/` stands for the home folder. Blank text is an error, and so is
    /// a word like `on` or `none`, which hardly is a folder (`./on` is one).
    fn from_str(text: &str) -> Result<Setting, Error> {
        let text = text.trim();
        let word = text.to_ascii_lowercase();
        match word.as_str() {
            "off" => Ok(Setting::Off),
            "memory" => Ok(Setting::Memory),
            "" => Err(Error::new(
                "ai.cache is blank; write 'off', 'memory', or the folder to keep vectors in",
            )),
            word if NOT_FOLDERS.contains(&word) => Err(Error::new(format!(
                "ai.cache = '{text}' is neither 'off' nor 'memory'; \
                 if a folder of that name is meant, write './{text}'"
            ))),
            _ => at_home(text, std::env::home_dir()).map(Setting::Folder),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Off => f.write_str("off"),
            Setting::Memory => f.write_str("memory"),
            Setting::Folder(folder) => folder.display().fmt(f),
        }
    }
}

fn at_home(text: &str, home: Option<PathBuf>) -> Result<PathBuf, Error> {
    let Ok(below) = Path::new(text).strip_prefix("~") else {
        return Ok(PathBuf::from(text));
    };
    match home {
        Some(home) if !home.as_os_str().is_empty() => Ok(home.join(below)),
        _ => Err(Error::new(format!(
            "ai.cache = '{text}': this user has no home folder; write the whole path"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_folders() {
        let setting = |text: &str| text.parse::<Setting>().unwrap();
        assert_eq!(setting("off"), Setting::Off);
        assert_eq!(setting(" OFF "), Setting::Off);
        assert_eq!(setting("Memory"), Setting::Memory);
        for folder in ["/var/cache/semql", "cache", "./off", "../on", ".", "a b/ö"] {
            assert_eq!(setting(folder), Setting::Folder(folder.into()));
            assert_eq!(setting(folder).to_string(), folder);
        }
        assert_eq!(setting("off").to_string().parse(), Ok(Setting::Off));
        assert_eq!(setting("memory").to_string().parse(), Ok(Setting::Memory));
    }

    #[test]
    fn what_is_no_folder_says_what_to_write() {
        for blank in ["", "  "] {
            let error = blank.parse::<Setting>().unwrap_err().to_string();
            assert!(error.contains("write 'off'"), "{error}");
        }
        let error = "None".parse::<Setting>().unwrap_err().to_string();
        assert!(error.contains("./None"), "{error}");
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = Some(PathBuf::from("/home/me"));
        assert_eq!(at_home("~/c", home.clone()), Ok("/home/me/c".into()));
        assert_eq!(at_home("~", home.clone()), Ok("/home/me".into()));
        assert_eq!(at_home("~c", home), Ok("~c".into()));
        assert!(at_home("~/c", None).is_err());
    }
}
