//! A chart as a Vega-Lite specification, with its data in it.

use serde_json::{Map, Value, json};

use super::super::chart::axis::Axis;
use super::bars::{self, Bars};
use super::color::{CATEGORIES, Fill, OTHER, Pair};
use super::data::{Data, Fills, Paint, Shown};
use super::scene;
use super::spec::{Kind, Spec, Theme};
use crate::error::{Result, ShellError};

const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v5.json";

/// Pixels between the axes, where nobody says otherwise.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

/// The specification as JSON.
///
/// # Errors
/// None that is known of.
pub fn write(data: &Data, spec: &Spec) -> Result<Vec<u8>> {
    let fills = data.fills();
    let mut notes = data.notes();
    let (values, mut encoding) = match data.kind {
        Kind::Bar => bar(data, &fills, &mut notes),
        _ if data.series.is_empty() => (Vec::new(), positions(data)),
        Kind::Hist => histogram(data, &fills),
        Kind::Line | Kind::Scatter => (points(data, &fills), positions(data)),
    };
    let dark = spec.theme == Theme::Dark;
    if let Some(color) = color(data, &fills, dark) {
        encoding.insert("color".to_string(), color);
    }
    let title = spec.title.clone();
    if data.series.is_empty() {
        notes.push("no rows".to_string());
    }
    let mut chart = json!({
        "$schema": SCHEMA,
        "description": scene::default_title(data),
        "title": {
            "text": title.unwrap_or_else(|| scene::default_title(data)),
            "subtitle": notes,
            "anchor": "start",
        },
        "width": spec.width.unwrap_or(WIDTH),
        "data": {"values": values},
        "mark": mark(data),
        "encoding": encoding,
    });
    // Bars have the height that they need.
    let usual = (data.kind != Kind::Bar).then_some(HEIGHT);
    if let Some(height) = spec.height.or(usual) {
        chart["height"] = json!(height);
    }
    if dark {
        chart["background"] = json!("#14171c");
        let light =
            json!({"labelColor": "#a4acb8", "titleColor": "#a4acb8", "gridColor": "#2c323b"});
        chart["config"] = json!({
            "axis": light,
            "legend": {"labelColor": "#eceff3", "titleColor": "#a4acb8"},
            "title": {"color": "#eceff3", "subtitleColor": "#a4acb8"},
            "view": {"stroke": null},
        });
    }
    let mut text = serde_json::to_vec_pretty(&chart)
        .map_err(|error| ShellError::query(format!("the chart cannot be written: {error}")))?;
    text.push(b'\n');
    Ok(text)
}

fn mark(data: &Data) -> Value {
    match data.kind {
        Kind::Bar => json!({"type": "bar"}),
        Kind::Hist => json!({"type": "bar", "binSpacing": 1}),
        Kind::Line => json!({"type": "line", "point": data.series.y.len() <= 60}),
        Kind::Scatter => json!({"type": "point", "filled": true, "opacity": 0.6}),
    }
}

/// A name as a field is called: dots and brackets would reach into it.
fn field(name: &str) -> String {
    let mut field = String::new();
    for c in name.chars() {
        if matches!(c, '.' | '[' | ']' | '\\' | '\'' | '"') {
            field.push('\\');
        }
        field.push(c);
    }
    field
}

fn channel(name: &str, kind: &str) -> Value {
    json!({"field": field(name), "title": name, "type": kind})
}

/// A value as JSON: times as texts that sort.
fn value(axis: Axis, value: f64) -> Value {
    match axis {
        Axis::Numbers if value == value.trunc() && value.abs() < 9e15 => json!(value as i64),
        Axis::Numbers => json!(value),
        Axis::Times(_) => match axis.text(value).split_once(' ') {
            Some((day, time)) => json!(format!("{day}T{time}Z")),
            None => json!(axis.text(value)),
        },
    }
}

fn place(name: &str, axis: Axis) -> Value {
    let mut channel = channel(
        name,
        if axis == Axis::Numbers {
            "quantitative"
        } else {
            "temporal"
        },
    );
    channel["scale"] = match axis {
        Axis::Numbers => json!({"zero": false}),
        Axis::Times(_) => json!({"type": "utc"}),
    };
    channel
}

fn positions(data: &Data) -> Map<String, Value> {
    let series = &data.series;
    let mut encoding = Map::new();
    encoding.insert("x".to_string(), place(&series.x_name, series.x_axis));
    encoding.insert("y".to_string(), place(&series.y_name, series.y_axis));
    encoding.insert("tooltip".to_string(), tooltip(data));
    encoding
}

fn tooltip(data: &Data) -> Value {
    let channel = |hover: &super::data::Hover| {
        let time = match hover.is {
            Shown::X if data.kind != Kind::Bar => data.series.x_axis != Axis::Numbers,
            Shown::Y => data.series.y_axis != Axis::Numbers,
            _ => false,
        };
        let number = matches!(hover.is, Shown::Y) && !time;
        let kind = if time {
            "temporal"
        } else if number {
            "quantitative"
        } else {
            "nominal"
        };
        channel(&hover.name, kind)
    };
    data.hover.iter().map(channel).collect()
}

/// What a row says beside its place.
fn extras(data: &Data, fills: &Fills, row: usize) -> Map<String, Value> {
    let mut extras = Map::new();
    for hover in &data.hover {
        if let Shown::Texts(_) = hover.is {
            extras.insert(hover.name.clone(), json!(data.cell(hover, row)));
        }
    }
    match &data.paint {
        Paint::Plain => {}
        Paint::Categories { name, .. } => {
            extras.insert(name.clone(), json!(category(fills, fills.of[row])));
        }
        Paint::Scale { name, axis, values } => {
            let number = values[row].is_finite().then(|| value(*axis, values[row]));
            extras.insert(name.clone(), number.unwrap_or(Value::Null));
        }
    }
    extras
}

fn category(fills: &Fills, fill: Fill) -> String {
    let mut legend = fills.legend.iter();
    legend
        .find(|(other, _)| *other == fill)
        .map_or_else(String::new, |(_, name)| name.clone())
}

fn points(data: &Data, fills: &Fills) -> Vec<Value> {
    let series = &data.series;
    let row = |row: usize| {
        let mut values = extras(data, fills, row);
        values.insert(series.x_name.clone(), value(series.x_axis, series.x[row]));
        values.insert(series.y_name.clone(), value(series.y_axis, series.y[row]));
        Value::Object(values)
    };
    (0..series.y.len()).map(row).collect()
}

fn bar(data: &Data, fills: &Fills, notes: &mut Vec<String>) -> (Vec<Value>, Map<String, Value>) {
    let series = &data.series;
    let Bars {
        bars, notes: own, ..
    } = bars::of_rows(data, fills);
    notes.extend(own);
    let mut values = Vec::new();
    for bar in &bars {
        for part in &bar.parts {
            let mut row = match part.row {
                Some(row) => extras(data, fills, row),
                None => Map::new(),
            };
            if let (Paint::Categories { name, .. }, None) = (&data.paint, part.row) {
                row.insert(name.clone(), json!(category(fills, part.fill)));
            }
            row.insert(series.x_name.clone(), json!(bar.label));
            row.insert(series.y_name.clone(), value(series.y_axis, part.value));
            values.push(Value::Object(row));
        }
    }
    let mut encoding = Map::new();
    let mut label = channel(&series.x_name, "nominal");
    // In the order of the rows.
    label["sort"] = Value::Null;
    label["axis"] = json!({"labelLimit": 280});
    encoding.insert("y".to_string(), label);
    encoding.insert("x".to_string(), channel(&series.y_name, "quantitative"));
    encoding.insert("tooltip".to_string(), tooltip(data));
    (values, encoding)
}

fn histogram(data: &Data, fills: &Fills) -> (Vec<Value>, Map<String, Value>) {
    let series = &data.series;
    let name = &series.y_name;
    let (end, rows) = (format!("{name} to"), format!("rows by {name}"));
    let Bars { bars, edges, .. } = bars::of_bins(data, fills);
    let mut values = Vec::new();
    for (bar, (from, to)) in bars.iter().zip(edges) {
        for part in &bar.parts {
            let mut row = Map::new();
            row.insert(name.clone(), value(series.y_axis, from));
            row.insert(end.clone(), value(series.y_axis, to));
            row.insert(rows.clone(), json!(part.value as u64));
            if let Paint::Categories { name, .. } = &data.paint {
                row.insert(name.clone(), json!(category(fills, part.fill)));
            }
            values.push(Value::Object(row));
        }
    }
    let mut x = place(name, series.y_axis);
    x["bin"] = json!({"binned": true});
    let mut encoding = Map::new();
    encoding.insert("x".to_string(), x);
    encoding.insert("x2".to_string(), json!({"field": field(&end)}));
    let mut y = channel(&rows, "quantitative");
    y["title"] = json!("rows");
    encoding.insert(
        "tooltip".to_string(),
        json!([
            channel(name, "nominal"),
            channel(&end, "nominal"),
            y.clone()
        ]),
    );
    encoding.insert("y".to_string(), y);
    (values, encoding)
}

fn color(data: &Data, fills: &Fills, dark: bool) -> Option<Value> {
    let of = |pair: Pair| if dark { pair.1 } else { pair.0 };
    match &data.paint {
        Paint::Plain => None,
        Paint::Scale { name, axis, .. } => {
            let mut channel = place(name, *axis);
            channel["scale"] = json!({"scheme": "viridis", "reverse": !dark});
            Some(channel)
        }
        Paint::Categories { name, .. } => {
            let names: Vec<&str> = fills.legend.iter().map(|(_, name)| name.as_str()).collect();
            let colors = fills.legend.iter().map(|(fill, _)| match fill {
                Fill::Category(at) => of(CATEGORIES[at % CATEGORIES.len()]),
                Fill::Other | Fill::Step(_) => of(OTHER),
            });
            let colors: Vec<&str> = colors.collect();
            let mut channel = channel(name, "nominal");
            channel["scale"] = json!({"domain": names, "range": colors});
            Some(channel)
        }
    }
}
