//! A chart as shapes and texts with their positions, whatever its format.

use super::color::Fill;
use super::scale::{PixelScale, Tick};
use super::text::{fitted, shortened, width};

/// Font sizes, in pixels.
pub const TITLE: f64 = 18.0;
pub const TEXT: f64 = 13.0;
pub const SMALL: f64 = 12.0;

/// Height of [`Scene::axis_below`].
pub const BOTTOM_AXIS_HEIGHT: f64 = 42.0;

/// Height of the name of [`Scene::axis_left`].
pub const LEFT_AXIS_NAME_HEIGHT: f64 = 26.0;

/// Part of a text that is at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextAnchor {
    Start,
    Middle,
    End,
}

/// A shape; later ones cover earlier ones.
#[derive(Clone, Debug)]
pub enum Shape {
    Text {
        at: (f64, f64),
        text: String,
        size: f64,
        anchor: TextAnchor,
        class: &'static str,
        bold: bool,
    },
    Line {
        from: (f64, f64),
        to: (f64, f64),
        class: &'static str,
    },
    /// A bar; `mark` is its number in the tooltips.
    Bar {
        at: (f64, f64),
        size: (f64, f64),
        fill: Fill,
        mark: usize,
    },
    /// A colour of the legend.
    Swatch {
        at: (f64, f64),
        size: (f64, f64),
        fill: Fill,
    },
    /// A line through data.
    Stroke {
        through: Vec<(f64, f64)>,
        fill: Fill,
    },
}

/// Points of data; point number n has tooltip number n.
#[derive(Clone, Debug, Default)]
pub struct PointMarks {
    pub at: Vec<(f64, f64)>,
    pub fill: Vec<Fill>,
    pub radius: f64,
    pub opacity: f64,
    /// Whether they are drawn; the pointer finds them in any case.
    pub drawn: bool,
}

/// Names of the lines of the tooltips, and the texts of each mark.
#[derive(Clone, Debug, Default)]
pub struct Tooltips {
    pub names: Vec<String>,
    pub cells: Vec<Vec<String>>,
}

/// A chart as shapes and texts with their positions.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    pub margin: f64,
    /// Direction in which the parts of a bar close the gap of a hidden part.
    pub stacked: Option<StackDirection>,
    pub title: String,
    /// Description for screen readers.
    pub description: String,
    pub shapes: Vec<Shape>,
    pub points: Option<PointMarks>,
    pub legend: Vec<(Fill, String)>,
    pub tooltips: Tooltips,
    pub notes: Vec<String>,
}

/// Direction in which the parts of a bar are stacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackDirection {
    Across,
    Upwards,
}

/// The rectangle between the axes.
#[derive(Clone, Copy, Debug)]
pub struct PlotArea {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Scene {
    /// Adds a text.
    pub fn text(
        &mut self,
        at: (f64, f64),
        text: &str,
        size: f64,
        anchor: TextAnchor,
        class: &'static str,
    ) {
        self.shapes.push(Shape::Text {
            at,
            text: text.to_string(),
            size,
            anchor,
            class,
            bold: false,
        });
    }

    /// Adds a straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &'static str) {
        self.shapes.push(Shape::Line { from, to, class });
    }

    /// Adds an axis below the area: its ticks, its name, and grid lines if `lines`.
    pub fn axis_below(
        &mut self,
        area: PlotArea,
        scale: &PixelScale,
        ticks: &[Tick],
        name: &str,
        lines: bool,
    ) {
        let mut free = f64::NEG_INFINITY;
        for tick in ticks {
            let x = scale.pixel(tick.value);
            if lines {
                self.line((x, area.top), (x, area.bottom), "grid");
            } else {
                self.line((x, area.bottom), (x, area.bottom + 4.0), "axis");
            }
            let half = width(&tick.text, SMALL) / 2.0;
            // Labels at the edge move inwards.
            let middle = x.min(self.width - half - 4.0).max(half + 4.0);
            if middle - half >= free {
                let at = (middle, area.bottom + 18.0);
                self.text(at, &tick.text, SMALL, TextAnchor::Middle, "muted");
                free = middle + half + 8.0;
            }
        }
        let room = area.right - area.left;
        let middle = (area.left + area.right) / 2.0;
        let name = fitted(&shortened(name, 120), SMALL, room);
        self.text(
            (middle, area.bottom + 37.0),
            &name,
            SMALL,
            TextAnchor::Middle,
            "muted",
        );
    }

    /// Adds an axis at the left: its ticks, grid lines, and its name above it.
    pub fn axis_left(&mut self, area: PlotArea, scale: &PixelScale, ticks: &[Tick], name: &str) {
        for tick in ticks {
            let y = scale.pixel(tick.value);
            self.line((area.left, y), (area.right, y), "grid");
            let at = (area.left - 8.0, y + 4.0);
            self.text(at, &tick.text, SMALL, TextAnchor::End, "muted");
        }
        let name = fitted(&shortened(name, 120), SMALL, self.width - 2.0 * self.margin);
        self.text(
            (self.margin, area.top - 12.0),
            &name,
            SMALL,
            TextAnchor::Start,
            "muted",
        );
    }
}

/// Width of the ticks at the left.
pub fn left_axis_width(ticks: &[Tick]) -> f64 {
    let widths = ticks.iter().map(|tick| width(&tick.text, SMALL));
    widths.fold(0.0, f64::max) + 12.0
}
