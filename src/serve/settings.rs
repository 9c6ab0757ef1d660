//! Settings that are Postgres' own: clients set and read them without being
//! asked to. What they mean is fixed here, so most can only have one value.

use std::collections::HashMap;

use crate::script::first_words;

/// The version whose catalogue and protocol clients may expect.
pub const SERVER_VERSION: &str = concat!("16.6 (semql ", env!("CARGO_PKG_VERSION"), ")");

/// What a setting may be.
#[derive(Clone, Copy)]
enum Values {
    Any,
    /// Values that begin so, in capitals.
    Like(&'static [&'static str]),
    /// It can be read only.
    Fixed,
}

pub struct Setting {
    name: &'static str,
    default: &'static str,
    values: Values,
    /// The name under which clients are told of changes.
    reported: Option<&'static str>,
}

const fn setting(name: &'static str, default: &'static str, values: Values) -> Setting {
    Setting {
        name,
        default,
        values,
        reported: None,
    }
}

const fn reported(
    name: &'static str,
    default: &'static str,
    values: Values,
    reported: &'static str,
) -> Setting {
    Setting {
        name,
        default,
        values,
        reported: Some(reported),
    }
}

const BOOLEAN: Values = Values::Like(&["ON", "OFF", "TRUE", "FALSE", "1", "0", "YES", "NO"]);

const SETTINGS: &[Setting] = &[
    reported("application_name", "", Values::Any, "application_name"),
    reported("client_encoding", "UTF8", Values::Like(&["UTF8", "UTF-8", "UNICODE"]), "client_encoding"),
    reported("datestyle", "ISO, YMD", Values::Like(&["ISO"]), "DateStyle"),
    reported("intervalstyle", "postgres", Values::Like(&["POSTGRES"]), "IntervalStyle"),
    reported("timezone", "Etc/UTC", Values::Like(&["UTC", "ETC/UTC", "GMT", "DEFAULT"]), "TimeZone"),
    reported("standard_conforming_strings", "on", Values::Like(&["ON", "TRUE"]), "standard_conforming_strings"),
    setting("bytea_output", "hex", Values::Like(&["HEX"])),
    setting("client_min_messages", "notice", Values::Any),
    setting("default_transaction_isolation", "read committed", Values::Any),
    setting("default_transaction_read_only", "off", BOOLEAN),
    setting("escape_string_warning", "on", BOOLEAN),
    setting("extra_float_digits", "1", Values::Any),
    setting("idle_in_transaction_session_timeout", "0", Values::Any),
    setting("integer_datetimes", "on", Values::Fixed),
    setting("lock_timeout", "0", Values::Any),
    setting("max_identifier_length", "63", Values::Fixed),
    setting("row_security", "on", BOOLEAN),
    setting("search_path", "\"$user\", public", Values::Any),
    setting("server_encoding", "UTF8", Values::Fixed),
    setting("server_version", SERVER_VERSION, Values::Fixed),
    setting("server_version_num", "160006", Values::Fixed),
    setting("session_authorization", "", Values::Any),
    setting("statement_timeout", "0", Values::Like(&["0", "DEFAULT"])),
    setting("transaction_isolation", "read committed", Values::Any),
    setting("transaction_read_only", "off", BOOLEAN),
    setting("xmloption", "content", Values::Any),
];

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// What a client has set.
#[derive(Default)]
pub struct Settings(HashMap<&'static str, String>);

impl Settings {
    /// Sets it if it is one of ours; whether it is.
    pub fn put(&mut self, name: &str, value: &str) -> bool {
        let Some(setting) = find(name) else {
            return false;
        };
        self.0.insert(setting.name, value.to_string());
        true
    }

    fn get(&self, setting: &'static Setting) -> &str {
        self.0.get(setting.name).map_or(setting.default, String::as_str)
    }

    /// Carries out what a statement asks of these settings.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn run(&mut self, ask: &Ask) -> Result<Answer, String> {
        match ask {
            Ask::Show(setting) => Ok(Answer::Value {
                name: setting.name,
                value: self.get(setting).to_string(),
            }),
            Ask::Set(setting, value) => {
                check(setting, value)?;
                let value = match value.eq_ignore_ascii_case("default") {
                    true => setting.default.to_string(),
                    false => value.clone(),
                };
                self.0.insert(setting.name, value.clone());
                Ok(Answer::Done {
                    tag: "SET",
                    report: setting.reported.map(|name| (name, value)),
                })
            }
            Ask::Reset(setting) => {
                self.0.remove(setting.name);
                Ok(Answer::Done {
                    tag: "RESET",
                    report: setting.reported.map(|name| (name, setting.default.to_string())),
                })
            }
            Ask::Nothing => Ok(Answer::Done {
                tag: "SET",
                report: None,
            }),
        }
    }
}

fn check(setting: &Setting, value: &str) -> Result<(), String> {
    let upper = value.to_uppercase();
    let fits = match setting.values {
        Values::Any => true,
        Values::Like(values) => upper == "DEFAULT" || values.iter().any(|v| upper.starts_with(v)),
        Values::Fixed => false,
    };
    match fits {
        true => Ok(()),
        false => Err(format!(
            "{} is {} here and cannot become {value:?}",
            setting.name, setting.default
        )),
    }
}

/// What a statement asks of these settings.
pub enum Ask {
    Show(&'static Setting),
    Set(&'static Setting, String),
    Reset(&'static Setting),
    /// It has no meaning here, and no harm in it.
    Nothing,
}

pub enum Answer {
    Value {
        name: &'static str,
        value: String,
    },
    Done {
        tag: &'static str,
        /// A name and its value that the client is to be told.
        report: Option<(&'static str, String)>,
    },
}

/// Reads `SET`, `SHOW` and `RESET` of these settings; `None` for everything
/// else, the settings of the engine among it.
pub fn read(sql: &str) -> Option<Ask> {
    let (words, _) = first_words(sql, 4);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rest = |count| first_words(sql, count).1;
    match words.as_slice() {
        ["SET", "TRANSACTION" | "CONSTRAINTS" | "ROLE", ..]
        | ["SET", "SESSION", "CHARACTERISTICS" | "AUTHORIZATION", ..] => Some(Ask::Nothing),
        ["SHOW", "TRANSACTION", "ISOLATION", "LEVEL"] => find("transaction_isolation").map(Ask::Show),
        ["SHOW", "TIME", "ZONE"] => find("timezone").map(Ask::Show),
        ["SET", "TIME", "ZONE", ..] => Some(Ask::Set(find("timezone")?, value(rest(3)))),
        ["SET", "SESSION" | "LOCAL", "TIME", "ZONE"] => Some(Ask::Set(find("timezone")?, value(rest(4)))),
        ["SET", "NAMES", ..] => Some(Ask::Set(find("client_encoding")?, value(rest(2)))),
        ["SET", "SESSION" | "LOCAL", name, ..] => Some(Ask::Set(find(name)?, value(rest(3)))),
        ["SET", name, ..] => Some(Ask::Set(find(name)?, value(rest(2)))),
        ["SHOW", name] => find(name).map(Ask::Show),
        ["RESET", name] => find(name).map(Ask::Reset),
        _ => None,
    }
}

/// The value in `= 'value'`, `TO value` or `value`.
fn value(rest: &str) -> String {
    let rest = rest.trim().trim_end_matches(';').trim_end();
    let rest = match rest.get(..3) {
        Some(to) if to.trim_end().eq_ignore_ascii_case("to") => &rest[3..],
        _ => rest.strip_prefix('=').unwrap_or(rest),
    };
    rest.trim().trim_matches('\'').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &mut Settings, sql: &str) -> Result<Answer, String> {
        settings.run(&read(sql).unwrap_or_else(|| panic!("{sql}")))
    }

    fn shown(settings: &mut Settings, sql: &str) -> String {
        match set(settings, sql) {
            Ok(Answer::Value { value, .. }) => value,
            _ => panic!("{sql}"),
        }
    }

    #[test]
    fn clients_set_and_read_their_own() {
        let mut settings = Settings::default();
        for sql in [
            "SET application_name = 'report'",
            "set session application_name to report",
            "SET LOCAL application_name TO 'report'",
        ] {
            settings = Settings::default();
            assert!(matches!(
                set(&mut settings, sql),
                Ok(Answer::Done { report: Some(("application_name", _)), .. })
            ));
            assert_eq!(shown(&mut settings, "SHOW application_name"), "report");
        }
        set(&mut settings, "RESET application_name").unwrap();
        assert_eq!(shown(&mut settings, "show APPLICATION_NAME"), "");
        assert_eq!(shown(&mut settings, "SHOW TRANSACTION ISOLATION LEVEL"), "read committed");
        assert_eq!(shown(&mut settings, "SHOW server_version_num"), "160006");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut settings = Settings::default();
        for sql in [
            "SET client_encoding TO 'LATIN1'",
            "SET NAMES 'LATIN1'",
            "SET DateStyle = 'German'",
            "SET TIME ZONE 'America/New_York'",
            "SET server_version = '9.6'",
            "SET standard_conforming_strings = off",
        ] {
            assert!(set(&mut settings, sql).is_err(), "{sql}");
        }
        for sql in ["SET NAMES 'utf8'", "SET datestyle TO ISO", "SET TIME ZONE 'UTC'", "SET timezone = DEFAULT"] {
            assert!(set(&mut settings, sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn the_engines_settings_are_not_ours() {
        for sql in ["SET ai.model = 'x'", "SHOW ALL", "SHOW ai.model", "SHOW TABLES", "SELECT 1", "RESET ai.model"] {
            assert!(read(sql).is_none(), "{sql}");
        }
    }
}
