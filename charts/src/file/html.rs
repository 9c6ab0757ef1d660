//! A scene as a page without requests: tooltips for pointer and keyboard, and a
//! legend that hides and shows categories.

use std::fmt::Write;

use serde_json::{Value, json};

use super::color::{Fill, class_colors};
use super::options::Theme;
use super::scene::{Scene, StackDirection};
use super::svg::{self, SvgTarget, short};
use super::text::escaped;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Hash of the only script that the page's policy allows; a test computes it.
const SCRIPT_HASH: &str = "sha256-qA5FId8XS+vTqKLnxxjp+UMiuFjcBEuoY4BB1uQUhQU=";

/// Marks up to which a chart has a table below it.
const MAX_TABLE_ROWS: usize = 200;

/// Distance from which the pointer finds a point, in pixels.
const HOVER_DISTANCE: u32 = 14;

/// The same for points that are not drawn.
const UNDRAWN_HOVER_DISTANCE: u32 = 40;

/// Width below which the chart scrolls instead of shrinking, in pixels.
const MIN_PLOT_WIDTH: f64 = 520.0;

/// The page.
pub fn write(scene: &Scene, theme: Theme) -> String {
    let title = escaped(&scene.title);
    let mut page = String::new();
    // Writing to a `String` cannot fail.
    let _ = write!(
        page,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{}{STYLE}main {{ max-width: {}px }}
#plot {{ min-width: {}px }}
</style>
</head>
<body>
<main>
<h1 dir="auto">{title}</h1>
"#,
        variables(theme),
        short(scene.width),
        short(scene.width.min(MIN_PLOT_WIDTH))
    );
    write_legend(&mut page, scene);
    let _ = write!(
        page,
        r#"<div class="wide"><div id="plot" role="img" tabindex="0" aria-label="{}" aria-describedby="keys">
{}</div></div>
<div id="tip" role="status" hidden></div>
"#,
        escaped(&scene.description),
        svg::write(scene, theme, SvgTarget::Page)
    );
    for note in &scene.notes {
        let _ = writeln!(page, r#"<p class="note" dir="auto">{}</p>"#, escaped(note));
    }
    write_table(&mut page, scene);
    page.push_str(r#"<p id="keys" hidden>The arrow keys go from mark to mark.</p>"#);
    let _ = write!(
        page,
        r#"
</main>
<script type="application/json" id="data">{}</script>
<script>{SCRIPT}</script>
</body>
</html>
"#,
        escaped_json(&data(scene))
    );
    page
}

/// The colours as variables, which the canvas reads too.
fn variables(theme: Theme) -> String {
    let of = |dark: bool| {
        let mut rule = String::new();
        for (class, color) in class_colors(dark) {
            let _ = write!(rule, "--{class}:{color};");
        }
        let scheme = if dark { "dark" } else { "light" };
        format!(":root{{color-scheme:{scheme};{rule}}}")
    };
    let mut rules = of(theme == Theme::Dark);
    if theme == Theme::Auto {
        let _ = write!(
            rules,
            "\n@media (prefers-color-scheme:dark){{{}}}",
            of(true)
        );
    }
    rules.push('\n');
    for (class, _) in class_colors(false) {
        let _ = match class.as_str() {
            "grid" | "axis" => write!(rules, ".{class}{{stroke:var(--{class})}}"),
            _ => write!(
                rules,
                ".{class}{{fill:var(--{class})}}.k{class}{{stroke:var(--{class})}}.b{class}{{background:var(--{class})}}"
            ),
        };
    }
    rules.push('\n');
    rules
}

fn write_legend(page: &mut String, scene: &Scene) {
    if scene.legend.is_empty() {
        return;
    }
    page.push_str("<div class=\"legend\" role=\"group\" aria-label=\"Show or hide\">\n");
    for (fill, name) in &scene.legend {
        let class = fill.class();
        let name = escaped(name);
        let _ = writeln!(
            page,
            r#"<button type="button" aria-pressed="true" data-c="{class}" title="{name}"><i class="b{class}"></i><span dir="auto">{name}</span></button>"#
        );
    }
    page.push_str("</div>\n");
}

fn write_table(page: &mut String, scene: &Scene) {
    let tooltips = &scene.tooltips;
    if tooltips.cells.is_empty()
        || tooltips.cells.len() > MAX_TABLE_ROWS
        || tooltips.names.is_empty()
    {
        return;
    }
    page.push_str(
        "<details><summary>The data as a table</summary><div class=\"wide\"><table>\n<tr>",
    );
    for name in &tooltips.names {
        let _ = write!(page, r#"<th scope="col" dir="auto">{}</th>"#, escaped(name));
    }
    page.push_str("</tr>\n");
    for row in &tooltips.cells {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, r#"<td dir="auto">{}</td>"#, escaped(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div></details>\n");
}

/// The data of the page's script.
fn data(scene: &Scene) -> Value {
    let mut fills: Vec<Fill> = Vec::new();
    let points = scene.points.as_ref().map(|points| {
        fills.extend(&points.fill);
        fills.sort_unstable();
        fills.dedup();
        let place = |fill: &Fill| fills.binary_search(fill).unwrap_or(0);
        let tenth = |pixels: f64| json!((pixels * 10.0).round() / 10.0);
        json!({
            "at": points.at.iter().flat_map(|(x, y)| [tenth(*x), tenth(*y)]).collect::<Vec<_>>(),
            "fill": points.fill.iter().map(place).collect::<Vec<_>>(),
            "radius": points.radius,
            "opacity": points.opacity,
            "drawn": points.drawn,
            "reach": if points.drawn { HOVER_DISTANCE } else { UNDRAWN_HOVER_DISTANCE },
        })
    });
    json!({
        "width": scene.width,
        "names": scene.tooltips.names,
        "cells": scene.tooltips.cells,
        "fills": fills.into_iter().map(Fill::class).collect::<Vec<_>>(),
        "points": points,
        "stacked": scene.stacked.map(|stacked| match stacked {
            StackDirection::Across => "across",
            StackDirection::Upwards => "upwards",
        }),
    })
}

/// JSON in which no text can end the element around it, or begin another.
fn escaped_json(data: &Value) -> String {
    let text = data.to_string();
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // In JSON these occur only within strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(escaped, "\\u{:04x}", c as u32);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
