//! `\pset`: settings of the display of results, by the names of psql.

use super::call::{Action, Call, switch_value};
use crate::error::{Result, ShellError};
use crate::output::{OutputFormat, PAGER_MODES, PagerMode, Style};
use crate::shell::Shell;
use crate::suggest::hint;

/// Setting of `\pset`.
struct PrintSetting {
    name: &'static str,
    /// Value in messages.
    shown: fn(&Style) -> String,
    /// Sets the value; `None` is the opposite of a switch.
    assign: fn(&mut Style, Option<&str>) -> Result<()>,
}

const SETTINGS: &[PrintSetting] = &[
    PrintSetting {
        name: "columns",
        shown: |style| style.width.unwrap_or(0).to_string(),
        assign: |style, value| {
            style.width = match required("columns", value)?.parse::<usize>() {
                Ok(0) => None,
                Ok(width) => Some(width),
                Err(_) => {
                    return Err(ShellError::query(
                        "\\pset columns takes a number; 0 is the width of the terminal",
                    ));
                }
            };
            Ok(())
        },
    },
    PrintSetting {
        name: "expanded",
        shown: |style| on_off(style.expanded),
        assign: |style, value| {
            style.expanded = switch_value(value, style.expanded)?;
            Ok(())
        },
    },
    PrintSetting {
        name: "format",
        shown: |style| style.format.name().to_string(),
        assign: |style, value| {
            // psql's name of tables.
            let name = match required("format", value)? {
                "aligned" => "table",
                name => name,
            };
            style.format = name
                .parse::<OutputFormat>()
                .map_err(|error| ShellError::query(error.message))?;
            Ok(())
        },
    },
    PrintSetting {
        name: "null",
        shown: |style| format!("'{}'", style.null),
        assign: |style, value| {
            style.null = required("null", value)?.to_string();
            Ok(())
        },
    },
    PrintSetting {
        name: "pager",
        shown: |style| style.pager.name().to_string(),
        assign: |style, value| {
            style.pager = pager(value, style.pager)?;
            Ok(())
        },
    },
];

/// Names of the settings, for completion.
pub const NAMES: &[&str] = &["columns", "expanded", "format", "null", "pager"];

/// Sets a setting and confirms it, or lists all.
///
/// # Errors
/// Unknown settings and values.
pub async fn set(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let (name, value) = match call.words.as_slice() {
        [] => {
            let lines = SETTINGS.iter().map(|it| line(it, &shell.style));
            let text = lines.collect::<Vec<_>>().join("\n");
            shell.write_text(&text)?;
            return Ok(Action::Continue);
        }
        [name] => (name, None),
        [name, value] => (name, Some(value.as_str())),
        _ => {
            return Err(ShellError::query(
                "\\pset takes a name and one value; put a value with blanks in quotes",
            ));
        }
    };
    let Some(setting) = SETTINGS.iter().find(|it| it.name == name) else {
        return Err(ShellError::query(format!(
            "\\pset has no setting '{name}'{}; it has {}",
            hint(name, NAMES.iter().copied()),
            NAMES.join(", ")
        )));
    };
    (setting.assign)(&mut shell.style, value)?;
    shell.print_confirmation(&line(setting, &shell.style));
    Ok(Action::Continue)
}

fn line(setting: &PrintSetting, style: &Style) -> String {
    format!("{:10}{}", setting.name, (setting.shown)(style))
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str> {
    value.ok_or_else(|| ShellError::query(format!("\\pset {name} needs a value")))
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_string()
}

fn pager(value: Option<&str>, current: PagerMode) -> Result<PagerMode> {
    let Some(value) = value else {
        return Ok(match current {
            PagerMode::Off => PagerMode::On,
            PagerMode::On | PagerMode::Always => PagerMode::Off,
        });
    };
    let mut modes = PAGER_MODES.iter();
    let mode = modes.find(|(name, _)| name.eq_ignore_ascii_case(value));
    mode.map(|(_, mode)| *mode).ok_or_else(|| {
        ShellError::query(format!(
            "'{value}' is not a mode of the pager; choose on, off or always"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(name: &str, value: Option<&str>) -> Result<Style> {
        let mut style = Style::default();
        let setting = SETTINGS.iter().find(|it| it.name == name).unwrap();
        (setting.assign)(&mut style, value)?;
        Ok(style)
    }

    #[test]
    fn the_names_are_those_of_the_settings() {
        let names: Vec<&str> = SETTINGS.iter().map(|it| it.name).collect();
        assert_eq!(names, NAMES);
    }

    #[test]
    fn values_are_set() {
        assert_eq!(assigned("columns", Some("60")).unwrap().width, Some(60));
        assert_eq!(assigned("columns", Some("0")).unwrap().width, None);
        assert!(assigned("expanded", None).unwrap().expanded);
        let style = assigned("format", Some("aligned")).unwrap();
        assert_eq!(style.format, OutputFormat::Table);
        assert_eq!(assigned("null", Some("")).unwrap().null, "");
        let off = assigned("pager", None).unwrap();
        assert_eq!(off.pager, PagerMode::Off);
        let always = assigned("pager", Some("Always")).unwrap();
        assert_eq!(always.pager, PagerMode::Always);
    }

    #[test]
    fn wrong_values_are_refused() {
        for (name, value) in [
            ("columns", Some("wide")),
            ("columns", None),
            ("expanded", Some("perhaps")),
            ("format", Some("html")),
            ("null", None),
            ("pager", Some("less")),
        ] {
            assert!(assigned(name, value).is_err(), "{name} {value:?}");
        }
    }
}
