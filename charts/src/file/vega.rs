//! A chart as a Vega-Lite specification, with its data in it.

use serde_json::{Map, Value, json};

use super::bars::{Bars, histogram_bars, row_bars};
use super::color::{CATEGORY_COLORS, Fill, OTHER_COLORS, ThemeColors};
use super::data::{ChartData, Coloring, Fills, TooltipColumn, TooltipSource};
use super::options::{ChartOptions, Theme};
use crate::data::Axis;
use crate::error::{ChartError, Result};
use crate::kind::ChartKind;

const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v5.json";

/// Default size of the area between the axes, in pixels.
const DEFAULT_WIDTH: u32 = 640;
const DEFAULT_HEIGHT: u32 = 360;

/// The specification as JSON.
///
/// # Errors
/// Values that JSON cannot hold.
pub fn write(data: &ChartData, options: &ChartOptions) -> Result<Vec<u8>> {
    let fills = data.fills();
    let mut notes = data.notes();
    let (values, mut encoding) = match data.kind {
        ChartKind::Bar => bar(data, &fills, &mut notes),
        _ if data.series.is_empty() => (Vec::new(), positions(data)),
        ChartKind::Hist => histogram(data, &fills),
        ChartKind::Line | ChartKind::Scatter => (points(data, &fills), positions(data)),
    };
    let dark = options.theme == Theme::Dark;
    if let Some(color) = color(data, &fills, dark) {
        encoding.insert("color".to_string(), color);
    }
    let title = options.title.clone();
    if data.series.is_empty() {
        notes.push("no rows".to_string());
    }
    let mut chart = json!({
        "$schema": SCHEMA,
        "description": data.title(),
        "title": {
            "text": title.unwrap_or_else(|| data.title()),
            "subtitle": notes,
            "anchor": "start",
        },
        "width": options.width.unwrap_or(DEFAULT_WIDTH),
        "data": {"values": values},
        "mark": mark(data),
        "encoding": &encoding,
    });
    // The height of bars depends on their number.
    let default_height = (data.kind != ChartKind::Bar).then_some(DEFAULT_HEIGHT);
    if let Some(height) = options.height.or(default_height) {
        chart["height"] = json!(height);
    }
    if let Some(ends) = interval_names(data) {
        add_intervals(&mut chart, ends, &encoding);
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
    let mut text = serde_json::to_vec_pretty(&chart).map_err(|error| ChartError::Render {
        format: "vega",
        reason: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(text)
}

fn mark(data: &ChartData) -> Value {
    match data.kind {
        ChartKind::Bar => json!({"type": "bar"}),
        ChartKind::Hist => json!({"type": "bar", "binSpacing": 1}),
        ChartKind::Line => json!({"type": "line", "point": data.series.y.len() <= 60}),
        ChartKind::Scatter => json!({"type": "point", "filled": true, "opacity": 0.6}),
    }
}

/// Names of the columns with the ends of intervals.
fn interval_names(data: &ChartData) -> Option<(&str, &str)> {
    let (low, high) = data.interval_names.as_ref()?;
    Some((low, high))
}

/// Makes bars and the lines of their intervals two layers.
fn add_intervals(chart: &mut Value, (low, high): (&str, &str), encoding: &Map<String, Value>) {
    let bars = json!({"mark": chart["mark"], "encoding": encoding});
    let lines = json!({
        "mark": {"type": "rule"},
        "encoding": {
            "y": encoding.get("y"),
            "x": channel(low, "quantitative"),
            "x2": {"field": field(high)},
        },
    });
    if let Some(chart) = chart.as_object_mut() {
        chart.remove("mark");
        chart.remove("encoding");
        chart.insert("layer".to_string(), json!([bars, lines]));
    }
}

/// The name of a field, with dots and brackets escaped: they would address parts
/// of it.
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

/// A value as JSON; times are texts.
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

/// The channel of a position.
fn position(name: &str, axis: Axis) -> Value {
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

fn positions(data: &ChartData) -> Map<String, Value> {
    let series = &data.series;
    let mut encoding = Map::new();
    encoding.insert("x".to_string(), position(&series.x_name, series.x_axis));
    encoding.insert("y".to_string(), position(&series.y_name, series.y_axis));
    encoding.insert("tooltip".to_string(), tooltip(data));
    encoding
}

fn tooltip(data: &ChartData) -> Value {
    let channel = |hover: &TooltipColumn| {
        let time = match hover.source {
            TooltipSource::X if data.kind != ChartKind::Bar => data.series.x_axis != Axis::Numbers,
            TooltipSource::Y => data.series.y_axis != Axis::Numbers,
            _ => false,
        };
        let number = matches!(hover.source, TooltipSource::Y) && !time;
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

/// Fields of a row beside its position.
fn extra_fields(data: &ChartData, fills: &Fills, row: usize) -> Map<String, Value> {
    let mut extras = Map::new();
    for hover in &data.hover {
        if let TooltipSource::Texts(_) = hover.source {
            extras.insert(hover.name.clone(), json!(data.tooltip_text(hover, row)));
        }
    }
    match &data.coloring {
        Coloring::Plain => {}
        Coloring::Categories { name, .. } => {
            extras.insert(name.clone(), json!(category(fills, fills.by_row[row])));
        }
        Coloring::Scale { name, axis, values } => {
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

fn points(data: &ChartData, fills: &Fills) -> Vec<Value> {
    let series = &data.series;
    let row = |row: usize| {
        let mut values = extra_fields(data, fills, row);
        values.insert(series.x_name.clone(), value(series.x_axis, series.x[row]));
        values.insert(series.y_name.clone(), value(series.y_axis, series.y[row]));
        Value::Object(values)
    };
    (0..series.y.len()).map(row).collect()
}

fn bar(
    data: &ChartData,
    fills: &Fills,
    notes: &mut Vec<String>,
) -> (Vec<Value>, Map<String, Value>) {
    let series = &data.series;
    let Bars {
        bars,
        notes: bar_notes,
        ..
    } = row_bars(data, fills);
    notes.extend(bar_notes);
    let mut values = Vec::new();
    for bar in &bars {
        for part in &bar.parts {
            let mut row = match part.row {
                Some(row) => extra_fields(data, fills, row),
                None => Map::new(),
            };
            if let (Coloring::Categories { name, .. }, None) = (&data.coloring, part.row) {
                row.insert(name.clone(), json!(category(fills, part.fill)));
            }
            row.insert(series.x_name.clone(), json!(bar.label));
            row.insert(series.y_name.clone(), value(series.y_axis, part.value));
            if let (Some((low, high)), Some(ends)) = (interval_names(data), bar.interval) {
                row.insert(low.to_string(), value(series.y_axis, ends.0));
                row.insert(high.to_string(), value(series.y_axis, ends.1));
            }
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

fn histogram(data: &ChartData, fills: &Fills) -> (Vec<Value>, Map<String, Value>) {
    let series = &data.series;
    let name = &series.y_name;
    let (end, rows) = (format!("{name} to"), format!("rows by {name}"));
    let Bars { bars, edges, .. } = histogram_bars(data, fills);
    let mut values = Vec::new();
    for (bar, (from, to)) in bars.iter().zip(edges) {
        for part in &bar.parts {
            let mut row = Map::new();
            row.insert(name.clone(), value(series.y_axis, from));
            row.insert(end.clone(), value(series.y_axis, to));
            row.insert(rows.clone(), json!(part.value as u64));
            if let Coloring::Categories { name, .. } = &data.coloring {
                row.insert(name.clone(), json!(category(fills, part.fill)));
            }
            values.push(Value::Object(row));
        }
    }
    let mut x = position(name, series.y_axis);
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

fn color(data: &ChartData, fills: &Fills, dark: bool) -> Option<Value> {
    let of = |pair: ThemeColors| if dark { pair.1 } else { pair.0 };
    match &data.coloring {
        Coloring::Plain => None,
        Coloring::Scale { name, axis, .. } => {
            let mut channel = position(name, *axis);
            channel["scale"] = json!({"scheme": "viridis", "reverse": !dark});
            Some(channel)
        }
        Coloring::Categories { name, .. } => {
            let names: Vec<&str> = fills.legend.iter().map(|(_, name)| name.as_str()).collect();
            let colors = fills.legend.iter().map(|(fill, _)| match fill {
                Fill::Category(at) => of(CATEGORY_COLORS[at % CATEGORY_COLORS.len()]),
                Fill::Other | Fill::Step(_) => of(OTHER_COLORS),
            });
            let colors: Vec<&str> = colors.collect();
            let mut channel = channel(name, "nominal");
            channel["scale"] = json!({"domain": names, "range": colors});
            Some(channel)
        }
    }
}
