//! Options of `semql explore`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ValueEnum, ValueHint};

use super::access::AccessArgs;
use crate::duration;

#[derive(Clone, Debug, Default, clap::Args)]
pub struct ExploreArgs {
    /// Data: a file, a glob, a URL or a table (default: the dictionary's first table)
    #[arg(value_name = "FILE|TABLE", value_hint = ValueHint::FilePath)]
    pub source: Option<String>,

    /// Writes the page to this self-contained file instead of serving it
    #[arg(long, value_name = "FILE.html", conflicts_with_all = ["port", "allow_writes"])]
    pub export: Option<PathBuf>,

    /// Maximum number of rows, a fixed sample; up to 50000
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub rows: u32,

    /// Column of titles (default: title or name)
    #[arg(long, value_name = "COLUMN")]
    pub title: Option<String>,

    /// Column of texts (default: text, description or body)
    #[arg(long, value_name = "COLUMN")]
    pub text: Option<String>,

    /// Column of identifiers (default: docid or id)
    #[arg(long, value_name = "COLUMN")]
    pub id: Option<String>,

    /// Column of categories (default: category or label, else computed by categorize)
    #[arg(long, value_name = "COLUMN")]
    pub category: Option<String>,

    /// Number of clusters (default: by the number of rows)
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..=100))]
    pub clusters: Option<u32>,

    /// Projection of the map (default: t-SNE; PCA is faster and less detailed)
    #[arg(long, value_name = "NAME")]
    pub map: Option<MapKind>,

    /// Port on this machine; 0 is any free port
    #[arg(long, value_name = "N", default_value_t = 7878)]
    pub port: u16,

    /// Maximum duration of a statement of the page, such as 30s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub statement_timeout: Option<Duration>,

    #[command(flatten)]
    pub allow: AccessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MapKind {
    Tsne,
    Pca,
}
