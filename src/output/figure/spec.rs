//! What `OPTIONS (...)` of a chart says.

use crate::error::{Result, ShellError};
use crate::suggest;

/// The kinds of charts, those of `\chart`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bar,
    Line,
    Scatter,
    Hist,
}

/// Every kind by its name, and what a sentence calls it.
pub const KINDS: &[(&str, Kind, &str)] = &[
    ("bar", Kind::Bar, "bar chart"),
    ("line", Kind::Line, "line chart"),
    ("scatter", Kind::Scatter, "scatter plot"),
    ("hist", Kind::Hist, "histogram"),
];

impl Kind {
    /// What a sentence calls it.
    pub fn noun(self) -> &'static str {
        KINDS
            .iter()
            .find(|(_, kind, _)| *kind == self)
            .map_or("chart", |(_, _, noun)| noun)
    }
}

/// The colours of ground and text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
    /// As the reader's screen is set, where the format can tell; else light.
    #[default]
    Auto,
}

const THEMES: &[(&str, Theme)] = &[
    ("light", Theme::Light),
    ("dark", Theme::Dark),
    ("auto", Theme::Auto),
];

/// The longest title, in characters; the rest is cut.
const LONGEST_TITLE: usize = 200;

/// Pixels that a chart may be wide or high.
const PIXELS: std::ops::RangeInclusive<u32> = 200..=4000;

/// What to draw; what is `None` is chosen.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    pub kind: Option<Kind>,
    pub x: Option<String>,
    pub y: Option<String>,
    pub title: Option<String>,
    pub color: Option<String>,
    pub label: Option<String>,
    /// Columns, parted by commas.
    pub hover: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub theme: Theme,
}

type Set = fn(&mut Spec, &str) -> Result<()>;

/// Every option by its name.
const OPTIONS: &[(&str, Set)] = &[
    ("chart", |spec, text| {
        let names = KINDS.iter().map(|(name, kind, _)| (*name, *kind));
        spec.kind = Some(one_of("chart", text, names)?);
        Ok(())
    }),
    ("x", |spec, text| {
        spec.x = Some(text.to_string());
        Ok(())
    }),
    ("y", |spec, text| {
        spec.y = Some(text.to_string());
        Ok(())
    }),
    ("title", |spec, text| {
        spec.title = Some(super::text::shortened(text, LONGEST_TITLE));
        Ok(())
    }),
    ("color", |spec, text| {
        spec.color = Some(text.to_string());
        Ok(())
    }),
    ("label", |spec, text| {
        spec.label = Some(text.to_string());
        Ok(())
    }),
    ("hover", |spec, text| {
        spec.hover = Some(text.to_string());
        Ok(())
    }),
    ("width", |spec, text| {
        spec.width = Some(pixels("width", text)?);
        Ok(())
    }),
    ("height", |spec, text| {
        spec.height = Some(pixels("height", text)?);
        Ok(())
    }),
    ("theme", |spec, text| {
        spec.theme = one_of("theme", text, THEMES.iter().copied())?;
        Ok(())
    }),
];

impl Spec {
    /// Reads options, each a name in small letters and its text.
    ///
    /// # Errors
    /// Options that do not exist, and texts that none of them takes.
    pub fn of<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut spec = Self::default();
        for (name, text) in options {
            // Both spellings are English.
            let name = if name == "colour" { "color" } else { name };
            let names = || OPTIONS.iter().map(|(name, _)| *name);
            let Some((_, set)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
                return Err(ShellError::query(format!(
                    "a chart has no option '{name}'{}; there are {}",
                    suggest::hint(name, names()),
                    names().collect::<Vec<_>>().join(", ")
                )));
            };
            set(&mut spec, text)?;
        }
        Ok(spec)
    }
}

fn one_of<T: Copy>(
    option: &str,
    text: &str,
    all: impl Iterator<Item = (&'static str, T)>,
) -> Result<T> {
    let lower = text.trim().to_lowercase();
    let all: Vec<(&str, T)> = all.collect();
    if let Some((_, value)) = all.iter().find(|(name, _)| *name == lower) {
        return Ok(*value);
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    Err(ShellError::query(format!(
        "{option} is one of {}, not '{}'{}",
        names.join(", "),
        super::text::shortened(text, 40),
        suggest::hint(&lower, names.iter().copied())
    )))
}

fn pixels(option: &str, text: &str) -> Result<u32> {
    match text.trim().parse::<u32>() {
        Ok(pixels) if PIXELS.contains(&pixels) => Ok(pixels),
        _ => Err(ShellError::query(format!(
            "{option} is a number of pixels from {} to {}, not '{}'",
            PIXELS.start(),
            PIXELS.end(),
            super::text::shortened(text, 40)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_whatever_their_order() {
        let spec = Spec::of([
            ("height", "300"),
            ("chart", "BAR"),
            ("colour", "kind"),
            ("theme", "dark"),
        ])
        .unwrap();
        assert_eq!(spec.kind, Some(Kind::Bar));
        assert_eq!((spec.width, spec.height), (None, Some(300)));
        assert_eq!(spec.color.as_deref(), Some("kind"));
        assert_eq!(spec.theme, Theme::Dark);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_there_is() {
        for (option, expected) in [
            (
                ("titel", "x"),
                "no option 'titel'; did you mean 'title'?; there are chart, x, y",
            ),
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
            let error = Spec::of([option]).unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_long_title_is_cut() {
        let spec = Spec::of([("title", "x".repeat(1 << 20).as_str())]).unwrap();
        assert_eq!(spec.title.unwrap().chars().count(), LONGEST_TITLE);
    }
}
