//! Where bars lie: upright where their labels find room below them, otherwise
//! one below the other.

use super::super::super::chart::axis::{Axis, in_threes};
use super::super::data::amount_text;
use super::super::layout::{Scale, Tick, step, ticks, widened};
use super::super::scene::{
    ABOVE, Anchor, Area, BELOW, Item, SMALL, Scene, Stacked, TEXT, Tips, beside,
};
use super::super::text::{fitted, shortened, width};
use super::{Bar, Bars};

/// Pixels that a horizontal bar takes with the space below it.
const ROW: f64 = 27.0;

/// The part of its band that a bar fills.
const FILLED: f64 = 0.74;

/// Labels take at most this part of the width.
const LABEL_SHARE: f64 = 0.42;

/// The class of what stands at the end of a bar.
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

    /// The height that suits them, if not the usual one.
    pub fn wanted_height(&self, width: f64, top: f64, foot: f64) -> Option<f64> {
        let rows = self.bars.len() as f64 * ROW;
        (!self.is_upright(width - 80.0)).then_some(top + rows + BELOW + foot)
    }

    fn value_text(&self, value: f64) -> String {
        let text = amount_text(self.value_axis, value);
        match self.sum {
            Some(sum) => format!("{text} ({:.1}%)", 100.0 * value / sum),
            None => text,
        }
    }

    fn value_ticks(&self, reach: (f64, f64), most: usize) -> Vec<Tick> {
        let mut ticks = ticks(self.value_axis, reach, most, self.whole);
        if self.value_axis == Axis::Numbers {
            for tick in &mut ticks {
                tick.text = in_threes(&tick.text);
            }
        }
        ticks
    }

    /// What stands at the end of a bar.
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

    pub fn draw(&self, scene: &mut Scene, area: Area) {
        scene.tips = Tips {
            names: self.names.clone(),
            cells: Vec::new(),
        };
        let upright = self.is_upright(scene.width - 80.0);
        let mut parts = self.bars.iter().flat_map(|bar| &bar.parts);
        scene.stacked = match upright {
            _ if parts.any(|part| part.value < 0.0) => None,
            true => Some(Stacked::Upwards),
            false => Some(Stacked::Across),
        };
        if upright {
            self.draw_upright(scene, area);
        } else {
            self.draw_lying(scene, area);
        }
    }

    fn draw_lying(&self, scene: &mut Scene, area: Area) {
        let ends: Vec<String> = self.bars.iter().map(|bar| self.end_text(bar)).collect();
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let labels = widest(&mut self.bars.iter().map(|bar| width(&bar.label, TEXT)));
        let label_room = labels.min(scene.width * LABEL_SHARE);
        let end_room = widest(&mut ends.iter().map(|end| width(end, SMALL))).min(scene.width * 0.3);
        let reach = self.reach();
        let left = area.left + label_room + 10.0;
        let below = if reach.0 < 0.0 { end_room + 8.0 } else { 0.0 };
        let above = if reach.1 > 0.0 { end_room + 8.0 } else { 0.0 };
        let inner = Area {
            left: left + below,
            right: (area.right - above).max(left + below + 40.0),
            bottom: area.bottom - BELOW,
            ..area
        };
        let most = ((inner.right - inner.left) / 90.0).max(2.0) as usize;
        let ticks = self.value_ticks(reach, most);
        let scale = Scale {
            values: reach,
            pixels: (inner.left, inner.right),
        };
        scene.axis_below(inner, &scale, &ticks, &self.value_name, true);
        let band = (inner.bottom - inner.top) / self.bars.len() as f64;
        let thick = (band * FILLED).max(1.0);
        for (at, bar) in self.bars.iter().enumerate() {
            let middle = inner.top + band * (at as f64 + 0.5);
            let (first, last) = self.parts(bar, &scale, scene, |from, to| {
                ((from, middle - thick / 2.0), (to - from, thick))
            });
            if band < 9.0 {
                continue;
            }
            let size = SMALL.min(band * 0.9);
            let label = fitted(&bar.label, TEXT.min(size + 1.0), label_room);
            let label_at = (left - 10.0, middle + 4.5);
            scene.text(label_at, &label, TEXT.min(size + 1.0), Anchor::End, "text");
            let end = fitted(&ends[at], size, end_room);
            if bar.total() < 0.0 {
                scene.text((first - 6.0, middle + 4.0), &end, size, Anchor::End, END);
            } else {
                scene.text((last + 6.0, middle + 4.0), &end, size, Anchor::Start, END);
            }
        }
        let zero = scale.place(0.0);
        scene.line((zero, inner.top), (zero, inner.bottom), "axis");
    }

    fn draw_upright(&self, scene: &mut Scene, area: Area) {
        let reach = self.reach();
        let most = ((area.bottom - area.top) / 60.0).max(2.0) as usize;
        let reach = widened(reach, step(reach, most, self.whole));
        let named = self.value_ticks(reach, most);
        let inner = Area {
            left: area.left + beside(&named),
            top: area.top + ABOVE,
            bottom: area.bottom - BELOW,
            ..area
        };
        let scale = Scale {
            values: reach,
            pixels: (inner.bottom, inner.top),
        };
        scene.axis_left(inner, &scale, &named, &self.value_name);
        let band = (inner.right - inner.left) / self.bars.len() as f64;
        let filled = if self.bins.is_some() {
            // A hair between the bins.
            (band - 1.0).max(band * 0.9)
        } else {
            band * FILLED
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
            let half = width(&bar.label, SMALL) / 2.0;
            if middle - half >= free && middle + half <= scene.width {
                let place = (middle, inner.bottom + 18.0);
                scene.text(place, &bar.label, SMALL, Anchor::Middle, "text");
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
                scene.text((middle, y), &text, SMALL, Anchor::Middle, END);
            }
        }
        let zero = scale.place(0.0);
        scene.line((inner.left, zero), (inner.right, zero), "axis");
        let (ticks, domain) = match &self.bins {
            Some((ticks, domain)) => (ticks.as_slice(), *domain),
            None => (&[][..], (0.0, 1.0)),
        };
        let across = Scale {
            values: domain,
            pixels: (inner.left, inner.right),
        };
        scene.axis_below(inner, &across, ticks, &self.label_name, false);
    }

    /// Draws the parts of a bar, each from where the one before it ended; gives
    /// the pixels of its two ends.
    fn parts(
        &self,
        bar: &Bar,
        scale: &Scale,
        scene: &mut Scene,
        place: impl Fn(f64, f64) -> ((f64, f64), (f64, f64)),
    ) -> (f64, f64) {
        let (mut below, mut above) = (0.0, 0.0);
        if !bar.drawn {
            // The table below a page tells it too.
            scene
                .tips
                .cells
                .extend(bar.parts.iter().map(|part| part.tip.clone()));
            return (scale.place(0.0), scale.place(0.0));
        }
        for part in &bar.parts {
            let end = if part.value < 0.0 {
                &mut below
            } else {
                &mut above
            };
            let from = scale.place(*end);
            *end += part.value;
            let to = scale.place(*end);
            let (at, size) = place(from.min(to), from.max(to));
            // Whatever is not zero shows.
            let least = if part.value == 0.0 { 0.0 } else { 0.5 };
            scene.items.push(Item::Bar {
                at,
                size: (size.0.max(least), size.1.max(least)),
                fill: part.fill,
                mark: scene.tips.cells.len(),
            });
            scene.tips.cells.push(part.tip.clone());
        }
        (scale.place(below), scale.place(above))
    }
}
