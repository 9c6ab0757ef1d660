//! The setting `ai.cache`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::CacheError;

/// Words that are more likely meant as a switch than as a folder in the current
/// directory.
const SWITCH_WORDS: [&str; 12] = [
    "0", "1", "auto", "disabled", "disk", "enabled", "false", "mem", "no", "none", "on", "true",
];

/// The value of `ai.cache`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum CacheSetting {
    /// No cache.
    #[default]
    Off,
    /// In memory, until the program ends.
    Memory,
    /// In a file in this folder, which processes share.
    Folder(PathBuf),
}

impl FromStr for CacheSetting {
    type Err = CacheError;

    /// Parses `off` and `memory` in any case, or a folder, in which a leading `~/`
    /// means the home folder. Blank text is an error, and so is a word like `on`
    /// or `none`; `./on` is a folder.
    fn from_str(text: &str) -> Result<CacheSetting, CacheError> {
        let text = text.trim();
        let word = text.to_ascii_lowercase();
        match word.as_str() {
            "off" => Ok(CacheSetting::Off),
            "memory" => Ok(CacheSetting::Memory),
            "" => Err(CacheError::new(
                "ai.cache is blank; write 'off', 'memory', or a folder for the cache",
            )),
            word if SWITCH_WORDS.contains(&word) => Err(CacheError::new(format!(
                "ai.cache = '{text}' is neither 'off' nor 'memory'; \
                 for a folder of that name, write './{text}'"
            ))),
            _ => expand_home(text, std::env::home_dir()).map(CacheSetting::Folder),
        }
    }
}

impl fmt::Display for CacheSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheSetting::Off => f.write_str("off"),
            CacheSetting::Memory => f.write_str("memory"),
            CacheSetting::Folder(folder) => folder.display().fmt(f),
        }
    }
}

fn expand_home(text: &str, home: Option<PathBuf>) -> Result<PathBuf, CacheError> {
    let Ok(below) = Path::new(text).strip_prefix("~") else {
        return Ok(PathBuf::from(text));
    };
    match home {
        Some(home) if !home.as_os_str().is_empty() => Ok(home.join(below)),
        _ => Err(CacheError::new(format!(
            "ai.cache = '{text}': the home folder is unknown; write the full path"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_folders_are_parsed() {
        let setting = |text: &str| text.parse::<CacheSetting>().unwrap();
        assert_eq!(setting("off"), CacheSetting::Off);
        assert_eq!(setting(" OFF "), CacheSetting::Off);
        assert_eq!(setting("Memory"), CacheSetting::Memory);
        for folder in ["/var/cache/semql", "cache", "./off", "../on", ".", "a b/ö"] {
            assert_eq!(setting(folder), CacheSetting::Folder(folder.into()));
            assert_eq!(setting(folder).to_string(), folder);
        }
        assert_eq!(setting("off").to_string().parse(), Ok(CacheSetting::Off));
        assert_eq!(
            setting("memory").to_string().parse(),
            Ok(CacheSetting::Memory)
        );
    }

    #[test]
    fn an_error_names_the_valid_values() {
        for blank in ["", "  "] {
            let error = blank.parse::<CacheSetting>().unwrap_err().to_string();
            assert!(error.contains("write 'off'"), "{error}");
        }
        let error = "None".parse::<CacheSetting>().unwrap_err().to_string();
        assert!(error.contains("./None"), "{error}");
    }

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        let home = Some(PathBuf::from("/home/me"));
        assert_eq!(expand_home("~/c", home.clone()), Ok("/home/me/c".into()));
        assert_eq!(expand_home("~", home.clone()), Ok("/home/me".into()));
        assert_eq!(expand_home("~c", home), Ok("~c".into()));
        assert!(expand_home("~/c", None).is_err());
    }
}
