//! Formats and columns of the files of a location.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::config::{CsvOptions, JsonOptions};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::execution::context::SessionState;
use futures::{StreamExt, TryStreamExt};

use super::column_merge::{FileColumns, merge_columns};
use super::common_type::common_type;
use super::csv::CsvReading;
use super::csv_files::{CsvColumns, CsvTypes, columns_of};
use super::format::FormatKind;
use super::json;
use super::located_files::{LocatedFile, LocatedFiles};
use super::sample::{self, MAX_SAMPLED_FILES, Sample};
use super::scan_group::{ColumnLookup, ScanGroup, add_to_group};
use super::text_scan::{TextForm, TextFormat};
use crate::error::{Result, ShellError};

/// Maximum number of files whose columns are read at once.
const MAX_CONCURRENT_FILES: usize = 16;

/// Groups of the files of a location, and the columns of all of them.
#[derive(Clone, Debug)]
pub struct DetectedFiles {
    pub groups: Vec<ScanGroup>,
    pub schema: SchemaRef,
}

impl DetectedFiles {
    /// Files that one scan reads.
    fn of_one_group(
        found: &LocatedFiles,
        format: Arc<dyn FileFormat>,
        lookup: ColumnLookup,
        schema: Schema,
    ) -> Self {
        let schema = Arc::new(schema);
        let group = ScanGroup {
            format,
            schema: Arc::clone(&schema),
            lookup,
            files: (0..found.files.len()).collect(),
        };
        Self {
            groups: vec![group],
            schema,
        }
    }
}

/// Detects the format of files by their names and content.
///
/// # Errors
/// A file that cannot be read; files that cannot be one table.
pub async fn detect(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
) -> Result<DetectedFiles> {
    if found.files.iter().all(|file| file.meta.size == 0) {
        return Err(no_content(location));
    }
    match found.format.format.kind {
        FormatKind::Parquet => detect_parquet(state, location, found).await,
        FormatKind::Csv { delimiter, sniff } => detect_csv(location, found, delimiter, sniff).await,
        FormatKind::Json => detect_json(location, found).await,
        FormatKind::Arrow => detect_arrow(state, location, found).await,
    }
}

fn no_content(location: &str) -> ShellError {
    ShellError::query(format!("'{location}' is empty"))
}

async fn sample_of(location: &str, found: &LocatedFiles, file: &LocatedFile) -> Result<Sample> {
    let name = found.name_of(location, file);
    let (compression, count) = (found.format.compression, found.files.len());
    let local = found.are_local();
    sample::read(&found.store, &file.meta, compression, count, &name, local).await
}

async fn detect_csv(
    location: &str,
    found: &LocatedFiles,
    delimiter: u8,
    sniff: bool,
) -> Result<DetectedFiles> {
    let mut samples = futures::stream::iter(found.files.clone())
        .map(|file| async move { sample_of(location, found, &file).await })
        .buffered(MAX_CONCURRENT_FILES);
    // A sample of a file is dropped when its columns are known.
    let mut files: Vec<CsvColumns> = Vec::with_capacity(found.files.len());
    let (mut numbers, mut next) = (Vec::with_capacity(found.files.len()), 0);
    while let Some(sample) = samples.try_next().await? {
        // A packed file may have no content.
        if !sample.bytes.is_empty() {
            let like = files.first();
            files.push(columns_of(&sample, delimiter, sniff, like)?);
            numbers.push(next);
        }
        next += 1;
    }
    if files.is_empty() {
        return Err(no_content(location));
    }
    let types = CsvTypes::of(&files);
    let columns: Vec<FileColumns> = files
        .iter()
        .zip(&numbers)
        .map(|(columns, number)| FileColumns {
            name: found.name_of(location, &found.files[*number]),
            schema: types.columns(columns).0,
        })
        .collect();
    let merged = merge_columns(location, &columns, common_type)?;
    let mut groups: Vec<(CsvReading, Vec<ScanGroup>)> = Vec::new();
    for (file, number) in files.iter().zip(&numbers) {
        let (schema, reading) = types.columns(file);
        let position = groups.iter().position(|(known, _)| *known == reading);
        let position = position.unwrap_or_else(|| {
            groups.push((reading.clone(), Vec::new()));
            groups.len() - 1
        });
        let format = text_format(found, TextForm::Csv(reading));
        add_to_group(
            &mut groups[position].1,
            &format,
            ColumnLookup::ByPosition,
            Arc::new(schema),
            *number,
        );
    }
    Ok(DetectedFiles {
        groups: groups.into_iter().flat_map(|(_, groups)| groups).collect(),
        schema: Arc::new(merged),
    })
}

/// Format that reads text in `form`, and writes the engine's.
fn text_format(found: &LocatedFiles, form: TextForm) -> Arc<dyn FileFormat> {
    let compression = found.format.compression;
    let written: Arc<dyn FileFormat> = match &form {
        TextForm::Csv(reading) => {
            let options = CsvOptions::default()
                .with_has_header(true)
                .with_delimiter(reading.dialect.delimiter)
                .with_escape(reading.dialect.escape)
                .with_file_compression_type(compression.into());
            Arc::new(CsvFormat::default().with_options(options))
        }
        TextForm::JsonLines | TextForm::JsonArray => {
            let options = JsonOptions {
                newline_delimited: form == TextForm::JsonLines,
                compression: compression.into(),
                ..JsonOptions::default()
            };
            Arc::new(JsonFormat::default().with_options(options))
        }
    };
    Arc::new(TextFormat::new(written, compression, form))
}

async fn detect_json(location: &str, found: &LocatedFiles) -> Result<DetectedFiles> {
    let sampled = found.files[..found.files.len().min(MAX_SAMPLED_FILES)].to_vec();
    let mut samples: Vec<Sample> = futures::stream::iter(sampled)
        .map(|file| async move { sample_of(location, found, &file).await })
        .buffered(MAX_CONCURRENT_FILES)
        .try_collect()
        .await?;
    samples.retain(|sample| !sample.bytes.is_empty());
    let array = match samples.first() {
        Some(sample) => json::is_array(sample),
        None => return Err(no_content(location)),
    };
    if let Some(other) = samples
        .iter()
        .find(|sample| json::is_array(sample) != array)
    {
        return Err(ShellError::query(format!(
            "'{location}' mixes files with an object on each line and files with an array: '{}' and '{}'",
            samples[0].name, other.name
        )));
    }
    let schema = json::infer_schema(&samples)?;
    let form = match array {
        true => TextForm::JsonArray,
        false => TextForm::JsonLines,
    };
    let format = text_format(found, form);
    // A reader of JSON finds members by their names.
    Ok(DetectedFiles::of_one_group(
        found,
        format,
        ColumnLookup::ByName,
        schema,
    ))
}

async fn detect_parquet(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
) -> Result<DetectedFiles> {
    let options = state.default_table_options().parquet;
    let format: Arc<dyn FileFormat> = Arc::new(ParquetFormat::default().with_options(options));
    let what = "is not a whole Parquet file; it may have been copied or downloaded only in part, \
                or be another format";
    grouped(state, location, found, format, ColumnLookup::ByName, what).await
}

async fn detect_arrow(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
) -> Result<DetectedFiles> {
    let format: Arc<dyn FileFormat> = Arc::new(ArrowFormat);
    let what = "is not a whole Arrow file";
    grouped(
        state,
        location,
        found,
        format,
        ColumnLookup::ByPosition,
        what,
    )
    .await
}

/// Groups files that state their columns. `what` says what a file is that cannot be
/// read.
async fn grouped(
    state: &SessionState,
    location: &str,
    found: &LocatedFiles,
    format: Arc<dyn FileFormat>,
    lookup: ColumnLookup,
    what: &str,
) -> Result<DetectedFiles> {
    let format = &format;
    let schemas: Vec<SchemaRef> = futures::stream::iter(found.files.clone())
        .map(|file| async move {
            let inferred = format
                .infer_schema(state, &found.store, std::slice::from_ref(&file.meta))
                .await;
            inferred.map_err(|error| {
                let error = ShellError::from(error);
                let name = found.name_of(location, &file);
                ShellError {
                    message: format!("'{name}' {what} ({})", error.message),
                    ..error
                }
            })
        })
        .buffered(MAX_CONCURRENT_FILES)
        .try_collect()
        .await?;
    let mut groups: Vec<ScanGroup> = Vec::new();
    for (number, schema) in schemas.into_iter().enumerate() {
        add_to_group(&mut groups, format, lookup, schema, number);
    }
    let columns: Vec<FileColumns> = groups
        .iter()
        .map(|group| FileColumns {
            name: found.name_of(location, &found.files[group.files[0]]),
            schema: group.schema.as_ref().clone(),
        })
        .collect();
    Ok(DetectedFiles {
        schema: Arc::new(merge_columns(location, &columns, common_type)?),
        groups,
    })
}
