//! Options of a chart file.

use super::text::shortened;
use crate::error::{ChartError, Result};
use crate::kind::{CHART_KINDS, ChartKind};

/// Colours of background and text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
    /// The theme of the reader's screen where the format supports it; else light.
    #[default]
    Auto,
}

const THEMES: &[(&str, Theme)] = &[
    ("light", Theme::Light),
    ("dark", Theme::Dark),
    ("auto", Theme::Auto),
];

/// Longest title in characters; the rest is cut.
const MAX_TITLE_CHARS: usize = 200;

/// Allowed widths and heights, in pixels.
const PIXELS: std::ops::RangeInclusive<u32> = 200..=4000;

/// Options of a chart file; each `None` is chosen by the columns.
#[derive(Clone, Debug, Default)]
pub struct ChartOptions {
    pub kind: Option<ChartKind>,
    pub x: Option<String>,
    pub y: Option<String>,
    pub title: Option<String>,
    pub color: Option<String>,
    pub label: Option<String>,
    /// Columns, separated by commas.
    pub hover: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub theme: Theme,
}

type SetOption = fn(&mut ChartOptions, &str) -> Result<()>;

/// Every option by its name.
const OPTIONS: &[(&str, SetOption)] = &[
    ("chart", |options, text| {
        options.kind = Some(one_of("chart", text, CHART_KINDS)?);
        Ok(())
    }),
    ("x", |options, text| {
        options.x = Some(text.to_string());
        Ok(())
    }),
    ("y", |options, text| {
        options.y = Some(text.to_string());
        Ok(())
    }),
    ("title", |options, text| {
        options.title = Some(shortened(text, MAX_TITLE_CHARS));
        Ok(())
    }),
    ("color", |options, text| {
        options.color = Some(text.to_string());
        Ok(())
    }),
    ("label", |options, text| {
        options.label = Some(text.to_string());
        Ok(())
    }),
    ("hover", |options, text| {
        options.hover = Some(text.to_string());
        Ok(())
    }),
    ("width", |options, text| {
        options.width = Some(pixels("width", text)?);
        Ok(())
    }),
    ("height", |options, text| {
        options.height = Some(pixels("height", text)?);
        Ok(())
    }),
    ("theme", |options, text| {
        options.theme = one_of("theme", text, THEMES)?;
        Ok(())
    }),
];

impl ChartOptions {
    /// Reads options, each a name in small letters and its text.
    ///
    /// # Errors
    /// Unknown options, and texts that an option does not take.
    pub fn parse<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut options = Self::default();
        for (name, text) in given {
            // Both spellings are English.
            let name = if name == "colour" { "color" } else { name };
            let Some((_, set)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
                return Err(ChartError::UnknownOption {
                    name: name.to_string(),
                    options: OPTIONS.iter().map(|(name, _)| *name).collect(),
                });
            };
            set(&mut options, text)?;
        }
        Ok(options)
    }
}

fn one_of<T: Copy>(option: &'static str, text: &str, all: &[(&'static str, T)]) -> Result<T> {
    let lower = text.trim().to_lowercase();
    if let Some((_, value)) = all.iter().find(|(name, _)| *name == lower) {
        return Ok(*value);
    }
    Err(ChartError::UnknownValue {
        option,
        value: shortened(text, 40),
        allowed: all.iter().map(|(name, _)| *name).collect(),
    })
}

fn pixels(option: &str, text: &str) -> Result<u32> {
    match text.trim().parse::<u32>() {
        Ok(pixels) if PIXELS.contains(&pixels) => Ok(pixels),
        _ => Err(ChartError::Invalid(format!(
            "{option} is a number of pixels from {} to {}, not '{}'",
            PIXELS.start(),
            PIXELS.end(),
            shortened(text, 40)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let options = ChartOptions::parse([
            ("height", "300"),
            ("chart", "BAR"),
            ("colour", "kind"),
            ("theme", "dark"),
        ])
        .unwrap();
        assert_eq!(options.kind, Some(ChartKind::Bar));
        assert_eq!((options.width, options.height), (None, Some(300)));
        assert_eq!(options.color.as_deref(), Some("kind"));
        assert_eq!(options.theme, Theme::Dark);
    }

    #[test]
    fn errors_list_the_allowed_words() {
        for (option, expected) in [
            (("titel", "x"), "no option 'titel'; there are chart, x, y"),
            (
                ("chart", "pie"),
                "chart is one of bar, line, scatter, hist, not 'pie'",
            ),
            (
                ("width", "5"),
                "width is a number of pixels from 200 to 4000, not '5'",
            ),
            (("height", "tall"), "not 'tall'"),
            (("theme", "blue"), "theme is one of light, dark, auto"),
        ] {
            let error = ChartOptions::parse([option]).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_long_title_is_cut() {
        let options = ChartOptions::parse([("title", "x".repeat(1 << 20).as_str())]).unwrap();
        assert_eq!(options.title.unwrap().chars().count(), MAX_TITLE_CHARS);
    }
}
