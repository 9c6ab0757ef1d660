//! Tables over the files of a location.

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

use super::format::FormatKind;
use super::json_reader::SequentialJsonFormat;
use super::located_files::LocatedFiles;
use super::location::local_path;
use super::sample::{self, MAX_SAMPLED_FILES, Sample};
use super::{csv, json, local_files, remote_files};
use crate::error::{Result, ShellError};

/// Maximum number of locations in the cache of formats.
const MAX_CACHED_FORMATS: usize = 256;

/// Format and columns of the files of a location.
#[derive(Clone, Debug)]
struct DetectedFormat {
    format: Arc<dyn FileFormat>,
    schema: SchemaRef,
}

/// Cache of detected formats, with the files that they were detected in. Changed
/// files are sampled again.
#[derive(Default)]
pub struct FormatCache(Mutex<HashMap<String, (Vec<ObjectMeta>, DetectedFormat)>>);

impl FormatCache {
    fn get(&self, location: &str, files: &[ObjectMeta]) -> Option<DetectedFormat> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known_files, format) = known.get(location)?;
        (known_files == files).then(|| format.clone())
    }

    fn insert(&self, location: &str, files: Vec<ObjectMeta>, format: DetectedFormat) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CACHED_FORMATS {
            known.clear();
        }
        known.insert(location.to_string(), (files, format));
    }
}

/// Opens the files at `location` as a table.
///
/// # Errors
/// No files, an unknown format, or a file that cannot be read.
pub async fn open(
    state: &SessionState,
    formats: &FormatCache,
    location: &str,
) -> Result<Arc<dyn TableProvider>> {
    let found = match local_path(location)? {
        Some(path) => local_files::find(state, location, &path).await?,
        None => remote_files::find(state, location).await?,
    };
    let detected = match formats.get(location, &found.files) {
        Some(detected) => detected,
        None => {
            let detected = detect(state, location, &found).await?;
            formats.insert(location, found.files.clone(), detected.clone());
            detected
        }
    };
    let mut options = ListingOptions::new(detected.format).with_file_extension("");
    if found.partitioned {
        options = options
            .with_file_extension(found.format.suffix.as_str())
            .with_table_partition_cols(partition_columns(location, &found)?);
    }
    let config = ListingTableConfig::new_with_multi_paths(found.urls)
        .with_listing_options(options)
        .with_schema(detected.schema);
    let statistics = state.runtime_env().cache_manager.get_file_statistic_cache();
    Ok(Arc::new(
        ListingTable::try_new(config)?.with_cache(statistics),
    ))
}

/// Columns in the names of folders.
fn partition_columns(location: &str, found: &LocatedFiles) -> Result<Vec<(String, DataType)>> {
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

/// Detects the format of files by their names and content.
async fn detect(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
) -> Result<DetectedFormat> {
    match found.format.format.kind {
        FormatKind::Parquet => detect_parquet(state, location, found).await,
        FormatKind::Csv { delimiter, sniff } => detect_csv(location, found, delimiter, sniff).await,
        FormatKind::Json => detect_json(location, found).await,
        FormatKind::Arrow => detect_arrow(state, location, found).await,
    }
}

/// Name of a file for messages: the location, if the file is the only one.
fn name_of(location: &str, found: &LocatedFiles, file: &ObjectMeta) -> String {
    if found.files.len() == 1 {
        return location.to_string();
    }
    let local = found.urls.first().is_some_and(|url| url.scheme() == "file");
    format!("{}{}", if local { "/" } else { "" }, file.location)
}

async fn samples(location: &str, found: &LocatedFiles) -> Result<Vec<Sample>> {
    // Writers leave empty files among others. An empty file alone has no columns.
    let filled: Vec<&ObjectMeta> = found.files.iter().filter(|file| file.size > 0).collect();
    if filled.is_empty() {
        return Err(ShellError::query(format!("'{location}' is empty")));
    }
    let count = filled.len().min(MAX_SAMPLED_FILES);
    let is_local = found.urls.first().is_some_and(|url| url.scheme() == "file");
    let mut samples = Vec::with_capacity(count);
    for file in &filled[..count] {
        let name = name_of(location, found, file);
        let compression = found.format.compression;
        samples.push(sample::read(&found.store, file, compression, count, &name, is_local).await?);
    }
    Ok(samples)
}

async fn detect_csv(
    location: &str,
    found: &LocatedFiles,
    delimiter: u8,
    sniff: bool,
) -> Result<DetectedFormat> {
    let samples = samples(location, found).await?;
    let dialect = csv::sniff_dialect(&samples[0], delimiter, sniff);
    let mut schema = csv::infer_schema(&samples[0], dialect)?;
    for sample in &samples[1..] {
        let next = csv::infer_schema(sample, dialect)?;
        schema = csv::merge_schemas(&schema, &samples[0].name, &next, &sample.name)?;
    }
    let options = CsvOptions::default()
        .with_has_header(true)
        .with_delimiter(dialect.delimiter)
        .with_escape(dialect.escape)
        // Correctness before speed: a parallel reader would cut quoted line ends.
        .with_newlines_in_values(true)
        .with_file_compression_type(found.format.compression.into());
    Ok(DetectedFormat {
        format: Arc::new(CsvFormat::default().with_options(options)),
        schema: Arc::new(schema),
    })
}

async fn detect_json(location: &str, found: &LocatedFiles) -> Result<DetectedFormat> {
    let samples = samples(location, found).await?;
    let array = json::is_array(&samples[0]);
    if let Some(other) = samples
        .iter()
        .find(|sample| json::is_array(sample) != array)
    {
        return Err(ShellError::query(format!(
            "'{location}' mixes files with an object on each line and files with an array: '{}' and '{}'",
            samples[0].name, other.name
        )));
    }
    let options = JsonOptions {
        newline_delimited: !array,
        compression: found.format.compression.into(),
        ..JsonOptions::default()
    };
    let (schema, mixed) = json::infer_schema(&samples)?;
    let lines = JsonFormat::default().with_options(options);
    let format: Arc<dyn FileFormat> = if array || mixed {
        Arc::new(SequentialJsonFormat::new(lines, array))
    } else {
        Arc::new(lines)
    };
    Ok(DetectedFormat {
        format,
        schema: Arc::new(schema),
    })
}

async fn detect_parquet(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
) -> Result<DetectedFormat> {
    let options = state.default_table_options().parquet;
    let format = ParquetFormat::default().with_options(options.clone());
    let schema = if let [file] = found.files.as_slice() {
        infer(state, &format, location, found, file).await?
    } else {
        // The metadata of the files may differ. The table takes that of the first.
        let bare = ParquetFormat::default()
            .with_options(options)
            .with_skip_metadata(true);
        let first = infer(state, &format, location, found, &found.files[0]).await?;
        match bare.infer_schema(state, &found.store, &found.files).await {
            Ok(merged) => with_metadata_of(&merged, &first),
            Err(error) => {
                for file in &found.files {
                    infer(state, &bare, location, found, file).await?;
                }
                return Err(ShellError::query(format!(
                    "the files of '{location}' cannot be read together: {}",
                    ShellError::from(error).message
                )));
            }
        }
    };
    Ok(DetectedFormat {
        format: Arc::new(format),
        schema,
    })
}

async fn infer(
    state: &SessionState,
    format: &ParquetFormat,
    location: &str,
    found: &LocatedFiles,
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

/// Copies the metadata of the fields of `first` to fields of the same name.
fn with_metadata_of(merged: &Schema, first: &Schema) -> SchemaRef {
    let fields: Vec<Field> = merged
        .fields()
        .iter()
        .map(|field| match first.field_with_name(field.name()) {
            Ok(known) => field
                .as_ref()
                .clone()
                .with_metadata(known.metadata().clone()),
            Err(_) => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

async fn detect_arrow(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
) -> Result<DetectedFormat> {
    let format = ArrowFormat;
    for file in &found.files {
        let name = name_of(location, found, file);
        if file.size == 0 {
            return Err(ShellError::query(format!("'{name}' is empty")));
        }
        let inferred = format
            .infer_schema(state, &found.store, std::slice::from_ref(file))
            .await;
        inferred.map_err(|error| {
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
    Ok(DetectedFormat {
        format: Arc::new(format),
        schema,
    })
}
