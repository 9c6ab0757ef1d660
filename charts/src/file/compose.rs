//! Composes the scene of a chart: title, legend, axes, marks, notes.

use super::bars::{histogram_bars, row_bars};
use super::color::{Fill, STEP_COLORS};
use super::data::{ChartData, Fills, amount_text};
use super::options::ChartOptions;
use super::points;
use super::scene::{PlotArea, SMALL, Scene, Shape, TITLE, TextAnchor};
use super::text::{fitted, shortened, width, wrapped};
use crate::data::Axis;
use crate::kind::ChartKind;

/// Space around the chart; a page around it adds more.
const MARGIN: f64 = 16.0;
const MARGIN_IN_PAGE: f64 = 2.0;

const DEFAULT_WIDTH: u32 = 800;
const DEFAULT_HEIGHT: u32 = 460;

/// The side of a square in the legend.
const SWATCH: f64 = 11.0;

/// Places the shapes of `data`. Title, legend and notes are left to the page
/// around the chart unless `with_heading`.
pub fn compose(data: &ChartData, options: &ChartOptions, with_heading: bool) -> Scene {
    let mut fills = data.fills();
    if data.kind == ChartKind::Bar && data.color_is_x() {
        // The labels are beside the bars.
        fills.legend.clear();
    }
    let title = match &options.title {
        Some(title) => title.clone(),
        None => data.title(),
    };
    let mut scene = Scene {
        width: f64::from(options.width.unwrap_or(DEFAULT_WIDTH)),
        description: description(data, &title),
        title,
        margin: if with_heading { MARGIN } else { MARGIN_IN_PAGE },
        legend: fills.legend.clone(),
        notes: data.notes(),
        ..Scene::default()
    };
    let top = scene.head(&fills, with_heading);
    let empty = data.series.is_empty();
    let bars = match data.kind {
        ChartKind::Bar if !empty => Some(row_bars(data, &fills)),
        ChartKind::Hist if !empty => Some(histogram_bars(data, &fills)),
        _ => None,
    };
    if let Some(bars) = &bars {
        scene.notes.extend(bars.notes.iter().cloned());
    }
    let foot = scene.foot(with_heading);
    let bars_height = bars
        .as_ref()
        .and_then(|bars| bars.height(scene.width, top, foot));
    let height = options.height.map(f64::from).or(bars_height);
    scene.height = height
        .unwrap_or(f64::from(DEFAULT_HEIGHT))
        .max(top + foot + 60.0);
    let area = PlotArea {
        left: scene.margin,
        top,
        right: scene.width - scene.margin,
        bottom: scene.height - foot,
    };
    match &bars {
        Some(bars) => bars.draw(&mut scene, area),
        None if empty => {
            let middle = (
                (area.left + area.right) / 2.0,
                (area.top + area.bottom) / 2.0,
            );
            scene.text(middle, "no rows", TITLE, TextAnchor::Middle, "muted");
        }
        None => points::draw(&mut scene, data, &fills, area),
    }
    if with_heading {
        scene.draw_notes();
    }
    scene
}

impl Scene {
    /// Adds title and legend, and returns the top of the chart.
    fn head(&mut self, fills: &Fills, with_heading: bool) -> f64 {
        let mut top = self.margin;
        if with_heading {
            let room = self.width - 2.0 * self.margin;
            for line in wrapped(&self.title, TITLE * 1.08, room, 2) {
                top += TITLE;
                self.shapes.push(Shape::Text {
                    at: (self.margin, top),
                    text: line,
                    size: TITLE,
                    anchor: TextAnchor::Start,
                    class: "text",
                    bold: true,
                });
                top += 6.0;
            }
            top += 8.0;
            if !self.legend.is_empty() {
                top = self.draw_legend(top);
            }
        }
        if let Some((name, low, high)) = &fills.scale {
            top = self.draw_scale(top, name, low, high);
        }
        top
    }

    /// Adds the legend below `top`, and returns its bottom.
    fn draw_legend(&mut self, top: f64) -> f64 {
        let (mut x, mut y) = (self.margin, top);
        for (fill, name) in self.legend.clone() {
            let name = fitted(&shortened(&name, 60), SMALL, 240.0);
            let wide = SWATCH + 6.0 + width(&name, SMALL) + 18.0;
            if x > self.margin && x + wide > self.width - self.margin + 18.0 {
                x = self.margin;
                y += 19.0;
            }
            self.shapes.push(Shape::Swatch {
                at: (x, y),
                size: (SWATCH, SWATCH),
                fill,
            });
            self.text(
                (x + SWATCH + 6.0, y + 10.0),
                &name,
                SMALL,
                TextAnchor::Start,
                "text",
            );
            x += wide;
        }
        y + 26.0
    }

    /// Adds the colour scale below `top`, and returns its bottom.
    fn draw_scale(&mut self, top: f64, name: &str, low: &str, high: &str) -> f64 {
        let mut x = self.margin;
        let name = fitted(name, SMALL, 240.0);
        for (text, class) in [(name.as_str(), "muted"), (low, "text")] {
            self.text((x, top + 10.0), text, SMALL, TextAnchor::Start, class);
            x += width(text, SMALL) + 10.0;
        }
        for step in 0..STEP_COLORS.len() {
            self.shapes.push(Shape::Swatch {
                at: (x, top),
                size: (18.0, SWATCH),
                fill: Fill::Step(step),
            });
            x += 18.0;
        }
        self.text(
            (x + 8.0, top + 10.0),
            high,
            SMALL,
            TextAnchor::Start,
            "text",
        );
        top + 26.0
    }

    /// Height of the notes at the bottom.
    fn foot(&self, with_heading: bool) -> f64 {
        if with_heading && !self.notes.is_empty() {
            self.margin + 8.0 + 16.0 * self.notes.len() as f64
        } else {
            self.margin
        }
    }

    fn draw_notes(&mut self) {
        let first = self.height - self.margin - 16.0 * (self.notes.len() as f64 - 1.0);
        for (at, note) in self.notes.clone().iter().enumerate() {
            let note = fitted(note, SMALL, self.width - 2.0 * self.margin);
            self.text(
                (self.margin, first + 16.0 * at as f64),
                &note,
                SMALL,
                TextAnchor::Start,
                "muted",
            );
        }
    }
}

/// Description for screen readers.
fn description(data: &ChartData, title: &str) -> String {
    let rows = amount_text(Axis::Numbers, data.value_rows as f64);
    let s = if data.value_rows == 1 { "" } else { "s" };
    let default = data.title();
    let noun = data.kind.noun();
    if title == default {
        format!("{noun}: {default}, {rows} row{s}")
    } else {
        format!("{title}: {noun} of {default}, {rows} row{s}")
    }
}
