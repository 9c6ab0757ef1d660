//! Colours that colour-blind readers can distinguish, on a light and on a dark
//! background.

/// Fill of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fill {
    /// One of [`CATEGORY_COLORS`].
    Category(usize),
    /// Categories beyond those, and marks of several categories.
    Other,
    /// One of [`STEP_COLORS`], from low to high.
    Step(usize),
}

/// A colour on a light background, and on a dark one.
pub type ThemeColors = (&'static str, &'static str);

/// After Okabe and Ito. Olive, wine and indigo replace yellow and black, which
/// are pale on one of the backgrounds.
pub const CATEGORY_COLORS: &[ThemeColors] = &[
    ("#0072b2", "#4ba3e3"),
    ("#e69f00", "#f0b429"),
    ("#009e73", "#22b98b"),
    ("#cc5500", "#f07b3a"),
    ("#c46b9e", "#dd8fbb"),
    ("#56b4e9", "#8fd3ff"),
    ("#8a7f00", "#d2c850"),
    ("#7a1f4f", "#c65b8f"),
    ("#4b3fa0", "#9d92f5"),
];

/// Colours of [`Fill::Other`].
pub const OTHER_COLORS: ThemeColors = ("#8a8f98", "#8a8f98");

/// One scale from low to high; higher steps have more contrast.
pub const STEP_COLORS: &[ThemeColors] = &[
    ("#84cf4e", "#4a5fa5"),
    ("#4fbf6b", "#3a7f9f"),
    ("#2fa981", "#2c9a96"),
    ("#23918d", "#32b383"),
    ("#2b788e", "#5fc863"),
    ("#375f8d", "#95d840"),
    ("#433f85", "#c9df2b"),
    ("#440f58", "#fde740"),
];

/// Parts of a chart beside its data: a class, and its colours.
pub const PART_COLORS: &[(&str, ThemeColors)] = &[
    ("bg", ("#ffffff", "#14171c")),
    ("text", ("#1f2328", "#eceff3")),
    ("muted", ("#5b626b", "#a4acb8")),
    ("grid", ("#e4e7ea", "#2c323b")),
    ("axis", ("#8b929b", "#6d7683")),
];

impl Fill {
    /// The name of its class.
    pub fn class(self) -> String {
        match self {
            Self::Category(at) => format!("c{at}"),
            Self::Other => "co".to_string(),
            Self::Step(at) => format!("s{at}"),
        }
    }

    fn colors(self) -> ThemeColors {
        match self {
            Self::Category(at) => CATEGORY_COLORS[at % CATEGORY_COLORS.len()],
            Self::Other => OTHER_COLORS,
            Self::Step(at) => STEP_COLORS[at.min(STEP_COLORS.len() - 1)],
        }
    }

    /// Every fill.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CATEGORY_COLORS.len())
            .map(Self::Category)
            .chain([Self::Other])
            .chain((0..STEP_COLORS.len()).map(Self::Step))
    }

    /// The step for a fraction between 0 and 1.
    pub fn step(fraction: f64) -> Self {
        let steps = STEP_COLORS.len();
        Self::Step(((fraction * steps as f64) as usize).min(steps - 1))
    }
}

/// The colour of every class, on a dark or on a light background.
pub fn class_colors(dark: bool) -> Vec<(String, &'static str)> {
    let of = |pair: ThemeColors| if dark { pair.1 } else { pair.0 };
    let parts = PART_COLORS
        .iter()
        .map(|(class, pair)| (class.to_string(), of(*pair)));
    let fills = Fill::all().map(|fill| (fill.class(), of(fill.colors())));
    parts.chain(fills).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance by WCAG.
    fn luminance(color: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn texts_and_marks_contrast_with_both_backgrounds() {
        for dark in [false, true] {
            let classes = class_colors(dark);
            let color = |class: &str| classes.iter().find(|(name, _)| name == class).unwrap().1;
            let background = color("bg");
            for text in ["text", "muted"] {
                assert!(contrast(color(text), background) >= 4.5, "{text} {dark}");
            }
            for fill in Fill::all() {
                let class = fill.class();
                assert!(contrast(color(&class), background) >= 1.8, "{class} {dark}");
            }
        }
    }

    #[test]
    fn contrast_grows_from_low_to_high() {
        assert_eq!(Fill::step(0.0), Fill::Step(0));
        assert_eq!(Fill::step(1.0), Fill::Step(STEP_COLORS.len() - 1));
        let away = |at: usize| contrast(STEP_COLORS[at].1, "#14171c");
        assert!((1..STEP_COLORS.len()).all(|at| away(at) > away(at - 1)));
    }
}
