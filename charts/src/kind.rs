//! Kinds of charts.

/// A kind of chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Labels, and a number for each.
    Bar,
    /// Numbers or times over others, joined in the order of x.
    Line,
    /// Numbers or times over others.
    Scatter,
    /// Values of one column, counted in bins.
    Hist,
}

/// Every kind by its name.
pub const CHART_KINDS: &[(&str, ChartKind)] = &[
    ("bar", ChartKind::Bar),
    ("line", ChartKind::Line),
    ("scatter", ChartKind::Scatter),
    ("hist", ChartKind::Hist),
];

impl ChartKind {
    /// The noun for it in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Bar => "bar chart",
            Self::Line => "line chart",
            Self::Scatter => "scatter plot",
            Self::Hist => "histogram",
        }
    }

    /// The title of a chart of these columns.
    pub fn title(self, x_name: &str, y_name: &str) -> String {
        match self {
            Self::Bar => format!("{y_name} by {x_name}"),
            Self::Line | Self::Scatter => format!("{y_name} over {x_name}"),
            Self::Hist => format!("rows by {y_name}"),
        }
    }
}
