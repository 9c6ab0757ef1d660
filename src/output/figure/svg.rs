//! A scene as SVG: a file that stands for itself, or a part of a page.

use std::fmt::Write;

use super::color::{Fill, classes};
use super::scene::{Anchor, Item, Points, Scene};
use super::spec::Theme;
use super::text::escaped;

/// Up to so many points are elements of their own, each with its tooltip.
const MOST_ELEMENTS: usize = 1_000;

/// Points of one path. Paths of several colours take turns, so that none lies
/// above all others, and where many overlap they look darker.
const POINTS_OF_PATH: usize = 400;

/// What the drawing is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A file: with its own colours, and tooltips that browsers show.
    File,
    /// To be made pixels: one theme, and the font that is at hand.
    Pixels,
    /// Within a page that has the colours, the tooltips and the points.
    Page,
}

const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif";

/// The drawing.
pub fn write(scene: &Scene, theme: Theme, made_for: Use) -> String {
    let mut svg = String::new();
    // Writing into a text cannot fail.
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}""#,
        short(scene.width),
        short(scene.height),
    );
    if made_for == Use::Page {
        svg.push_str(r#" aria-hidden="true">"#);
    } else {
        let label = escaped(&scene.description);
        let font = if made_for == Use::File {
            FONTS
        } else {
            "sans-serif"
        };
        let _ = write!(
            svg,
            r#" role="img" aria-label="{label}" font-family="{font}"><title>{}</title><style>{}</style><rect class="bg" width="100%" height="100%"/>"#,
            escaped(&scene.title),
            styles(theme, made_for)
        );
    }
    svg.push('\n');
    for item in &scene.items {
        write_item(&mut svg, item, scene, made_for);
    }
    if let Some(points) = &scene.points
        && points.drawn
        && made_for != Use::Page
    {
        write_points(&mut svg, points, scene, made_for);
    }
    svg.push_str("</svg>\n");
    svg
}

fn styles(theme: Theme, made_for: Use) -> String {
    let rules = |dark: bool| {
        let mut rules = String::new();
        for (class, color) in classes(dark) {
            let _ = match class.as_str() {
                "grid" | "axis" => write!(rules, ".{class}{{stroke:{color}}}"),
                _ => write!(rules, ".{class}{{fill:{color}}}.k{class}{{stroke:{color}}}"),
            };
        }
        rules
    };
    let mut styles = rules(theme == Theme::Dark);
    match made_for {
        Use::File if theme == Theme::Auto => {
            let _ = write!(
                styles,
                "@media (prefers-color-scheme:dark){{{}}}",
                rules(true)
            );
        }
        // The font at hand is a light one.
        Use::Pixels => {
            let of = |name: &str| {
                let all = classes(theme == Theme::Dark);
                all.into_iter()
                    .find(|(class, _)| class == name)
                    .map_or("#000000", |(_, color)| color)
            };
            let _ = write!(
                styles,
                "text.text{{stroke:{0};stroke-width:0.25}}text.muted{{stroke:{1};stroke-width:0.2}}text.bold{{stroke:{0};stroke-width:0.7}}",
                of("text"),
                of("muted")
            );
        }
        Use::File | Use::Page => {}
    }
    styles
}

fn write_item(svg: &mut String, item: &Item, scene: &Scene, made_for: Use) {
    let _ = match item {
        Item::Text {
            at,
            text,
            size,
            anchor,
            class,
            bold,
        } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => r#" text-anchor="middle""#,
                Anchor::End => r#" text-anchor="end""#,
            };
            let bold = if *bold {
                (" bold", r#" font-weight="600""#)
            } else {
                ("", "")
            };
            writeln!(
                svg,
                r#"<text x="{}" y="{}" font-size="{}" class="{class}{}"{anchor}{}>{}</text>"#,
                short(at.0),
                short(at.1),
                short(*size),
                bold.0,
                bold.1,
                escaped(text)
            )
        }
        Item::Line { from, to, class } => writeln!(
            svg,
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" class="{class}"/>"#,
            short(from.0),
            short(from.1),
            short(to.0),
            short(to.1)
        ),
        Item::Swatch { at, size, fill } => writeln!(
            svg,
            r#"<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>"#,
            short(at.0),
            short(at.1),
            short(size.0),
            short(size.1),
            fill.class()
        ),
        Item::Bar {
            at,
            size,
            fill,
            mark,
        } => {
            let _ = write!(
                svg,
                r#"<rect x="{}" y="{}" width="{}" height="{}" class="{}""#,
                short(at.0),
                short(at.1),
                short(size.0),
                short(size.1),
                fill.class()
            );
            match made_for {
                Use::Page => {
                    writeln!(svg, r#" data-i="{mark}" data-c="{}"/>"#, fill.class())
                }
                Use::File => writeln!(svg, "><title>{}</title></rect>", tip(scene, *mark)),
                Use::Pixels => writeln!(svg, "/>"),
            }
        }
        Item::Stroke { through, fill } => {
            let class = fill.class();
            let _ = write!(
                svg,
                r#"<path class="k{class}" data-c="{class}" fill="none" stroke-width="2" stroke-linejoin="round" stroke-linecap="round" d=""#
            );
            for (at, (x, y)) in through.iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                let _ = write!(svg, "{letter}{} {}", short(*x), short(*y));
            }
            // One point is a dot.
            writeln!(
                svg,
                r#"{}"/>"#,
                if through.len() == 1 { "h.01" } else { "" }
            )
        }
    };
}

fn write_points(svg: &mut String, points: &Points, scene: &Scene, made_for: Use) {
    let radius = short(points.radius);
    if points.at.len() <= MOST_ELEMENTS {
        let _ = writeln!(svg, r#"<g fill-opacity="{}">"#, points.opacity);
        for (mark, ((x, y), fill)) in points.at.iter().zip(&points.fill).enumerate() {
            let title = match made_for {
                Use::File => format!("<title>{}</title>", tip(scene, mark)),
                Use::Pixels | Use::Page => String::new(),
            };
            let _ = writeln!(
                svg,
                r#"<circle cx="{}" cy="{}" r="{radius}" class="{}">{title}</circle>"#,
                short(*x),
                short(*y),
                fill.class()
            );
        }
        svg.push_str("</g>\n");
        return;
    }
    let _ = writeln!(
        svg,
        r#"<g fill="none" stroke-linecap="round" stroke-width="{}" stroke-opacity="{}">"#,
        short(2.0 * points.radius),
        points.opacity
    );
    let mut waiting: Vec<(Fill, Vec<(f64, f64)>)> = Vec::new();
    for (at, fill) in points.at.iter().zip(&points.fill) {
        let place = match waiting.iter().position(|(other, _)| other == fill) {
            Some(place) => place,
            None => {
                waiting.push((*fill, Vec::new()));
                waiting.len() - 1
            }
        };
        waiting[place].1.push(*at);
        if waiting[place].1.len() >= POINTS_OF_PATH {
            let (fill, points) = waiting.swap_remove(place);
            write_path(svg, fill, &points);
        }
    }
    for (fill, points) in waiting {
        write_path(svg, fill, &points);
    }
    svg.push_str("</g>\n");
}

/// Dots: strokes of next to no length with round ends.
fn write_path(svg: &mut String, fill: Fill, points: &[(f64, f64)]) {
    let _ = write!(svg, r#"<path class="k{}" d=""#, fill.class());
    for (x, y) in points {
        let _ = write!(svg, "M{} {}h.01", short(*x), short(*y));
    }
    svg.push_str("\"/>\n");
}

/// A tooltip, a line for each column.
fn tip(scene: &Scene, mark: usize) -> String {
    let Some(cells) = scene.tips.cells.get(mark) else {
        return String::new();
    };
    let names = scene.tips.names.iter().zip(cells);
    let lines = names.map(|(name, cell)| escaped(&format!("{name}: {cell}")));
    lines.collect::<Vec<_>>().join("\n")
}

/// A number of pixels with one decimal at most.
pub fn short(pixels: f64) -> String {
    let text = format!("{:.1}", pixels + 0.0);
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_string()
    } else {
        text.to_string()
    }
}
