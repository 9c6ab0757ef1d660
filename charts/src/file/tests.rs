use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use serde_json::Value;

use super::*;
use crate::error::Result;

const HOSTILE: &str = "</script><script>alert(1)</script>\" onload='x' & \u{0}\u{202e}\u{ffff}";

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn counts(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn shop() -> RecordBatch {
    batch(vec![
        ("title", texts(["red shoes", "tea pot", "blue pen"])),
        ("kind", texts(["Clothing", "Home and Kitchen", "Office"])),
        ("n", counts([60, 30, 10])),
        ("price", floats([20.5, 15.0, 2.25])),
        (
            "day",
            Arc::new(Date32Array::from(vec![19_723, 19_724, 19_730])),
        ),
    ])
}

fn figure(batch: &RecordBatch, options: &[(&str, &str)]) -> Result<ChartFile> {
    let mut figure = ChartFile::new(
        &batch.schema(),
        ChartOptions::parse(options.iter().copied())?,
    )?;
    figure.add(batch)?;
    Ok(figure)
}

fn bytes(batch: &RecordBatch, suffix: &str, options: &[(&str, &str)]) -> Vec<u8> {
    let figure = figure(batch, options).unwrap();
    figure
        .render(find_format(suffix, None).unwrap())
        .unwrap()
        .bytes
}

fn text(batch: &RecordBatch, suffix: &str, options: &[(&str, &str)]) -> String {
    String::from_utf8(bytes(batch, suffix, options)).unwrap()
}

fn vega(batch: &RecordBatch, options: &[(&str, &str)]) -> Value {
    serde_json::from_slice(&bytes(batch, ".vl.json", options)).unwrap()
}

/// What is between `>` and `</text>`, in order.
fn written(svg: &str) -> Vec<&str> {
    let ends = svg
        .split("</text>")
        .filter_map(|part| part.rsplit_once("<text"));
    ends.filter_map(|(_, text)| text.split_once('>'))
        .map(|(_, text)| text)
        .collect()
}

/// Every number of an attribute.
fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
    svg.split(&format!(" {attribute}=\""))
        .skip(1)
        .filter_map(|part| part.split('"').next()?.parse().ok())
        .collect()
}

fn shares() -> RecordBatch {
    batch(vec![
        ("label", texts(["Books", "Clothing", "Office"])),
        ("share", floats([0.5, 0.3, 0.2])),
        ("low", floats([0.4, 0.25, f64::NAN])),
        ("high", floats([0.7, 0.35, 0.3])),
    ])
}

#[test]
fn bars_have_the_intervals_of_their_values() {
    let shares = shares();
    let summary = figure(&shares, &[]).unwrap().summary();
    assert_eq!(summary, "bar chart of share by label");
    let without = shares.project(&[0, 1]).unwrap();
    // Three lines for each of the two intervals: the interval and its caps.
    for options in [&[("width", "900")][..], &[("width", "240")]] {
        let lines = |batch| {
            text(batch, ".svg", options)
                .matches("class=\"axis\"")
                .count()
        };
        assert_eq!(lines(&shares), lines(&without) + 6, "{options:?}");
    }
    let chart = vega(&shares, &[]);
    assert_eq!(chart["layer"][1]["mark"]["type"], "rule");
    assert_eq!(chart["layer"][1]["encoding"]["x2"]["field"], "high");
    assert_eq!(chart["data"]["values"][0]["high"], 0.7);
    assert!(vega(&without, &[])["layer"].is_null());
}

#[test]
fn the_default_kind_depends_on_the_columns() {
    let shop = shop();
    let of = |columns: &[usize], options: &[(&str, &str)]| {
        let some = shop.project(columns).unwrap();
        figure(&some, options).unwrap().summary()
    };
    let title = |of: &str| of.to_string();
    assert_eq!(of(&[1, 2], &[]), title("bar chart of n by kind"));
    assert_eq!(
        of(&[1, 2], &[("color", "kind")]),
        title("bar chart of n by kind")
    );
    assert_eq!(of(&[2, 3], &[]), title("scatter plot of price over n"));
    assert_eq!(
        of(&[1, 2, 3], &[("color", "kind"), ("label", "kind")]),
        title("scatter plot of price over n")
    );
    assert_eq!(of(&[4, 2], &[]), title("line chart of n over day"));
    assert_eq!(of(&[3], &[]), title("histogram of rows by price"));
    assert_eq!(
        of(&[0, 2, 3], &[("x", "n"), ("y", "price")]),
        title("scatter plot of price over n")
    );
    assert_eq!(
        of(&[0, 2, 3], &[("chart", "hist"), ("y", "price")]),
        title("histogram of rows by price")
    );
    let map = batch(vec![
        ("title", texts(["a"])),
        ("x", floats([1.0])),
        ("y", floats([2.0])),
    ]);
    assert_eq!(
        figure(&map, &[]).unwrap().summary(),
        "scatter plot of y over x"
    );
}

#[test]
fn wrong_columns_are_errors_before_any_row() {
    let shop = shop();
    for (options, expected) in [
        (
            &[("y", "nothing")][..],
            "no column 'nothing'; it has title, kind, n, price, day",
        ),
        (
            &[("x", "kind"), ("y", "title")],
            "column 'title' holds no numbers",
        ),
        (
            &[("chart", "scatter"), ("x", "kind")],
            "column 'kind' holds no numbers",
        ),
        (&[("color", "knid")], "no column 'knid'"),
        (&[("hover", "title, prize")], "no column 'prize'"),
        (&[("label", "nothing")], "no column 'nothing'"),
        (&[("chart", "hist"), ("label", "title")], "leave label out"),
    ] {
        let parsed = ChartOptions::parse(options.iter().copied()).unwrap();
        let error = ChartFile::new(&shop.schema(), parsed).err().unwrap();
        assert!(error.to_string().contains(expected), "{options:?}: {error}");
    }
}

#[test]
fn bars_follow_the_rows_with_values_and_shares() {
    let svg = text(
        &shop(),
        ".svg",
        &[("x", "kind"), ("y", "n"), ("title", "The shop")],
    );
    let all = written(&svg);
    assert_eq!(all[0], "The shop");
    for expected in [
        "Clothing",
        "60 (60.0%)",
        "Home and Kitchen",
        "30 (30.0%)",
        "Total 100.",
    ] {
        assert!(all.contains(&expected), "{expected}: {all:?}");
    }
    let at = |text: &str| all.iter().position(|other| *other == text);
    assert!(at("Clothing") < at("Office"));
    // Averages and prices have no shares.
    assert!(!text(&shop(), ".svg", &[("x", "kind"), ("y", "price")]).contains("%)"));
    assert!(
        svg.contains("<title>kind: Office\nn: 10 (10.0%)</title>"),
        "{svg}"
    );
}

#[test]
fn lengths_of_bars_are_in_proportion_from_zero() {
    // Long labels make the bars horizontal.
    let kinds = texts(["Electronics, Computers and more", "Home and Kitchen", "x"]);
    let bars = batch(vec![("kind", kinds), ("n", floats([40.0, 20.0, -10.0]))]);
    let svg = text(&bars, ".svg", &[("width", "500")]);
    let bars: Vec<&str> = svg
        .lines()
        .filter(|line| line.contains("<title>kind"))
        .collect();
    let widths: Vec<f64> = bars.iter().map(|bar| numbers(bar, "width")[0]).collect();
    let starts: Vec<f64> = bars.iter().map(|bar| numbers(bar, "x")[0]).collect();
    assert!((widths[0] - 2.0 * widths[1]).abs() < 0.3, "{widths:?}");
    assert!((widths[0] - 4.0 * widths[2]).abs() < 0.5, "{widths:?}");
    assert_eq!(starts[0], starts[1]);
    assert!(
        (starts[2] + widths[2] - starts[0]).abs() < 0.2,
        "{starts:?}"
    );
}

#[test]
fn small_bars_become_others_if_they_can_be_summed() {
    let names: Vec<String> = (0..120).map(|at| format!("brand {at}")).collect();
    let names = || texts(names.iter().map(String::as_str));
    let many = batch(vec![("brand", names()), ("n", counts(1..=120))]);
    let svg = text(&many, ".svg", &[]);
    assert!(
        svg.contains(
            "The largest 50 of 120 are shown; the rest are summed in others, too many for a bar."
        ),
        "{svg}"
    );
    let all = written(&svg);
    assert!(
        all.contains(&"others (70)") && all.contains(&"2,485 (34.2%)"),
        "{all:?}"
    );
    assert!(
        all.contains(&"brand 70") && !all.contains(&"brand 69"),
        "{all:?}"
    );
    assert_eq!(
        vega(&many, &[])["data"]["values"].as_array().unwrap().len(),
        51
    );
    let averages = batch(vec![
        ("brand", names()),
        ("n", floats((0..120).map(|at| f64::from(at) + 0.5))),
    ]);
    let svg = text(&averages, ".svg", &[]);
    assert!(svg.contains("The largest 50 of 120 are shown."), "{svg}");
    assert!(!svg.contains("others"));
}

#[test]
fn categories_have_a_legend_and_numbers_a_scale() {
    let parts = batch(vec![
        ("kind", texts(["a", "a", "b"])),
        ("state", texts(["new", "used", "new"])),
        ("n", counts([3, 1, 2])),
    ]);
    let svg = text(&parts, ".svg", &[("color", "state")]);
    let all = written(&svg);
    assert!(all.contains(&"new") && all.contains(&"used"), "{all:?}");
    // Two bars, the first in two parts.
    assert!(
        all.contains(&"4 (66.7%)") && all.contains(&"2 (33.3%)"),
        "{all:?}"
    );
    assert_eq!(svg.matches("<title>kind").count(), 3);
    let points = text(
        &shop(),
        ".svg",
        &[("x", "n"), ("y", "price"), ("color", "price")],
    );
    let all = written(&points);
    assert!(all.contains(&"2.25") && all.contains(&"20.5"), "{all:?}");
    assert!(points.contains(r#"class="s7""#) && points.contains(r#"class="s0""#));
    // More categories than colours.
    let names: Vec<String> = (0..14).map(|at| format!("k{at}")).collect();
    let many = batch(vec![
        ("x", floats((0..14).map(f64::from))),
        ("y", floats((0..14).map(f64::from))),
        ("kind", texts(names.iter().map(String::as_str))),
    ]);
    let svg = text(&many, ".svg", &[("color", "kind")]);
    assert!(written(&svg).contains(&"others (5)"), "{svg}");
}

#[test]
fn hostile_texts_are_escaped() {
    let long = "x".repeat(1 << 20);
    let hostile = batch(vec![
        (
            HOSTILE,
            texts([HOSTILE, &long, "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f600}"]),
        ),
        ("n", counts([3, 2, 1])),
    ]);
    let title = format!("{HOSTILE}{long}");
    for kind in ["bar", "line", "hist", "scatter"] {
        let mut options = vec![
            ("title", title.as_str()),
            ("chart", kind),
            ("color", HOSTILE),
        ];
        if kind != "bar" {
            options.push(("x", "n"));
        }
        if kind != "hist" {
            options.push(("label", HOSTILE));
        }
        let svg = text(&hostile, ".svg", &options);
        #[cfg(feature = "png")]
        resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
        let html = text(&hostile, ".html", &options);
        for written in [&svg, &html] {
            assert!(!written.contains("<script>alert"), "{kind}");
            assert!(
                !written.contains(['\u{0}', '\u{202e}', '\u{ffff}']),
                "{kind}"
            );
            assert!(written.len() < 60_000, "{kind}: {}", written.len());
        }
        assert!(
            !svg.contains("<script") && !svg.contains("onload='"),
            "{kind}"
        );
        // The data and the script.
        assert_eq!(html.matches("<script").count(), 2, "{kind}");
        assert_eq!(html.matches("</script").count(), 2, "{kind}");
        #[cfg(feature = "png")]
        assert!(
            bytes(&hostile, ".png", &options).starts_with(b"\x89PNG"),
            "{kind}"
        );
        let text = vega(&hostile, &options)["title"]["text"]
            .as_str()
            .unwrap()
            .to_string();
        assert!(
            text.starts_with("</script>") && text.chars().count() <= 200,
            "{text}"
        );
    }
}

#[test]
fn a_chart_without_rows_reports_it() {
    let none = shop().slice(0, 0);
    for kind in ["bar", "line", "scatter", "hist"] {
        let options = [("chart", kind), ("color", "kind")];
        for suffix in [".svg", ".html", ".vl.json"] {
            assert!(
                text(&none, suffix, &options).contains("no rows"),
                "{kind} {suffix}"
            );
        }
        #[cfg(feature = "png")]
        assert!(!bytes(&none, ".png", &options).is_empty());
    }
    let unknown: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(f64::NAN)]));
    let unknown = batch(vec![("kind", texts(["a", "b"])), ("n", unknown)]);
    let svg = text(&unknown, ".svg", &[]);
    assert!(
        svg.contains("no rows") && svg.contains("2 rows without a value are not drawn."),
        "{svg}"
    );
}

#[test]
fn extreme_numbers_stay_within_the_picture() {
    let max = f64::MAX;
    for values in [
        vec![-max, max, 0.0],
        vec![max; 3],
        vec![0.0; 3],
        vec![1e-300, -1e300, 5.0],
        vec![7.0],
        vec![1e15, 1e15 + 1.0],
    ] {
        let count = values.len();
        let strange = batch(vec![
            ("kind", texts(["a", "b", "c"].into_iter().take(count))),
            ("n", floats(values.clone())),
            ("m", floats(values.iter().rev().copied())),
        ]);
        for kind in ["bar", "line", "scatter", "hist"] {
            let options = [
                ("chart", kind),
                ("color", if kind == "hist" { "kind" } else { "m" }),
            ];
            let svg = text(&strange, ".svg", &options);
            let wrong = svg
                .lines()
                .find(|line| line.contains("NaN") || line.contains("inf"));
            assert_eq!(wrong, None, "{kind} {values:?}");
            for attribute in ["x", "cx", "x1", "x2"] {
                let out = numbers(&svg, attribute);
                assert!(
                    out.iter().all(|x| (-1.0..=801.0).contains(x)),
                    "{kind} {values:?} {out:?}"
                );
            }
            vega(&strange, &options);
            bytes(&strange, ".html", &options);
            #[cfg(feature = "png")]
            bytes(&strange, ".png", &options);
        }
    }
}

#[test]
fn many_points_are_thinned_evenly_with_a_note() {
    let options = ChartOptions::parse([("color", "c"), ("hover", "t")]).unwrap();
    let part = |from: i64| {
        let all = || from..from + 7_000;
        let names: Vec<String> = all().map(|at| at.to_string()).collect();
        batch(vec![
            ("x", counts(all())),
            ("y", floats(all().map(|at| at as f64))),
            ("c", floats(all().map(|at| at as f64))),
            ("t", texts(names.iter().map(String::as_str))),
        ])
    };
    let mut figure = ChartFile::new(&part(0).schema(), options).unwrap();
    for from in (0..700_000).step_by(7_000) {
        figure.add(&part(from)).unwrap();
    }
    let data = &figure.data;
    assert_eq!(
        (data.stride, data.total_rows, data.series.y.len()),
        (4, 700_000, 175_000)
    );
    assert!(
        data.series
            .x
            .iter()
            .enumerate()
            .all(|(at, x)| *x == 4.0 * at as f64)
    );
    let hover = data.tooltip_text(&data.hover[0], 1_000);
    assert_eq!(hover, "4000");
    let svg = String::from_utf8(
        figure
            .render(find_format("a.svg", None).unwrap())
            .unwrap()
            .bytes,
    );
    assert!(
        svg.unwrap()
            .contains("175,000 of 700,000 points are drawn, every 4th.")
    );
}

#[test]
fn bins_have_round_edges_and_hold_every_value() {
    let values = batch(vec![(
        "price",
        floats((0..1_000).map(|at| f64::from(at) * 0.37)),
    )]);
    let chart = vega(&values, &[]);
    let rows = chart["data"]["values"].as_array().unwrap();
    let sum: u64 = rows
        .iter()
        .map(|row| row["rows by price"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 1_000);
    let edges: Vec<f64> = rows
        .iter()
        .map(|row| row["price"].as_f64().unwrap())
        .collect();
    assert!(edges.iter().all(|edge| edge % 10.0 == 0.0), "{edges:?}");
    let parted = batch(vec![
        ("price", floats([1.0, 2.0, 9.0])),
        ("kind", texts(["a", "b", "b"])),
    ]);
    let svg = text(
        &parted,
        ".svg",
        &[("chart", "hist"), ("x", "price"), ("color", "kind")],
    );
    assert!(svg.contains("rows: 1 (33.3%)\nkind: b</title>"), "{svg}");
    // Small whole numbers have a bin each.
    let stars = batch(vec![("stars", counts([1, 1, 2, 5, 5, 5]))]);
    let rows = vega(&stars, &[])["data"]["values"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(rows, 3, "{:?}", vega(&stars, &[]));
}

#[test]
fn a_specification_names_its_columns_and_has_the_data() {
    let chart = vega(&shop(), &[("x", "kind"), ("y", "n"), ("color", "title")]);
    assert_eq!(
        chart["$schema"],
        "https://vega.github.io/schema/vega-lite/v5.json"
    );
    assert_eq!(chart["encoding"]["y"]["field"], "kind");
    assert_eq!(chart["encoding"]["y"]["sort"], Value::Null);
    assert_eq!(chart["data"]["values"][1]["kind"], "Home and Kitchen");
    assert_eq!(chart["data"]["values"][1]["n"], 30);
    assert_eq!(chart["data"]["values"][1]["title"], "tea pot");
    let line = vega(&shop(), &[("x", "day"), ("y", "price"), ("hover", "title")]);
    assert_eq!(line["data"]["values"][2]["day"], "2024-01-08");
    assert_eq!(line["data"]["values"][2]["title"], "blue pen");
    assert_eq!(line["encoding"]["x"]["type"], "temporal");
    // Dots and brackets in a name would be a path.
    let dotted = batch(vec![("a.b[0]", texts(["x"])), ("n", counts([1]))]);
    assert_eq!(vega(&dotted, &[])["encoding"]["y"]["field"], "a\\.b\\[0\\]");
}

#[test]
fn themes_follow_the_reader_or_the_option() {
    let shop = shop();
    let options = |theme| [("x", "kind"), ("y", "n"), ("theme", theme)];
    for suffix in [".svg", ".html"] {
        let auto = text(&shop, suffix, &options("auto"));
        assert!(
            auto.contains("prefers-color-scheme:dark") && auto.contains("#14171c"),
            "{suffix}"
        );
        let light = text(&shop, suffix, &options("light"));
        assert!(
            !light.contains("prefers-color-scheme:dark") && !light.contains("#14171c"),
            "{suffix}"
        );
        let dark = text(&shop, suffix, &options("dark"));
        assert!(
            !dark.contains("prefers-color-scheme:dark") && dark.contains("#14171c"),
            "{suffix}"
        );
    }
}

#[test]
fn pages_make_no_requests() {
    let page = text(&shop(), ".html", &[("x", "kind"), ("y", "n")]);
    assert!(page.contains("default-src 'none'"));
    let without_names = page.replace("http://www.w3.org/2000/svg", "");
    for request in ["http:", "https:", "src=", "url(", "@import", "<link"] {
        assert!(!without_names.contains(request), "{request}");
    }
    assert!(
        page.contains(r#"role="img" tabindex="0" aria-label="bar chart: n by kind, 3 rows""#),
        "{page}"
    );
    assert!(
        page.contains("<td dir=\"auto\">Home and Kitchen</td>"),
        "{page}"
    );
}

#[cfg(feature = "png")]
#[test]
fn pictures_have_twice_the_pixels_and_a_note_about_missing_characters() {
    let png = bytes(&shop(), ".png", &[("width", "400"), ("height", "300")]);
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (800, 600));
    // No font has a character of private use.
    let unknown = batch(vec![
        ("kind", texts(["\u{10fffd}", "tea"])),
        ("n", counts([1, 2])),
    ]);
    let note = |batch| {
        let figure = figure(batch, &[]).unwrap();
        figure
            .render(find_format("a.png", None).unwrap())
            .unwrap()
            .note
    };
    let missing = note(&unknown).unwrap();
    assert!(missing.contains('\u{10fffd}'), "{missing}");
    assert_eq!(note(&shop()), None);
}
