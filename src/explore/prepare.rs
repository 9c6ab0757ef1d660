//! From a table to a page: SQL all the way, and the last result into columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::catalog::MemTable;
use datafusion::common::TableReference;
use futures::TryStreamExt;

use super::columns::Columns;
use super::page::{Example, Group, Names, Neighbours, Page, Words, clean, spread};
use super::template::{self, filled};
use super::vectors::Vectors;
use crate::args::{Explore, MapKind};
use crate::dictionary::sql::{identifier, number, string};
use crate::error::{Result, ShellError};
use crate::output::progress::grouped;
use crate::session::Session;
use crate::statement::{self, Outcome, diagnose};

/// The tables that the queries build on, and that the page's SQL can read.
const ROWS: &str = "explored";
const WORDS: &str = "explored_words";

/// Rows with fewer others than this get a map by PCA: t-SNE needs company.
const FEWEST_FOR_TSNE: usize = 10;

/// Components of the vectors that t-SNE reads.
const COMPONENTS: usize = 50;

/// Fewer rows than this have no clusters.
const FEWEST_FOR_CLUSTERS: usize = 4;

/// Clusters at most, unless somebody says how many: as many as have a colour.
const MOST_CLUSTERS: usize = 10;

/// Words on their map, at most, and how few are no map.
const MOST_WORDS: usize = 300;
const FEWEST_WORDS: usize = 10;

/// Fewer rows than this say nothing about how words are used.
const FEWEST_FOR_WORDS: usize = 50;

/// Words used alike that are listed.
const NEAR_WORDS: usize = 8;

/// Neighbours of a row that are listed.
pub const NEAR_ROWS: usize = 10;

/// Rows that a search by meaning gives.
pub const FOUND_ROWS: usize = 50;

/// Characters of a title and of a text that the page gets.
const LONGEST_TITLE: usize = 300;
const LONGEST_TEXT: usize = 300;

/// A page and what a server needs to answer its questions.
pub struct Prepared {
    pub page: Page,
    pub vectors: Vectors,
    /// The model that made the vectors, where it is another than `ai.model`.
    pub model: Option<String>,
}

/// Tells a person which step is under way.
pub type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// Prepares the page of `source`, a file or a table.
///
/// # Errors
/// If there is no such table, nothing to read in it, or a step fails.
pub async fn prepare(
    session: Arc<Session>,
    source: String,
    options: Explore,
    tell: Tell,
) -> Result<Prepared> {
    let named = TableReference::bare(source.as_str());
    diagnose::check_table(&session, &named).await?;
    let table = session.ctx.table_provider(named).await?;
    let columns = Columns::of(&table.schema(), &source, &options)?;
    let work = Work {
        session: &session,
        columns: &columns,
        options: &options,
        source: &source,
        tell: &tell,
    };
    let counts = work.read().await?;
    work.understand().await?;
    work.cluster().await?;
    let (rows, map) = work.place().await?;
    let vectors = Vectors::of(column(&rows, "vector")?)?;
    let words = work.words(rows.num_rows()).await?;
    let why = work.why_no_meaning(&vectors).await;
    let vectors = Arc::new(vectors);
    let neighbours = match options.export {
        Some(_) => Some(neighbours(Arc::clone(&vectors), &tell).await?),
        None => None,
    };
    let groups = work.groups(&rows).await?;
    let summary = summary(&counts, rows.num_rows(), map, &groups, &columns);
    let page = Page {
        summary,
        made: format!("Made by semql {}.", env!("CARGO_PKG_VERSION")),
        titles: cleaned(&rows, "title", LONGEST_TITLE)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect(),
        texts: cleaned(&rows, "text", LONGEST_TEXT)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect(),
        ids: cleaned(&rows, "id", LONGEST_TITLE)?,
        x: spread(&floats(&rows, "x")?),
        y: spread(&floats(&rows, "y")?),
        groups,
        columns: Names {
            id: columns.id.clone(),
            title: columns.title.clone(),
            text: columns.text.clone(),
        },
        best: FOUND_ROWS,
        meaning: why.is_none(),
        why,
        examples: examples(&source, &columns),
        words,
        neighbours,
        source,
    };
    let vectors = Arc::into_inner(vectors)
        .ok_or_else(|| ShellError::query("the search for neighbours did not end"))?;
    Ok(Prepared {
        page,
        vectors,
        model: columns.model,
    })
}

struct Work<'a> {
    session: &'a Session,
    columns: &'a Columns,
    options: &'a Explore,
    source: &'a str,
    tell: &'a Tell,
}

struct Counts {
    all: u64,
    readable: u64,
}

impl Work<'_> {
    /// Counts the rows and takes those that are shown.
    async fn read(&self) -> Result<Counts> {
        let Columns {
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
        let mut more = String::new();
        for (name, from) in [("category", category), ("cluster", cluster)] {
            if from.is_some() {
                more += &format!(", {} AS \"{name}\"", template::as_text(from.as_deref()));
            }
        }
        if let Some(vector) = vector {
            more += &format!(", {} AS vector", identifier(vector));
        }
        for (name, from) in [("x", x), ("y", y)] {
            if let Some(from) = from {
                more += &format!(", CAST({} AS DOUBLE) AS {name}", identifier(from));
            }
        }
        let values = [
            ("id", template::as_text(id.as_deref())),
            ("title", template::title(title.as_deref())),
            ("text", template::text(text.as_deref())),
            ("more", more),
            ("source", identifier(self.source)),
            ("rows", self.options.rows.to_string()),
        ];
        (self.tell)(&format!("Reading {}", self.source));
        let counted = self.ask(&filled(template::COUNT, &values)).await?;
        let counts = Counts {
            all: number(&counted, 0, 0)?,
            readable: number(&counted, 0, 1)?,
        };
        if counts.all == 0 {
            return Err(ShellError::query(format!("{} has no rows", self.source)));
        }
        if counts.readable == 0 {
            return Err(ShellError::query(format!(
                "no row of {} has anything to read: title and text are empty; name other columns with --title or --text",
                self.source
            )));
        }
        self.step(ROWS, &filled(template::ROWS, &values)).await?;
        Ok(counts)
    }

    /// Vectors and categories.
    async fn understand(&self) -> Result<()> {
        let have = |column: &Option<String>| column.is_some();
        let (category, vector) = (have(&self.columns.category), have(&self.columns.vector));
        let (mut more, mut known) = (String::new(), String::new());
        if have(&self.columns.cluster) {
            more += ", \"cluster\"";
        }
        if have(&self.columns.x) {
            more += ", x, y";
            known += " AND x IS NOT NULL AND y IS NOT NULL";
        }
        if !(category && vector) {
            (self.tell)("Reading what the rows mean");
        }
        let values = [
            (
                "category",
                if category {
                    "category"
                } else {
                    "categorize(title, text)"
                },
            ),
            (
                "vector",
                if vector {
                    "vector"
                } else {
                    "embed(concat_ws('. ', title, text))"
                },
            ),
            ("more", &more),
            ("known", &known),
        ];
        let rows = self.step(ROWS, &filled(template::MEANING, &values)).await?;
        if rows.num_rows() == 0 {
            return Err(ShellError::query(format!(
                "no row of {} has a vector and a place",
                self.source
            )));
        }
        Ok(())
    }

    /// Clusters by k-means, unless the table has its own.
    async fn cluster(&self) -> Result<()> {
        if self.columns.cluster.is_some() {
            return Ok(());
        }
        let rows = self.count().await?;
        if rows < FEWEST_FOR_CLUSTERS {
            let none = format!(
                "SELECT *, CAST(NULL AS VARCHAR) AS \"cluster\" FROM {ROWS} ORDER BY row_id"
            );
            return self.step(ROWS, &none).await.map(|_| ());
        }
        let usual = ((rows as f64 / 4.0).sqrt() as usize).clamp(2, MOST_CLUSTERS);
        let clusters = self
            .options
            .clusters
            .map_or(usual, |wanted| wanted as usize)
            .min(rows);
        (self.tell)(&format!("Finding {clusters} clusters"));
        let sql = filled(template::CLUSTERS, &[("clusters", clusters.to_string())]);
        self.step(ROWS, &sql).await.map(|_| ())
    }

    /// Places on the map, and what made them. Gives the finished rows.
    async fn place(&self) -> Result<(RecordBatch, Option<&'static str>)> {
        if self.columns.x.is_some() {
            let sql = format!("SELECT * FROM {ROWS} ORDER BY row_id");
            return Ok((self.ask(&sql).await?, None));
        }
        let (rows, dims) = (self.count().await?, self.dims().await?);
        let tsne = self.options.map != Some(MapKind::Pca) && rows >= FEWEST_FOR_TSNE;
        let (query, map) = match tsne {
            _ if rows < 3 || dims < 2 => (template::MAP_NONE, None),
            true => (template::MAP_TSNE, Some("t-SNE")),
            false => (template::MAP_PCA, Some("PCA")),
        };
        if let Some(map) = map {
            let rows = grouped(rows as u64);
            (self.tell)(&format!("Drawing the map of {rows} rows by {map}"));
        }
        let components = COMPONENTS.min(rows).min(dims).to_string();
        let sql = filled(query, &[("components", components)]);
        Ok((self.step(ROWS, &sql).await?, map))
    }

    /// The map of words; empty where there is too little to learn from.
    async fn words(&self, rows: usize) -> Result<Words> {
        if rows < FEWEST_FOR_WORDS {
            return Ok(Words::default());
        }
        (self.tell)("Learning how words are used");
        let least = if rows < 2_000 { 3 } else { 10 };
        let values = [
            ("least", least.to_string()),
            ("words", MOST_WORDS.to_string()),
        ];
        let found = self.step(WORDS, &filled(template::WORDS, &values)).await?;
        if found.num_rows() < FEWEST_WORDS {
            return Ok(Words::default());
        }
        let placed = self.step(WORDS, template::WORDS_MAP).await?;
        let vectors = Vectors::of(column(&placed, "vector")?)?;
        let counts = cast(column(&placed, "uses")?, &DataType::UInt64)?;
        let near = vectors.neighbours(NEAR_WORDS);
        Ok(Words {
            names: cleaned(&placed, "word", LONGEST_TITLE)?
                .into_iter()
                .map(Option::unwrap_or_default)
                .collect(),
            counts: counts.as_primitive::<UInt64Type>().values().to_vec(),
            x: spread(&floats(&placed, "x")?),
            y: spread(&floats(&placed, "y")?),
            near: near
                .into_iter()
                .map(|near| near.into_iter().map(|n| n.0).collect())
                .collect(),
        })
    }

    /// Why texts cannot be compared with the vectors, if they cannot.
    async fn why_no_meaning(&self, vectors: &Vectors) -> Option<String> {
        // Vectors that were made here come from the model that reads searches.
        self.columns.vector.as_ref()?;
        match meaning(self.session, "a", self.columns.model.as_deref()).await {
            Ok(query) if query.dims() == vectors.dims() => None,
            Ok(query) => Some(format!(
                "The vectors of the table have {} floats and those of the model {}: they come from another model.",
                vectors.dims(),
                query.dims()
            )),
            Err(error) => Some(format!(
                "Search by meaning is not possible: {}",
                clean(&error.message, LONGEST_TEXT)
            )),
        }
    }

    async fn groups(&self, rows: &RecordBatch) -> Result<Vec<Group>> {
        let mut groups = Vec::new();
        let categories = cleaned(rows, "category", LONGEST_TITLE)?;
        if categories.iter().any(Option::is_some) {
            groups.push(Group::of("Category", &categories));
        }
        let clusters = cleaned(rows, "cluster", LONGEST_TITLE)?;
        if clusters.iter().any(Option::is_some) {
            let named = self.cluster_names(clusters).await?;
            groups.push(Group::of("Cluster", &named));
        }
        Ok(groups)
    }

    /// Clusters that were found here are named by their words, since their
    /// numbers say nothing.
    async fn cluster_names(&self, clusters: Vec<Option<String>>) -> Result<Vec<Option<String>>> {
        if self.columns.cluster.is_some() {
            return Ok(clusters);
        }
        let found = self.ask(template::CLUSTER_NAMES).await?;
        let numbers = cleaned(&found, "cluster", LONGEST_TITLE)?;
        let terms = cleaned(&found, "terms", LONGEST_TITLE)?;
        let mut names = std::collections::HashMap::new();
        let mut taken = std::collections::HashSet::new();
        for (number, terms) in numbers.into_iter().zip(terms) {
            let Some(number) = number else { continue };
            let mut name = terms
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| format!("cluster {number}"));
            if !taken.insert(name.clone()) {
                name += &format!(" ({number})");
            }
            names.insert(number, name);
        }
        let name = |number: String| names.get(&number).cloned().unwrap_or(number);
        Ok(clusters
            .into_iter()
            .map(|cluster| cluster.map(name))
            .collect())
    }

    async fn count(&self) -> Result<usize> {
        let counted = self.ask(&format!("SELECT count(*) FROM {ROWS}")).await?;
        Ok(number(&counted, 0, 0)? as usize)
    }

    async fn dims(&self) -> Result<usize> {
        let first = self
            .ask(&format!("SELECT vector FROM {ROWS} LIMIT 1"))
            .await?;
        Ok(Vectors::of(first.column(0))?.dims())
    }

    /// Runs a query and makes its rows the table `name`.
    async fn step(&self, name: &str, sql: &str) -> Result<RecordBatch> {
        let rows = self.ask(sql).await?;
        let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
        self.session.ctx.deregister_table(name)?;
        self.session.ctx.register_table(name, Arc::new(table))?;
        Ok(rows)
    }

    async fn ask(&self, sql: &str) -> Result<RecordBatch> {
        ask(self.session, sql).await
    }
}

/// All rows of a query as one batch.
async fn ask(session: &Session, sql: &str) -> Result<RecordBatch> {
    let outcome = statement::run_text(session, sql).await;
    let rows = match outcome {
        Ok(Outcome::Rows { schema, stream }) => stream
            .try_collect::<Vec<_>>()
            .await
            .map_err(ShellError::from)
            .and_then(|batches| {
                let schema = batches.first().map_or(schema, RecordBatch::schema);
                Ok(concat_batches(&schema, &batches)?)
            }),
        Ok(Outcome::Done { .. }) => Err(ShellError::query(format!("no rows come from {sql}"))),
        Err(error) => Err(error),
    };
    session.hide_progress();
    // Lines of our own queries say nothing to anybody.
    rows.map_err(|error| ShellError {
        line: None,
        ..error
    })
}

/// The vector of a text, alone in its [`Vectors`].
///
/// # Errors
/// If the text is blank or the model cannot read it.
pub async fn meaning(session: &Session, text: &str, model: Option<&str>) -> Result<Vectors> {
    let model = model.map_or_else(String::new, |model| format!(", {}", string(model)));
    let sql = format!("SELECT embed({}{model}) AS vector", string(text));
    let rows = ask(session, &sql).await?;
    let vector = column(&rows, "vector")?;
    if vector.len() != 1 || vector.is_null(0) {
        return Err(ShellError::query("there is nothing to search for"));
    }
    Vectors::of(vector)
}

async fn neighbours(vectors: Arc<Vectors>, tell: &Tell) -> Result<Neighbours> {
    let k = NEAR_ROWS.min(vectors.len().saturating_sub(1));
    tell(&format!("Finding the {k} nearest neighbours of each row"));
    // Arithmetic that does not pause: off the threads that serve Ctrl-C.
    let near = tokio::task::spawn_blocking(move || vectors.neighbours(k))
        .await
        .map_err(|_| {
            ShellError::query("the search for neighbours was stopped by the internal error above")
        })?;
    let all = || near.iter().flatten();
    Ok(Neighbours {
        k,
        rows: all().map(|near| near.0).collect(),
        scores: all().map(|near| (near.1 * 1000.0).round() as i16).collect(),
    })
}

fn column<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    rows.column_by_name(name)
        .ok_or_else(|| ShellError::query(format!("the page's queries gave no column {name}")))
}

fn cleaned(rows: &RecordBatch, name: &str, most: usize) -> Result<Vec<Option<String>>> {
    let texts = cast(column(rows, name)?, &DataType::Utf8)?;
    let texts: &StringArray = texts.as_string();
    Ok(texts
        .iter()
        .map(|text| text.map(|text| clean(text, most)))
        .collect())
}

fn floats(rows: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    let values = cast(column(rows, name)?, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    Ok(values
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect())
}

fn summary(
    counts: &Counts,
    shown: usize,
    map: Option<&str>,
    groups: &[Group],
    columns: &Columns,
) -> String {
    let shown = shown as u64;
    let mut parts = vec![if shown < counts.readable {
        format!(
            "{} of {} products shown, always the same ones",
            grouped(shown),
            grouped(counts.all)
        )
    } else {
        format!(
            "{} product{}",
            grouped(shown),
            if shown == 1 { "" } else { "s" }
        )
    }];
    if counts.readable < counts.all {
        parts.push(format!(
            "{} without any text left out",
            grouped(counts.all - counts.readable)
        ));
    }
    if let Some(map) = map {
        parts.push(format!("map by {map}"));
    }
    let clusters = groups.iter().find(|group| group.one == "Cluster");
    if let (Some(clusters), None) = (clusters, &columns.cluster) {
        parts.push(format!("{} clusters by k-means", clusters.names.len()));
    }
    parts.join(" · ")
}

fn examples(source: &str, columns: &Columns) -> Vec<Example> {
    let mut examples = vec![
        (
            "Products by category",
            format!(
                "SELECT category, count(*) AS amount_of_products\nFROM {ROWS}\nGROUP BY category\nORDER BY amount_of_products DESC"
            ),
        ),
        (
            "Clusters and their categories",
            format!(
                "SELECT \"cluster\", category, count(*) AS products\nFROM {ROWS}\nGROUP BY \"cluster\", category\nORDER BY \"cluster\", products DESC"
            ),
        ),
        (
            "A profile of the whole table",
            format!("SUMMARIZE {}", identifier(source)),
        ),
        (
            "The first rows of the table",
            format!("SELECT *\nFROM {}\nLIMIT 20", identifier(source)),
        ),
    ];
    if columns.vector.is_none() {
        let nearest = format!(
            "SELECT title, category, 1 - cosine_distance(vector, embed('a gift for a runner')) AS similarity\n\
             FROM {ROWS}\nORDER BY similarity DESC\nLIMIT 20"
        );
        examples.insert(1, ("Nearest in meaning to a text", nearest));
    }
    let example = |(title, sql): (&str, String)| Example {
        title: title.to_string(),
        sql,
    };
    examples.into_iter().map(example).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_is_missing() {
        let columns = Columns::default();
        let counts = |all, readable| Counts { all, readable };
        assert_eq!(summary(&counts(1, 1), 1, None, &[], &columns), "1 product");
        let group = Group::of("Cluster", &[Some("a".into()), Some("b".into())]);
        assert_eq!(
            summary(
                &counts(234_612, 234_600),
                10_000,
                Some("t-SNE"),
                &[group],
                &columns
            ),
            "10,000 of 234,612 products shown, always the same ones · 12 without any text left out · \
             map by t-SNE · 2 clusters by k-means"
        );
    }
}
