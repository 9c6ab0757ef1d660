//! The queries from a table to the rows of a page with vectors and coordinates.

use arrow::array::RecordBatch;

use super::attributes::AttributeColumn;
use super::columns::PageColumns;
use super::query::{ROWS, replace_table, run_query};
use super::template::{self, filled};
use super::vectors::RowVectors;
use crate::args::{ExploreArgs, MapKind};
use crate::dictionary::sql::{identifier, number};
use crate::error::{Result, ShellError};
use crate::output::progress::group_digits;
use crate::statement::StatementRunner;

/// Rows below which the map is by PCA: t-SNE needs more neighbours.
const MIN_TSNE_ROWS: usize = 10;

/// Components of the vectors that t-SNE reads.
const MAX_TSNE_COMPONENTS: usize = 50;

/// Rows below which there are no clusters.
const MIN_CLUSTER_ROWS: usize = 4;

/// Clusters without `--clusters`: as many as have separate colours.
const MAX_DEFAULT_CLUSTERS: usize = 10;

/// Reports the step that starts.
pub type StepReporter = Box<dyn Fn(&str) + Send + Sync>;

/// Numbers of rows of the source.
pub struct RowCounts {
    pub all: u64,
    /// Rows with a title or a text.
    pub readable: u64,
}

/// Steps from the source to the finished rows. Each replaces the table [`ROWS`].
pub struct RowSteps<'a> {
    pub runner: &'a StatementRunner,
    pub columns: &'a PageColumns,
    pub attributes: &'a [AttributeColumn],
    pub options: &'a ExploreArgs,
    pub source: &'a str,
    pub report: &'a StepReporter,
}

impl RowSteps<'_> {
    /// Counts the rows and samples those of the page.
    ///
    /// # Errors
    /// A source without readable rows; those of the queries.
    pub async fn sample(&self) -> Result<RowCounts> {
        let PageColumns {
            id,
            title,
            text,
            category,
            vector,
            cluster,
            x,
            y,
            ..
        } = self.columns;
        let mut extra = String::new();
        for (name, from) in [("category", category), ("cluster", cluster)] {
            if from.is_some() {
                extra += &format!(", {} AS \"{name}\"", template::as_text(from.as_deref()));
            }
        }
        if let Some(vector) = vector {
            extra += &format!(", {} AS vector", identifier(vector));
        }
        for (name, from) in [("x", x), ("y", y)] {
            if let Some(from) = from {
                extra += &format!(", CAST({} AS DOUBLE) AS {name}", identifier(from));
            }
        }
        for AttributeColumn { name, sql, .. } in self.attributes {
            let value = template::attribute(sql);
            extra += &format!(", {value} AS {}", identifier(name));
        }
        let values = [
            ("id", template::as_text(id.as_deref())),
            ("title", template::title(title.as_deref())),
            ("text", template::text(text.as_deref())),
            ("extra", extra),
            ("source", identifier(self.source)),
            ("rows", self.options.rows.to_string()),
        ];
        (self.report)(&format!("Reading {}", self.source));
        let counted = run_query(self.runner, &filled(template::COUNT, &values)).await?;
        let counts = RowCounts {
            all: number(&counted, 0, 0)?,
            readable: number(&counted, 0, 1)?,
        };
        if counts.all == 0 {
            return Err(ShellError::query(format!("{} has no rows", self.source)));
        }
        if counts.readable == 0 {
            return Err(ShellError::query(format!(
                "no row of {} has a title or a text; name other columns with --title or --text",
                self.source
            )));
        }
        self.replace_rows(&filled(template::ROWS, &values)).await?;
        Ok(counts)
    }

    /// Adds vectors and categories that the source lacks.
    ///
    /// # Errors
    /// If no row has a vector and coordinates; those of the query.
    pub async fn embed(&self) -> Result<()> {
        let has = |column: &Option<String>| column.is_some();
        let (category, vector) = (has(&self.columns.category), has(&self.columns.vector));
        let (mut extra, mut condition) = (self.attribute_names(), String::new());
        if has(&self.columns.cluster) {
            extra += ", \"cluster\"";
        }
        if has(&self.columns.x) {
            extra += ", x, y";
            condition += " AND x IS NOT NULL AND y IS NOT NULL";
        }
        if !(category && vector) {
            (self.report)("Computing the meaning of the rows");
        }
        let category = if category {
            "category"
        } else {
            "categorize(title, text)"
        };
        let vector = if vector {
            "vector"
        } else {
            "embed(concat_ws('. ', title, text))"
        };
        let values = [
            ("category", category),
            ("vector", vector),
            ("extra", &extra),
            ("condition", &condition),
        ];
        let rows = self.replace_rows(&filled(template::EMBED, &values)).await?;
        if rows.num_rows() == 0 {
            return Err(ShellError::query(format!(
                "no row of {} has a vector and coordinates",
                self.source
            )));
        }
        Ok(())
    }

    /// Adds clusters by k-means, unless the source has them.
    ///
    /// # Errors
    /// Those of the queries.
    pub async fn cluster(&self) -> Result<()> {
        if self.columns.cluster.is_some() {
            return Ok(());
        }
        let rows = self.count().await?;
        if rows < MIN_CLUSTER_ROWS {
            let sql = format!(
                "SELECT *, CAST(NULL AS VARCHAR) AS \"cluster\" FROM {ROWS} ORDER BY row_id"
            );
            return self.replace_rows(&sql).await.map(|_| ());
        }
        let default = ((rows as f64 / 4.0).sqrt() as usize).clamp(2, MAX_DEFAULT_CLUSTERS);
        let clusters = self
            .options
            .clusters
            .map_or(default, |clusters| clusters as usize)
            .min(rows);
        (self.report)(&format!("Finding {clusters} clusters"));
        let sql = filled(template::CLUSTERS, &[("clusters", clusters.to_string())]);
        self.replace_rows(&sql).await.map(|_| ())
    }

    /// Adds coordinates, unless the source has them. Returns the finished rows and
    /// the name of the projection.
    ///
    /// # Errors
    /// Those of the queries.
    pub async fn project(&self) -> Result<(RecordBatch, Option<&'static str>)> {
        if self.columns.x.is_some() {
            let sql = format!("SELECT * FROM {ROWS} ORDER BY row_id");
            return Ok((run_query(self.runner, &sql).await?, None));
        }
        let (rows, dims) = (self.count().await?, self.dims().await?);
        let tsne = self.options.map != Some(MapKind::Pca) && rows >= MIN_TSNE_ROWS;
        let (query, projection) = match tsne {
            _ if rows < 3 || dims < 2 => (template::MAP_NONE, None),
            true => (template::MAP_TSNE, Some("t-SNE")),
            false => (template::MAP_PCA, Some("PCA")),
        };
        if let Some(projection) = projection {
            let rows = group_digits(rows as u64);
            (self.report)(&format!("Drawing the map of {rows} rows by {projection}"));
        }
        let values = [
            (
                "components",
                MAX_TSNE_COMPONENTS.min(rows).min(dims).to_string(),
            ),
            ("attributes", self.attribute_names()),
        ];
        let sql = filled(query, &values);
        Ok((self.replace_rows(&sql).await?, projection))
    }

    /// The columns of the attributes, each after a comma.
    fn attribute_names(&self) -> String {
        let names = self.attributes.iter();
        names
            .map(|attribute| format!(", {}", identifier(&attribute.name)))
            .collect()
    }

    async fn count(&self) -> Result<usize> {
        let sql = format!("SELECT count(*) FROM {ROWS}");
        let counted = run_query(self.runner, &sql).await?;
        Ok(number(&counted, 0, 0)? as usize)
    }

    async fn dims(&self) -> Result<usize> {
        let sql = format!("SELECT vector FROM {ROWS} LIMIT 1");
        let first = run_query(self.runner, &sql).await?;
        Ok(RowVectors::of(first.column(0))?.dims())
    }

    async fn replace_rows(&self, sql: &str) -> Result<RecordBatch> {
        replace_table(self.runner, ROWS, sql).await
    }
}
