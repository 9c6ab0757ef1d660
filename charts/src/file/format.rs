//! Formats of chart files.

use super::compose::compose;
use super::data::ChartData;
use super::options::ChartOptions;
#[cfg(feature = "png")]
use super::png;
use super::svg::{self, SvgTarget};
use super::{html, vega};
#[cfg(not(feature = "png"))]
use crate::error::ChartError;
use crate::error::Result;

type RenderFormat = fn(&ChartData, &ChartOptions) -> Result<RenderedChart>;

/// A chart as the bytes of a file.
pub struct RenderedChart {
    pub bytes: Vec<u8>,
    /// A remark for the user.
    pub note: Option<String>,
}

/// A format of chart files.
pub struct ChartFormat {
    /// The name in `STORED AS`.
    pub name: &'static str,
    /// The end of a file's name, in small letters.
    pub suffix: &'static str,
    render: RenderFormat,
}

/// Every format of chart files.
pub const CHART_FORMATS: &[ChartFormat] = &[
    ChartFormat {
        name: "svg",
        suffix: ".svg",
        render: |data, options| {
            let scene = compose(data, options, true);
            let svg = svg::write(&scene, options.theme, SvgTarget::File);
            Ok(svg.into_bytes().into())
        },
    },
    ChartFormat {
        name: "png",
        suffix: ".png",
        render: render_png,
    },
    ChartFormat {
        name: "html",
        suffix: ".html",
        render: |data, options| {
            let page = html::write(&compose(data, options, false), options.theme);
            Ok(page.into_bytes().into())
        },
    },
    ChartFormat {
        name: "vega",
        suffix: ".vl.json",
        render: |data, options| Ok(vega::write(data, options)?.into()),
    },
];

impl ChartFormat {
    /// Renders a chart in this format.
    ///
    /// # Errors
    /// Too little memory for the picture, or a build without the format.
    pub(super) fn render(&self, data: &ChartData, options: &ChartOptions) -> Result<RenderedChart> {
        (self.render)(data, options)
    }
}

impl From<Vec<u8>> for RenderedChart {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, note: None }
    }
}

#[cfg(feature = "png")]
fn render_png(data: &ChartData, options: &ChartOptions) -> Result<RenderedChart> {
    let (bytes, note) = png::write(&compose(data, options, true), options.theme)?;
    Ok(RenderedChart { bytes, note })
}

#[cfg(not(feature = "png"))]
fn render_png(_: &ChartData, _: &ChartOptions) -> Result<RenderedChart> {
    Err(ChartError::Render {
        format: "png",
        reason:
            "this build lacks it; write .svg or .html, or build semql-charts with its feature png"
                .to_string(),
    })
}

/// The format of a file by its name, or by the word after `STORED AS`.
pub fn find_format(name: &str, stored_as: Option<&str>) -> Option<&'static ChartFormat> {
    let lower = name.to_lowercase();
    CHART_FORMATS.iter().find(|format| match stored_as {
        Some(word) => word.eq_ignore_ascii_case(format.name),
        None => lower.ends_with(format.suffix),
    })
}
