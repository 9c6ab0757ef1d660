//! The table that the files of a location make.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::config::{CsvOptions, JsonOptions};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig};
use datafusion::execution::context::SessionState;
use object_store::ObjectMeta;

use super::format::Kind;
use super::objects::WholeJson;
use super::place::{self, Found};
use super::sample::{self, MOST_FILES, Sample};
use super::{csv, json};
use crate::error::{Result, ShellError};

/// How many locations' columns are remembered.
const MOST_REMEMBERED: usize = 256;

/// How the files of a location are read.
#[derive(Clone, Debug)]
struct Shape {
    format: Arc<dyn FileFormat>,
    schema: SchemaRef,
}

/// The shapes found so far, with the files they were found in. Files that have
/// changed are looked into again.
#[derive(Default)]
pub struct Shapes(Mutex<HashMap<String, (Vec<ObjectMeta>, Shape)>>);

impl Shapes {
    fn known(&self, location: &str, files: &[ObjectMeta]) -> Option<Shape> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, shape) = known.get(location)?;
        (seen == files).then(|| shape.clone())
    }

    fn remember(&self, location: &str, files: Vec<ObjectMeta>, shape: Shape) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(location.to_string(), (files, shape));
    }
}

/// The files at `location` as a table.
///
/// # Errors
/// Nothing is there, the format is not known, or a file cannot be read.
pub async fn open(
    state: &SessionState,
    shapes: &Shapes,
    location: &str,
) -> Result<Arc<dyn TableProvider>> {
    let found = place::find(state, location).await?;
    let shape = match shapes.known(location, &found.files) {
        Some(shape) => shape,
        None => {
            let shape = look(state, location, &found).await?;
            shapes.remember(location, found.files.clone(), shape.clone());
            shape
        }
    };
    let mut options = ListingOptions::new(shape.format).with_file_extension("");
    if found.partitioned {
        options = options
            .with_file_extension(found.named.suffix.as_str())
            .with_table_partition_cols(partitions(location, &found)?);
    }
    let config = ListingTableConfig::new_with_multi_paths(found.urls)
        .with_listing_options(options)
        .with_schema(shape.schema);
    let statistics = state.runtime_env().cache_manager.get_file_statistic_cache();
    Ok(Arc::new(
        ListingTable::try_new(config)?.with_cache(statistics),
    ))
}

/// The columns that the names of folders hold.
fn partitions(location: &str, found: &Found) -> Result<Vec<(String, DataType)>> {
    let root = found.urls[0].prefix();
    let keys = |file: &ObjectMeta| -> Vec<String> {
        let below = file
            .location
            .as_ref()
            .strip_prefix(root.as_ref())
            .unwrap_or_default();
        let folders = below
            .split('/')
            .filter_map(|part| Some(part.split_once('=')?.0.to_string()));
        folders.collect()
    };
    let first = keys(&found.files[0]);
    if let Some(other) = found.files.iter().find(|file| keys(file) != first) {
        return Err(ShellError::query(format!(
            "'{location}' mixes files in folders named key=value with others: '{}' and '{}'",
            found.files[0].location, other.location
        )));
    }
    let text = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    Ok(first.into_iter().map(|key| (key, text.clone())).collect())
}

async fn look(state: &SessionState, location: &str, found: &Found) -> Result<Shape> {
    match found.named.format.kind {
        Kind::Parquet => parquet(state, location, found).await,
        Kind::Csv { delimiter, sniff } => delimited(location, found, delimiter, sniff).await,
        Kind::Json => objects(location, found).await,
        Kind::Arrow => arrow(state, location, found).await,
    }
}

/// A file's name for messages: the location, where that is all it names.
fn name_of(location: &str, found: &Found, file: &ObjectMeta) -> String {
    if found.files.len() == 1 {
        return location.to_string();
    }
    let local = found.urls.first().is_some_and(|url| url.scheme() == "file");
    format!("{}{}", if local { "/" } else { "" }, file.location)
}

async fn samples(location: &str, found: &Found) -> Result<Vec<Sample>> {
    // Writers leave empty files among others; by itself one has no columns.
    let filled: Vec<&ObjectMeta> = found.files.iter().filter(|file| file.size > 0).collect();
    if filled.is_empty() {
        return Err(ShellError::query(format!("'{location}' is empty")));
    }
    let count = filled.len().min(MOST_FILES);
    let near = found.urls.first().is_some_and(|url| url.scheme() == "file");
    let mut samples = Vec::with_capacity(count);
    for file in &filled[..count] {
        let name = name_of(location, found, file);
        let packed = found.named.compression;
        samples.push(sample::read(&found.store, file, packed, count, &name, near).await?);
    }
    Ok(samples)
}

async fn delimited(location: &str, found: &Found, delimiter: u8, sniff: bool) -> Result<Shape> {
    let samples = samples(location, found).await?;
    let dialect = csv::dialect(&samples[0], delimiter, sniff);
    let mut schema = csv::schema(&samples[0], dialect)?;
    for sample in &samples[1..] {
        let next = csv::schema(sample, dialect)?;
        schema = csv::join(&schema, &samples[0].name, &next, &sample.name)?;
    }
    let options = CsvOptions::default()
        .with_has_header(true)
        .with_delimiter(dialect.delimiter)
        .with_escape(dialect.escape)
        // Reading in parallel would cut quoted line ends; being right goes first.
        .with_newlines_in_values(true)
        .with_file_compression_type(found.named.compression.into());
    Ok(Shape {
        format: Arc::new(CsvFormat::default().with_options(options)),
        schema: Arc::new(schema),
    })
}

async fn objects(location: &str, found: &Found) -> Result<Shape> {
    let samples = samples(location, found).await?;
    let array = json::is_array(&samples[0]);
    if let Some(other) = samples
        .iter()
        .find(|sample| json::is_array(sample) != array)
    {
        return Err(ShellError::query(format!(
            "'{location}' mixes files of one object a line with files of one array: '{}' and '{}'",
            samples[0].name, other.name
        )));
    }
    let options = JsonOptions {
        newline_delimited: !array,
        compression: found.named.compression.into(),
        ..JsonOptions::default()
    };
    let (schema, mixed) = json::schema(&samples)?;
    let lines = JsonFormat::default().with_options(options);
    let format: Arc<dyn FileFormat> = if array || mixed {
        Arc::new(WholeJson::new(lines, array))
    } else {
        Arc::new(lines)
    };
    Ok(Shape {
        format,
        schema: Arc::new(schema),
    })
}

async fn parquet(state: &SessionState, location: &str, found: &Found) -> Result<Shape> {
    let options = state.default_table_options().parquet;
    let format = ParquetFormat::default().with_options(options.clone());
    let schema = if let [file] = found.files.as_slice() {
        infer(state, &format, location, found, file).await?
    } else {
        // Writers put different notes into each file, which need not agree;
        // those of the first stand for all.
        let bare = ParquetFormat::default()
            .with_options(options)
            .with_skip_metadata(true);
        let first = infer(state, &format, location, found, &found.files[0]).await?;
        match bare.infer_schema(state, &found.store, &found.files).await {
            Ok(merged) => described(&merged, &first),
            Err(error) => {
                for file in &found.files {
                    infer(state, &bare, location, found, file).await?;
                }
                return Err(ShellError::query(format!(
                    "the files of '{location}' do not go together: {}",
                    ShellError::from(error).message
                )));
            }
        }
    };
    Ok(Shape {
        format: Arc::new(format),
        schema,
    })
}

async fn infer(
    state: &SessionState,
    format: &ParquetFormat,
    location: &str,
    found: &Found,
    file: &ObjectMeta,
) -> Result<SchemaRef> {
    let name = name_of(location, found, file);
    if file.size == 0 {
        return Err(ShellError::query(format!("'{name}' is empty")));
    }
    let inferred = format
        .infer_schema(state, &found.store, std::slice::from_ref(file))
        .await;
    inferred.map_err(|error| {
        let error = ShellError::from(error);
        ShellError {
            message: format!(
                "'{name}' is not a whole Parquet file; it may have been copied or downloaded only in part, \
                 or be another format ({})",
                error.message
            ),
            ..error
        }
    })
}

/// `merged` with the notes that `first` has on fields of the same name.
fn described(merged: &Schema, first: &Schema) -> SchemaRef {
    let fields: Vec<Field> = merged
        .fields()
        .iter()
        .map(|field| match first.field_with_name(field.name()) {
            Ok(noted) => field
                .as_ref()
                .clone()
                .with_metadata(noted.metadata().clone()),
            Err(_) => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

async fn arrow(state: &SessionState, location: &str, found: &Found) -> Result<Shape> {
    let format = ArrowFormat;
    for file in &found.files {
        let name = name_of(location, found, file);
        if file.size == 0 {
            return Err(ShellError::query(format!("'{name}' is empty")));
        }
        let whole = format
            .infer_schema(state, &found.store, std::slice::from_ref(file))
            .await;
        whole.map_err(|error| {
            let error = ShellError::from(error);
            ShellError::query(format!(
                "'{name}' is not a whole Arrow file ({})",
                error.message
            ))
        })?;
    }
    let schema = format
        .infer_schema(state, &found.store, &found.files)
        .await?;
    Ok(Shape {
        format: Arc::new(format),
        schema,
    })
}
