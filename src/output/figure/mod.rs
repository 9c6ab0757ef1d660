//! Charts as files: `COPY (...) TO 'chart.svg'`, one file for each format, and
//! this list.

mod bars;
mod color;
mod data;
mod html;
mod layout;
mod png;
mod points;
mod scene;
mod spec;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod vega;

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::error::Result;
use data::Data;
use scene::Scene;
pub use spec::Spec;
use svg::Use;

type Render = fn(&Data, &Spec) -> Result<Rendered>;

/// A chart as the bytes of a file.
pub struct Rendered {
    pub bytes: Vec<u8>,
    /// What people should know of it.
    pub note: Option<String>,
}

/// A format of charts.
pub struct Format {
    /// As in `STORED AS`.
    pub name: &'static str,
    /// The end of a file's name, in small letters.
    pub suffix: &'static str,
    render: Render,
}

/// Every format of charts.
pub const FORMATS: &[Format] = &[
    Format {
        name: "svg",
        suffix: ".svg",
        render: |data, spec| {
            let scene = Scene::of(data, spec, true);
            plain(svg::write(&scene, spec.theme, Use::File))
        },
    },
    Format {
        name: "png",
        suffix: ".png",
        render: |data, spec| {
            let (bytes, missing) = png::write(&Scene::of(data, spec, true), spec.theme)?;
            Ok(Rendered {
                bytes,
                note: unreadable(&missing),
            })
        },
    },
    Format {
        name: "html",
        suffix: ".html",
        render: |data, spec| plain(html::write(&Scene::of(data, spec, false), spec.theme)),
    },
    Format {
        name: "vega",
        suffix: ".vl.json",
        render: |data, spec| {
            Ok(Rendered {
                bytes: vega::write(data, spec)?,
                note: None,
            })
        },
    },
];

fn plain(text: String) -> Result<Rendered> {
    Ok(Rendered {
        bytes: text.into_bytes(),
        note: None,
    })
}

/// What stands in a picture as boxes. Of a text, only the first such character
/// is known.
fn unreadable(missing: &BTreeSet<char>) -> Option<String> {
    let shown: Vec<String> = missing
        .iter()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .take(5)
        .map(char::to_string)
        .collect();
    (!shown.is_empty()).then(|| {
        format!(
            "no font on this machine can show some characters, such as {}: install one that does, or write .svg or .html, which show what the reader's fonts have",
            shown.join(" ")
        )
    })
}

/// The format that a file's name, or a word after `STORED AS`, asks for.
pub fn format(name: &str, stored_as: Option<&str>) -> Option<&'static Format> {
    let lower = name.to_lowercase();
    FORMATS.iter().find(|format| match stored_as {
        Some(word) => word.eq_ignore_ascii_case(format.name),
        None => lower.ends_with(format.suffix),
    })
}

/// A chart that is being read.
pub struct Figure {
    data: Data,
    spec: Spec,
}

impl Figure {
    /// # Errors
    /// Columns that are not there, or that this kind of chart cannot draw.
    pub fn new(schema: &Schema, spec: Spec) -> Result<Self> {
        Ok(Self {
            data: Data::new(schema, &spec)?,
            spec,
        })
    }

    /// Takes rows in.
    ///
    /// # Errors
    /// More bars than can be.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.data.add(batch)
    }

    /// How many rows there were.
    pub fn rows(&self) -> usize {
        self.data.read
    }

    /// `bar chart of n by category`.
    pub fn summary(&self) -> String {
        let noun = self.data.kind.noun();
        format!("{noun} of {}", scene::default_title(&self.data))
    }

    /// The file.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn render(&self, format: &Format) -> Result<Rendered> {
        (format.render)(&self.data, &self.spec)
    }
}
