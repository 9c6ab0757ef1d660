//! A chart as shapes and texts with their places, whatever it is written as.

use super::super::chart::axis::Axis;
use super::bars;
use super::color::{Fill, STEPS};
use super::data::{Data, Fills, amount_text};
use super::layout::{Scale, Tick};
use super::points;
use super::spec::{Kind, Spec};
use super::text::{fitted, shortened, width, wrapped};

/// Font sizes.
pub const TITLE: f64 = 18.0;
pub const TEXT: f64 = 13.0;
pub const SMALL: f64 = 12.0;

/// Space around everything; a page has its own.
const MARGIN: f64 = 16.0;
const MARGIN_IN_PAGE: f64 = 2.0;

const WIDTH: u32 = 800;
const HEIGHT: u32 = 460;

/// The side of a square in the legend.
const SWATCH: f64 = 11.0;

/// Where a text stands from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Something to draw; later ones lie above.
#[derive(Clone, Debug)]
pub enum Item {
    Text {
        at: (f64, f64),
        text: String,
        size: f64,
        anchor: Anchor,
        class: &'static str,
        bold: bool,
    },
    Line {
        from: (f64, f64),
        to: (f64, f64),
        class: &'static str,
    },
    /// A bar; `mark` is its line in the tips.
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

/// Points of data; number n has line n in the tips.
#[derive(Clone, Debug, Default)]
pub struct Points {
    pub at: Vec<(f64, f64)>,
    pub fill: Vec<Fill>,
    pub radius: f64,
    pub opacity: f64,
    /// Whether they are drawn, or found by the pointer only.
    pub drawn: bool,
}

/// What tooltips say: the names of the lines, and the texts of each mark.
#[derive(Clone, Debug, Default)]
pub struct Tips {
    pub names: Vec<String>,
    pub cells: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    margin: f64,
    /// The side to which the parts of a bar move up where others are hidden.
    pub stacked: Option<Stacked>,
    pub title: String,
    /// What a screen reader says of it.
    pub description: String,
    pub items: Vec<Item>,
    pub points: Option<Points>,
    pub legend: Vec<(Fill, String)>,
    pub tips: Tips,
    pub notes: Vec<String>,
}

/// How the parts of a bar lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stacked {
    Across,
    Upwards,
}

/// The rectangle between the axes.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Scene {
    /// The drawing of `data`. Title, legend and notes are left out of it where
    /// the page around it has them.
    pub fn of(data: &Data, spec: &Spec, headed: bool) -> Self {
        let mut fills = data.fills();
        if data.kind == Kind::Bar && data.color_is_x() {
            // The labels stand beside the bars.
            fills.legend.clear();
        }
        let title = match &spec.title {
            Some(title) => title.clone(),
            None => default_title(data),
        };
        let mut scene = Self {
            width: f64::from(spec.width.unwrap_or(WIDTH)),
            description: description(data, &title),
            title,
            margin: if headed { MARGIN } else { MARGIN_IN_PAGE },
            legend: fills.legend.clone(),
            notes: data.notes(),
            ..Self::default()
        };
        let top = scene.head(&fills, headed);
        let empty = data.series.is_empty();
        let bars = match data.kind {
            Kind::Bar if !empty => Some(bars::of_rows(data, &fills)),
            Kind::Hist if !empty => Some(bars::of_bins(data, &fills)),
            _ => None,
        };
        if let Some(bars) = &bars {
            scene.notes.extend(bars.notes.iter().cloned());
        }
        let foot = scene.foot(headed);
        let wanted = bars
            .as_ref()
            .and_then(|bars| bars.wanted_height(scene.width, top, foot));
        let height = spec.height.map(f64::from).or(wanted);
        scene.height = height.unwrap_or(f64::from(HEIGHT)).max(top + foot + 60.0);
        let area = Area {
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
                scene.text(middle, "no rows", TITLE, Anchor::Middle, "muted");
            }
            None => points::draw(&mut scene, data, &fills, area),
        }
        if headed {
            scene.draw_notes();
        }
        scene
    }

    /// Title and legend; gives where the chart begins.
    fn head(&mut self, fills: &Fills, headed: bool) -> f64 {
        let mut top = self.margin;
        if headed {
            let room = self.width - 2.0 * self.margin;
            for line in wrapped(&self.title, TITLE * 1.08, room, 2) {
                top += TITLE;
                self.items.push(Item::Text {
                    at: (self.margin, top),
                    text: line,
                    size: TITLE,
                    anchor: Anchor::Start,
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

    fn draw_legend(&mut self, top: f64) -> f64 {
        let (mut x, mut y) = (self.margin, top);
        for (fill, name) in self.legend.clone() {
            let name = fitted(&shortened(&name, 60), SMALL, 240.0);
            let wide = SWATCH + 6.0 + width(&name, SMALL) + 18.0;
            if x > self.margin && x + wide > self.width - self.margin + 18.0 {
                x = self.margin;
                y += 19.0;
            }
            self.items.push(Item::Swatch {
                at: (x, y),
                size: (SWATCH, SWATCH),
                fill,
            });
            self.text(
                (x + SWATCH + 6.0, y + 10.0),
                &name,
                SMALL,
                Anchor::Start,
                "text",
            );
            x += wide;
        }
        y + 26.0
    }

    fn draw_scale(&mut self, top: f64, name: &str, low: &str, high: &str) -> f64 {
        let mut x = self.margin;
        let name = fitted(name, SMALL, 240.0);
        for (text, class) in [(name.as_str(), "muted"), (low, "text")] {
            self.text((x, top + 10.0), text, SMALL, Anchor::Start, class);
            x += width(text, SMALL) + 10.0;
        }
        for step in 0..STEPS.len() {
            self.items.push(Item::Swatch {
                at: (x, top),
                size: (18.0, SWATCH),
                fill: Fill::Step(step),
            });
            x += 18.0;
        }
        self.text((x + 8.0, top + 10.0), high, SMALL, Anchor::Start, "text");
        top + 26.0
    }

    /// How much the notes take at the bottom.
    fn foot(&self, headed: bool) -> f64 {
        if headed && !self.notes.is_empty() {
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
                Anchor::Start,
                "muted",
            );
        }
    }

    pub fn text(
        &mut self,
        at: (f64, f64),
        text: &str,
        size: f64,
        anchor: Anchor,
        class: &'static str,
    ) {
        self.items.push(Item::Text {
            at,
            text: text.to_string(),
            size,
            anchor,
            class,
            bold: false,
        });
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &'static str) {
        self.items.push(Item::Line { from, to, class });
    }

    /// An axis below the area: its names, lines upwards where asked for, and
    /// what it measures.
    pub fn axis_below(
        &mut self,
        area: Area,
        scale: &Scale,
        ticks: &[Tick],
        name: &str,
        lines: bool,
    ) {
        let mut free = f64::NEG_INFINITY;
        for tick in ticks {
            let x = scale.place(tick.value);
            if lines {
                self.line((x, area.top), (x, area.bottom), "grid");
            } else {
                self.line((x, area.bottom), (x, area.bottom + 4.0), "axis");
            }
            let half = width(&tick.text, SMALL) / 2.0;
            // Names at the edge move inwards.
            let middle = x.min(self.width - half - 4.0).max(half + 4.0);
            if middle - half >= free {
                let at = (middle, area.bottom + 18.0);
                self.text(at, &tick.text, SMALL, Anchor::Middle, "muted");
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
            Anchor::Middle,
            "muted",
        );
    }

    /// An axis at the left: its names, lines across, and above it what it
    /// measures.
    pub fn axis_left(&mut self, area: Area, scale: &Scale, ticks: &[Tick], name: &str) {
        for tick in ticks {
            let y = scale.place(tick.value);
            self.line((area.left, y), (area.right, y), "grid");
            let at = (area.left - 8.0, y + 4.0);
            self.text(at, &tick.text, SMALL, Anchor::End, "muted");
        }
        let name = fitted(&shortened(name, 120), SMALL, self.width - 2.0 * self.margin);
        self.text(
            (self.margin, area.top - 12.0),
            &name,
            SMALL,
            Anchor::Start,
            "muted",
        );
    }
}

/// Space that [`Scene::axis_below`] takes.
pub const BELOW: f64 = 42.0;

/// Space that the name of [`Scene::axis_left`] takes.
pub const ABOVE: f64 = 26.0;

/// Space that the ticks at the left take.
pub fn beside(ticks: &[Tick]) -> f64 {
    let widths = ticks.iter().map(|tick| width(&tick.text, SMALL));
    widths.fold(0.0, f64::max) + 12.0
}

/// What the chart shows, as `\chart` has it.
pub fn default_title(data: &Data) -> String {
    let name = |name: &str| shortened(name, 80);
    let (x, y) = (name(&data.series.x_name), name(&data.series.y_name));
    match data.kind {
        Kind::Bar => format!("{y} by {x}"),
        Kind::Line | Kind::Scatter => format!("{y} over {x}"),
        Kind::Hist => format!("rows by {y}"),
    }
}

fn description(data: &Data, title: &str) -> String {
    let rows = amount_text(Axis::Numbers, data.valued as f64);
    let s = if data.valued == 1 { "" } else { "s" };
    let default = default_title(data);
    let noun = data.kind.noun();
    if title == default {
        format!("{noun}: {default}, {rows} row{s}")
    } else {
        format!("{title}: {noun} of {default}, {rows} row{s}")
    }
}
