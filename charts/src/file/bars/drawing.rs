//! Draws bars: upright where their labels have room below them, otherwise
//! horizontal.

use super::super::data::amount_text;
use super::super::scale::{PixelScale, Tick, tick_step, ticks, widen_to_steps};
use super::super::scene::{
    BOTTOM_AXIS_HEIGHT, LEFT_AXIS_NAME_HEIGHT, PlotArea, SMALL, Scene, Shape, StackDirection, TEXT,
    TextAnchor, Tooltips, left_axis_width,
};
use super::super::text::{fitted, shortened, width};
use super::bar::{Bar, Bars};
use crate::data::{Axis, group_digits};

/// Height of a horizontal bar with the space below it, in pixels.
const ROW_HEIGHT: f64 = 27.0;

/// Part of its band that a bar fills.
const BAR_FRACTION: f64 = 0.74;

/// Part of the width that labels may take.
const MAX_LABEL_FRACTION: f64 = 0.42;

/// Part of a bar's thickness that the cap of an interval takes.
const CAP_FRACTION: f64 = 0.5;

/// Longest cap of an interval, in pixels.
const MAX_CAP: f64 = 12.0;

/// Class of the lines of an interval.
const INTERVAL: &str = "axis";

/// Class of the text at the end of a bar.
const END: &str = "muted end";

impl Bars {
    fn is_upright(&self, room: f64) -> bool {
        if self.bins.is_some() || self.ordered {
            return true;
        }
        let band = room / self.bars.len() as f64;
        let widest = self.bars.iter().map(|bar| width(&bar.label, SMALL));
        self.bars.len() <= 24 && widest.fold(0.0, f64::max) <= band - 8.0
    }

    /// Height of horizontal bars; `None` for the default height.
    pub fn height(&self, width: f64, top: f64, foot: f64) -> Option<f64> {
        let rows = self.bars.len() as f64 * ROW_HEIGHT;
        (!self.is_upright(width - 80.0)).then_some(top + rows + BOTTOM_AXIS_HEIGHT + foot)
    }

    fn value_text(&self, value: f64) -> String {
        let text = amount_text(self.value_axis, value);
        match self.sum {
            Some(sum) => format!("{text} ({:.1}%)", 100.0 * value / sum),
            None => text,
        }
    }

    fn value_ticks(&self, reach: (f64, f64), most: usize) -> Vec<Tick> {
        let mut ticks = ticks(self.value_axis, reach, most, self.integers);
        if self.value_axis == Axis::Numbers {
            for tick in &mut ticks {
                tick.text = group_digits(&tick.text);
            }
        }
        ticks
    }

    /// The text at the end of a bar.
    fn end_text(&self, bar: &Bar) -> String {
        let text = self.value_text(bar.total());
        if bar.beside.is_empty() {
            text
        } else {
            format!("{text} {}", shortened(&bar.beside, 60))
        }
    }

    fn reach(&self) -> (f64, f64) {
        let drawn = self.bars.iter().filter(|bar| bar.drawn);
        let reaches = drawn.map(Bar::reach);
        let (low, high) = reaches.fold((0.0, 0.0), |(low, high): (f64, f64), reach| {
            (low.min(reach.0), high.max(reach.1))
        });
        if low == high { (0.0, 1.0) } else { (low, high) }
    }

    /// Draws the bars and their axes into `area`.
    pub fn draw(&self, scene: &mut Scene, area: PlotArea) {
        scene.tooltips = Tooltips {
            names: self.names.clone(),
            cells: Vec::new(),
        };
        let upright = self.is_upright(scene.width - 80.0);
        let mut parts = self.bars.iter().flat_map(|bar| &bar.parts);
        scene.stacked = match upright {
            _ if parts.any(|part| part.value < 0.0) => None,
            true => Some(StackDirection::Upwards),
            false => Some(StackDirection::Across),
        };
        if upright {
            self.draw_upright(scene, area);
        } else {
            self.draw_horizontal(scene, area);
        }
    }

    fn draw_horizontal(&self, scene: &mut Scene, area: PlotArea) {
        let ends: Vec<String> = self.bars.iter().map(|bar| self.end_text(bar)).collect();
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let labels = widest(&mut self.bars.iter().map(|bar| width(&bar.label, TEXT)));
        let label_room = labels.min(scene.width * MAX_LABEL_FRACTION);
        let end_room = widest(&mut ends.iter().map(|end| width(end, SMALL))).min(scene.width * 0.3);
        let reach = self.reach();
        let left = area.left + label_room + 10.0;
        let below = if reach.0 < 0.0 { end_room + 8.0 } else { 0.0 };
        let above = if reach.1 > 0.0 { end_room + 8.0 } else { 0.0 };
        let inner = PlotArea {
            left: left + below,
            right: (area.right - above).max(left + below + 40.0),
            bottom: area.bottom - BOTTOM_AXIS_HEIGHT,
            ..area
        };
        let most = ((inner.right - inner.left) / 90.0).max(2.0) as usize;
        let ticks = self.value_ticks(reach, most);
        let scale = PixelScale {
            values: reach,
            pixels: (inner.left, inner.right),
        };
        scene.axis_below(inner, &scale, &ticks, &self.value_name, true);
        let band = (inner.bottom - inner.top) / self.bars.len() as f64;
        let thick = (band * BAR_FRACTION).max(1.0);
        for (at, bar) in self.bars.iter().enumerate() {
            let middle = inner.top + band * (at as f64 + 0.5);
            let (mut first, mut last) = self.parts(bar, &scale, scene, |from, to| {
                ((from, middle - thick / 2.0), (to - from, thick))
            });
            if let Some(interval) = bar.interval.filter(|_| bar.drawn) {
                let (low, high) = (scale.pixel(interval.0), scale.pixel(interval.1));
                let cap = (thick * CAP_FRACTION).min(MAX_CAP) / 2.0;
                scene.line((low, middle), (high, middle), INTERVAL);
                for end in [low, high] {
                    scene.line((end, middle - cap), (end, middle + cap), INTERVAL);
                }
                // The text comes after the interval.
                (first, last) = (first.min(low), last.max(high));
            }
            if band < 9.0 {
                continue;
            }
            let size = SMALL.min(band * 0.9);
            let label = fitted(&bar.label, TEXT.min(size + 1.0), label_room);
            let label_at = (left - 10.0, middle + 4.5);
            scene.text(
                label_at,
                &label,
                TEXT.min(size + 1.0),
                TextAnchor::End,
                "text",
            );
            let end = fitted(&ends[at], size, end_room);
            if bar.total() < 0.0 {
                scene.text(
                    (first - 6.0, middle + 4.0),
                    &end,
                    size,
                    TextAnchor::End,
                    END,
                );
            } else {
                scene.text(
                    (last + 6.0, middle + 4.0),
                    &end,
                    size,
                    TextAnchor::Start,
                    END,
                );
            }
        }
        let zero = scale.pixel(0.0);
        scene.line((zero, inner.top), (zero, inner.bottom), "axis");
    }

    fn draw_upright(&self, scene: &mut Scene, area: PlotArea) {
        let reach = self.reach();
        let most = ((area.bottom - area.top) / 60.0).max(2.0) as usize;
        let reach = widen_to_steps(reach, tick_step(reach, most, self.integers));
        let named = self.value_ticks(reach, most);
        let inner = PlotArea {
            left: area.left + left_axis_width(&named),
            top: area.top + LEFT_AXIS_NAME_HEIGHT,
            bottom: area.bottom - BOTTOM_AXIS_HEIGHT,
            ..area
        };
        let scale = PixelScale {
            values: reach,
            pixels: (inner.bottom, inner.top),
        };
        scene.axis_left(inner, &scale, &named, &self.value_name);
        let band = (inner.right - inner.left) / self.bars.len() as f64;
        let filled = if self.bins.is_some() {
            // At most one pixel between the bins.
            (band - 1.0).max(band * 0.9)
        } else {
            band * BAR_FRACTION
        };
        let mut free = f64::NEG_INFINITY;
        for (at, bar) in self.bars.iter().enumerate() {
            let middle = inner.left + band * (at as f64 + 0.5);
            let ends = self.parts(bar, &scale, scene, |from, to| {
                (
                    (middle - filled / 2.0, from.min(to)),
                    (filled, (to - from).abs()),
                )
            });
            if self.bins.is_some() {
                continue;
            }
            let mut ends = ends;
            if let Some(interval) = bar.interval.filter(|_| bar.drawn) {
                let (low, high) = (scale.pixel(interval.0), scale.pixel(interval.1));
                let cap = (filled * CAP_FRACTION).min(MAX_CAP) / 2.0;
                scene.line((middle, low), (middle, high), INTERVAL);
                for end in [low, high] {
                    scene.line((middle - cap, end), (middle + cap, end), INTERVAL);
                }
                ends = (ends.0.max(low), ends.1.min(high));
            }
            let half = width(&bar.label, SMALL) / 2.0;
            if middle - half >= free && middle + half <= scene.width {
                let place = (middle, inner.bottom + 18.0);
                scene.text(place, &bar.label, SMALL, TextAnchor::Middle, "text");
                free = middle + half + 8.0;
            }
            let whole = self.end_text(bar);
            let short = amount_text(self.value_axis, bar.total());
            let fits = [whole, short]
                .into_iter()
                .find(|text| width(text, SMALL) <= band - 4.0);
            if let Some(text) = fits {
                let y = if bar.total() < 0.0 {
                    ends.0.max(ends.1) + 14.0
                } else {
                    ends.0.min(ends.1) - 5.0
                };
                scene.text((middle, y), &text, SMALL, TextAnchor::Middle, END);
            }
        }
        let zero = scale.pixel(0.0);
        scene.line((inner.left, zero), (inner.right, zero), "axis");
        let (ticks, domain) = match &self.bins {
            Some((ticks, domain)) => (ticks.as_slice(), *domain),
            None => (&[][..], (0.0, 1.0)),
        };
        let across = PixelScale {
            values: domain,
            pixels: (inner.left, inner.right),
        };
        scene.axis_below(inner, &across, ticks, &self.label_name, false);
    }

    /// Draws the parts of a bar, each from the end of the one before it. Returns
    /// the pixels of the bar's two ends.
    fn parts(
        &self,
        bar: &Bar,
        scale: &PixelScale,
        scene: &mut Scene,
        place: impl Fn(f64, f64) -> ((f64, f64), (f64, f64)),
    ) -> (f64, f64) {
        let (mut below, mut above) = (0.0, 0.0);
        if !bar.drawn {
            // The table below a page shows its value too.
            scene
                .tooltips
                .cells
                .extend(bar.parts.iter().map(|part| part.tooltip.clone()));
            return (scale.pixel(0.0), scale.pixel(0.0));
        }
        for part in &bar.parts {
            let end = if part.value < 0.0 {
                &mut below
            } else {
                &mut above
            };
            let from = scale.pixel(*end);
            *end += part.value;
            let to = scale.pixel(*end);
            let (at, size) = place(from.min(to), from.max(to));
            // Only zero is invisible.
            let least = if part.value == 0.0 { 0.0 } else { 0.5 };
            scene.shapes.push(Shape::Bar {
                at,
                size: (size.0.max(least), size.1.max(least)),
                fill: part.fill,
                mark: scene.tooltips.cells.len(),
            });
            scene.tooltips.cells.push(part.tooltip.clone());
        }
        (scale.pixel(below), scale.pixel(above))
    }
}
