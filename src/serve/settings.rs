//! Settings of Postgres, for each client. Most accept only the values that the
//! server implements; other values are refused.

use std::collections::HashMap;
use std::time::Duration;

use crate::duration;
use crate::error::{ErrorKind, Result, ShellError};

/// Version of Postgres whose catalogue and protocol clients may expect.
pub const SERVER_VERSION: &str = concat!("16.6 (semql ", env!("CARGO_PKG_VERSION"), ")");

/// Values that a setting accepts.
#[derive(Clone, Copy)]
enum Allowed {
    Any,
    /// Values with one of these prefixes, in upper case.
    Prefixes(&'static [&'static str]),
    /// A duration in milliseconds or with a unit; 0 disables it.
    Time,
    /// None, as the setting is read-only.
    ReadOnly,
}

struct ClientSetting {
    name: &'static str,
    default: &'static str,
    values: Allowed,
    /// Name under which changes are reported to clients.
    reported: Option<&'static str>,
}

const fn setting(name: &'static str, default: &'static str, values: Allowed) -> ClientSetting {
    ClientSetting {
        name,
        default,
        values,
        reported: None,
    }
}

const fn reported(
    name: &'static str,
    default: &'static str,
    values: Allowed,
    reported: &'static str,
) -> ClientSetting {
    ClientSetting {
        name,
        default,
        values,
        reported: Some(reported),
    }
}

const BOOLEAN: Allowed = Allowed::Prefixes(&["ON", "OFF", "TRUE", "FALSE", "1", "0", "YES", "NO"]);

const STATEMENT_TIMEOUT: &str = "statement_timeout";
const READ_ONLY: &str = "default_transaction_read_only";

const SETTINGS: &[ClientSetting] = &[
    reported("application_name", "", Allowed::Any, "application_name"),
    reported(
        "client_encoding",
        "UTF8",
        Allowed::Prefixes(&["UTF8", "UTF-8", "UNICODE"]),
        "client_encoding",
    ),
    reported(
        "datestyle",
        "ISO, YMD",
        Allowed::Prefixes(&["ISO"]),
        "DateStyle",
    ),
    reported(
        "intervalstyle",
        "postgres",
        Allowed::Prefixes(&["POSTGRES"]),
        "IntervalStyle",
    ),
    reported(
        "timezone",
        "Etc/UTC",
        Allowed::Prefixes(&["UTC", "ETC/UTC", "GMT", "DEFAULT"]),
        "TimeZone",
    ),
    reported(
        "standard_conforming_strings",
        "on",
        Allowed::Prefixes(&["ON", "TRUE"]),
        "standard_conforming_strings",
    ),
    setting("bytea_output", "hex", Allowed::Prefixes(&["HEX"])),
    setting("client_min_messages", "notice", Allowed::Any),
    setting("default_table_access_method", "heap", Allowed::ReadOnly),
    setting("default_tablespace", "", Allowed::ReadOnly),
    setting(
        "default_transaction_isolation",
        "read committed",
        Allowed::Any,
    ),
    setting(READ_ONLY, "off", BOOLEAN),
    setting("escape_string_warning", "on", BOOLEAN),
    setting("extra_float_digits", "1", Allowed::Any),
    setting(
        "idle_in_transaction_session_timeout",
        "0",
        Allowed::Prefixes(&["0", "DEFAULT"]),
    ),
    setting("integer_datetimes", "on", Allowed::ReadOnly),
    setting("lock_timeout", "0", Allowed::Any),
    setting("jit", "off", Allowed::Any),
    setting("max_identifier_length", "63", Allowed::ReadOnly),
    setting("max_index_keys", "32", Allowed::ReadOnly),
    setting(
        "row_security",
        "on",
        Allowed::Prefixes(&["ON", "TRUE", "YES"]),
    ),
    setting("search_path", "\"$user\", public", Allowed::Any),
    setting("server_encoding", "UTF8", Allowed::ReadOnly),
    setting("server_version", SERVER_VERSION, Allowed::ReadOnly),
    setting("server_version_num", "160006", Allowed::ReadOnly),
    setting("session_authorization", "", Allowed::ReadOnly),
    setting(STATEMENT_TIMEOUT, "0", Allowed::Time),
    setting("transaction_isolation", "read committed", Allowed::Any),
    setting("transaction_read_only", "off", Allowed::ReadOnly),
    setting("xmloption", "content", Allowed::Any),
];

fn find(name: &str) -> Option<&'static ClientSetting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// Settings that a client has changed.
#[derive(Clone, Default)]
pub struct ClientSettings(HashMap<&'static str, String>);

/// Change of a setting.
pub struct SettingChange {
    /// Name under which it is reported to clients, and value.
    pub report: Option<(&'static str, String)>,
}

/// Setting of Postgres with its value.
pub struct SettingValue {
    pub name: &'static str,
    pub value: String,
    pub default: &'static str,
    pub read_only: bool,
}

impl ClientSettings {
    /// All settings of Postgres.
    pub fn all(&self) -> Vec<SettingValue> {
        let settings = SETTINGS.iter().map(|setting| SettingValue {
            name: setting.name,
            value: self.get(setting).to_string(),
            default: setting.default,
            read_only: matches!(setting.values, Allowed::ReadOnly),
        });
        settings.collect()
    }

    /// Sets a value, or the default for `None`. Gives `None` for a name that is
    /// not a setting of Postgres.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidValue`].
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<Option<SettingChange>> {
        let Some(setting) = find(name) else {
            return Ok(None);
        };
        let value = match value {
            Some(value) => {
                let value = checked(setting, value)?;
                self.0.insert(setting.name, value.clone());
                value
            }
            None => {
                self.0.remove(setting.name);
                setting.default.to_string()
            }
        };
        Ok(Some(SettingChange {
            report: setting.reported.map(|name| (name, value)),
        }))
    }

    /// Name and value of a setting; `None` if Postgres lacks it.
    pub fn show(&self, name: &str) -> Option<(&'static str, String)> {
        let name = match name {
            "transaction.isolation.level" => "transaction_isolation",
            "time.zone" => "timezone",
            other => other,
        };
        let setting = find(name)?;
        Some((setting.name, self.get(setting).to_string()))
    }

    fn get(&self, setting: &'static ClientSetting) -> &str {
        self.0
            .get(setting.name)
            .map_or(setting.default, String::as_str)
    }

    fn value(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Timeout of statements, if the client has set one.
    pub fn statement_timeout(&self) -> Option<Duration> {
        let value = self.value(STATEMENT_TIMEOUT)?;
        let timeout = duration::parse_with(value, Duration::from_millis(1)).ok()?;
        (!timeout.is_zero()).then_some(timeout)
    }

    /// Whether transactions are read-only by default.
    pub fn default_read_only(&self) -> bool {
        self.value(READ_ONLY).is_some_and(is_on)
    }
}

fn is_on(value: &str) -> bool {
    ["on", "true", "1", "yes"]
        .iter()
        .any(|on| value.eq_ignore_ascii_case(on))
}

/// Checks a value and gives the form that SHOW displays.
fn checked(setting: &ClientSetting, value: &str) -> Result<String> {
    let upper = value.to_uppercase();
    let value_of = |fits: bool| fits.then(|| value.to_string());
    let checked = match setting.values {
        Allowed::Any => value_of(true),
        Allowed::Prefixes(values) => value_of(values.iter().any(|v| upper.starts_with(v))),
        Allowed::Time => duration::parse_with(value, Duration::from_millis(1))
            .ok()
            .map(duration::shown),
        Allowed::ReadOnly => None,
    };
    if let Some(checked) = checked {
        return Ok(checked);
    }
    let message = match setting.values {
        Allowed::Time => format!(
            "{} cannot be '{value}': give a duration such as 500, '500ms' or '5s', or 0 for none",
            setting.name
        ),
        _ => format!(
            "{} is {} on this server and cannot be '{value}'",
            setting.name,
            match setting.default {
                "" => "empty",
                default => default,
            }
        ),
    };
    Err(ShellError::of_kind(ErrorKind::InvalidValue, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_set_and_read_their_settings() {
        let mut settings = ClientSettings::default();
        let changed = settings.set("Application_Name", Some("report")).unwrap();
        let report = changed.and_then(|changed| changed.report);
        assert_eq!(report, Some(("application_name", "report".to_string())));
        let shown = |settings: &ClientSettings, name: &str| settings.show(name).map(|(_, v)| v);
        assert_eq!(
            shown(&settings, "application_name").as_deref(),
            Some("report")
        );
        settings.set("application_name", None).unwrap();
        assert_eq!(shown(&settings, "application_name").as_deref(), Some(""));
        assert_eq!(
            shown(&settings, "transaction.isolation.level").as_deref(),
            Some("read committed")
        );
        assert_eq!(
            shown(&settings, "server_version_num").as_deref(),
            Some("160006")
        );
        assert_eq!(shown(&settings, "ai.model"), None);
        assert!(settings.set("ai.model", Some("x")).unwrap().is_none());
    }

    #[test]
    fn unsupported_values_are_refused() {
        let mut settings = ClientSettings::default();
        for (name, value) in [
            ("client_encoding", "LATIN1"),
            ("DateStyle", "German"),
            ("timezone", "America/New_York"),
            ("server_version", "9.6"),
            ("standard_conforming_strings", "off"),
            ("session_authorization", "boss"),
            ("statement_timeout", "soon"),
            ("statement_timeout", "-1"),
            ("row_security", "off"),
            ("transaction_read_only", "off"),
        ] {
            let error = settings.set(name, Some(value)).err();
            let kind = error.map(|error| error.kind);
            assert_eq!(kind, Some(ErrorKind::InvalidValue), "{name} {value}");
        }
        for (name, value) in [
            ("client_encoding", "utf8"),
            ("datestyle", "ISO, DMY"),
            ("timezone", "UTC"),
            ("lock_timeout", "0"),
        ] {
            assert!(settings.set(name, Some(value)).unwrap().is_some(), "{name}");
        }
    }

    #[test]
    fn timeouts_and_read_only_are_read() {
        let mut settings = ClientSettings::default();
        assert_eq!(settings.statement_timeout(), None);
        for (value, milliseconds) in [
            ("250", Some(250)),
            ("5s", Some(5_000)),
            ("2min", Some(120_000)),
            ("0", None),
        ] {
            settings.set("statement_timeout", Some(value)).unwrap();
            assert_eq!(
                settings.statement_timeout(),
                milliseconds.map(Duration::from_millis),
                "{value}"
            );
        }
        assert!(!settings.default_read_only());
        settings.set(READ_ONLY, Some("on")).unwrap();
        assert!(settings.default_read_only());
    }
}
