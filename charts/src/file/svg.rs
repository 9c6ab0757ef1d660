//! A scene as SVG: a file, or a part of a page.

use std::fmt::Write;

use super::color::{Fill, class_colors};
use super::options::Theme;
use super::scene::{PointMarks, Scene, Shape, TextAnchor};
use super::text::escaped;

/// Points up to which each is a separate element with a tooltip.
const MAX_ELEMENTS: usize = 1_000;

/// Points of one path. Paths of several colours alternate, so that none covers
/// all others and overlapping points look darker.
const MAX_PATH_POINTS: usize = 400;

/// Purpose of an SVG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SvgTarget {
    /// A file with colours, and with tooltips for browsers.
    File,
    /// Input of the PNG renderer: one theme, and the built-in font.
    #[cfg_attr(not(feature = "png"), allow(dead_code))]
    Pixels,
    /// Part of a page that has the colours, the tooltips and the points.
    Page,
}

const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif";

/// The SVG.
pub fn write(scene: &Scene, theme: Theme, target: SvgTarget) -> String {
    let mut svg = String::new();
    // Writing to a `String` cannot fail.
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}""#,
        short(scene.width),
        short(scene.height),
    );
    if target == SvgTarget::Page {
        svg.push_str(r#" aria-hidden="true">"#);
    } else {
        let label = escaped(&scene.description);
        let font = if target == SvgTarget::File {
            FONTS
        } else {
            "sans-serif"
        };
        let _ = write!(
            svg,
            r#" role="img" aria-label="{label}" font-family="{font}"><title>{}</title><style>{}</style><rect class="bg" width="100%" height="100%"/>"#,
            escaped(&scene.title),
            styles(theme, target)
        );
    }
    svg.push('\n');
    for item in &scene.shapes {
        write_item(&mut svg, item, scene, target);
    }
    if let Some(points) = &scene.points
        && points.drawn
        && target != SvgTarget::Page
    {
        write_points(&mut svg, points, scene, target);
    }
    svg.push_str("</svg>\n");
    svg
}

fn styles(theme: Theme, target: SvgTarget) -> String {
    let rules = |dark: bool| {
        let mut rules = String::new();
        for (class, color) in class_colors(dark) {
            let _ = match class.as_str() {
                "grid" | "axis" => write!(rules, ".{class}{{stroke:{color}}}"),
                _ => write!(rules, ".{class}{{fill:{color}}}.k{class}{{stroke:{color}}}"),
            };
        }
        rules
    };
    let mut styles = rules(theme == Theme::Dark);
    match target {
        SvgTarget::File if theme == Theme::Auto => {
            let _ = write!(
                styles,
                "@media (prefers-color-scheme:dark){{{}}}",
                rules(true)
            );
        }
        // The built-in font is light.
        SvgTarget::Pixels => {
            let of = |name: &str| {
                let all = class_colors(theme == Theme::Dark);
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
        SvgTarget::File | SvgTarget::Page => {}
    }
    styles
}

fn write_item(svg: &mut String, item: &Shape, scene: &Scene, target: SvgTarget) {
    let _ = match item {
        Shape::Text {
            at,
            text,
            size,
            anchor,
            class,
            bold,
        } => {
            let anchor = match anchor {
                TextAnchor::Start => "",
                TextAnchor::Middle => r#" text-anchor="middle""#,
                TextAnchor::End => r#" text-anchor="end""#,
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
        Shape::Line { from, to, class } => writeln!(
            svg,
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" class="{class}"/>"#,
            short(from.0),
            short(from.1),
            short(to.0),
            short(to.1)
        ),
        Shape::Swatch { at, size, fill } => writeln!(
            svg,
            r#"<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>"#,
            short(at.0),
            short(at.1),
            short(size.0),
            short(size.1),
            fill.class()
        ),
        Shape::Bar {
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
            match target {
                SvgTarget::Page => {
                    writeln!(svg, r#" data-i="{mark}" data-c="{}"/>"#, fill.class())
                }
                SvgTarget::File => {
                    writeln!(svg, "><title>{}</title></rect>", tooltip(scene, *mark))
                }
                SvgTarget::Pixels => writeln!(svg, "/>"),
            }
        }
        Shape::Stroke { through, fill } => {
            let class = fill.class();
            let _ = write!(
                svg,
                r#"<path class="k{class}" data-c="{class}" fill="none" stroke-width="2" stroke-linejoin="round" stroke-linecap="round" d=""#
            );
            for (at, (x, y)) in through.iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                let _ = write!(svg, "{letter}{} {}", short(*x), short(*y));
            }
            // A single point is a dot.
            writeln!(
                svg,
                r#"{}"/>"#,
                if through.len() == 1 { "h.01" } else { "" }
            )
        }
    };
}

fn write_points(svg: &mut String, points: &PointMarks, scene: &Scene, target: SvgTarget) {
    let radius = short(points.radius);
    if points.at.len() <= MAX_ELEMENTS {
        let _ = writeln!(svg, r#"<g fill-opacity="{}">"#, points.opacity);
        for (mark, ((x, y), fill)) in points.at.iter().zip(&points.fill).enumerate() {
            let title = match target {
                SvgTarget::File => format!("<title>{}</title>", tooltip(scene, mark)),
                SvgTarget::Pixels | SvgTarget::Page => String::new(),
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
    let mut open: Vec<(Fill, Vec<(f64, f64)>)> = Vec::new();
    for (at, fill) in points.at.iter().zip(&points.fill) {
        let place = match open.iter().position(|(other, _)| other == fill) {
            Some(place) => place,
            None => {
                open.push((*fill, Vec::new()));
                open.len() - 1
            }
        };
        open[place].1.push(*at);
        if open[place].1.len() >= MAX_PATH_POINTS {
            let (fill, points) = open.swap_remove(place);
            write_path(svg, fill, &points);
        }
    }
    for (fill, points) in open {
        write_path(svg, fill, &points);
    }
    svg.push_str("</g>\n");
}

/// Writes dots: strokes of almost no length with round ends.
fn write_path(svg: &mut String, fill: Fill, points: &[(f64, f64)]) {
    let _ = write!(svg, r#"<path class="k{}" d=""#, fill.class());
    for (x, y) in points {
        let _ = write!(svg, "M{} {}h.01", short(*x), short(*y));
    }
    svg.push_str("\"/>\n");
}

/// The tooltip of a mark, a line for each column.
fn tooltip(scene: &Scene, mark: usize) -> String {
    let Some(cells) = scene.tooltips.cells.get(mark) else {
        return String::new();
    };
    let names = scene.tooltips.names.iter().zip(cells);
    let lines = names.map(|(name, cell)| escaped(&format!("{name}: {cell}")));
    lines.collect::<Vec<_>>().join("\n")
}

/// A number of pixels with at most one decimal.
pub fn short(pixels: f64) -> String {
    let text = format!("{:.1}", pixels + 0.0);
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_string()
    } else {
        text.to_string()
    }
}
