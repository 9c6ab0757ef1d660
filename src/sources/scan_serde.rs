//! Scans of files of text in plans for other processes.
//!
//! The engine serializes scans of its own sources only. A scan of text is therefore
//! encoded as a scan of the engine's CSV source, and how its text is read.

use std::sync::Arc;

use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::{GetExt, internal_datafusion_err};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::{
    CsvSource, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::error::Result;
use serde::{Deserialize, Serialize};

use super::text_scan::{TextForm, TextSource};

/// How the text of a scan is read.
#[derive(Serialize, Deserialize)]
struct TextReading {
    form: TextForm,
    /// Extension of the compression; empty without one.
    compression: String,
}

/// Encodes how the text of a scan is read, and returns the scan with a source of the
/// engine; `None` for other scans.
///
/// # Errors
/// A projection that the engine's source does not take, which no query causes.
pub fn encode_text_scan(scan: &FileScanConfig) -> Result<Option<(Vec<u8>, FileScanConfig)>> {
    let Some(source) = scan.file_source().downcast_ref::<TextSource>() else {
        return Ok(None);
    };
    let extension = source.compression().get_ext();
    let reading = TextReading {
        form: source.form().clone(),
        compression: extension.trim_start_matches('.').to_string(),
    };
    let reading = serde_json::to_vec(&reading)
        .map_err(|error| internal_datafusion_err!("cannot encode a scan: {error}"))?;
    let engine = CsvSource::new(source.table_schema().clone());
    let scan = with_source(scan, Arc::new(engine))?;
    Ok(Some((reading, scan)))
}

/// Restores a scan of text from what [`encode_text_scan`] returned.
///
/// # Errors
/// Bytes that are not such an encoding.
pub fn decode_text_scan(reading: &[u8], scan: &FileScanConfig) -> Result<FileScanConfig> {
    let TextReading { form, compression } = serde_json::from_slice(reading)
        .map_err(|error| internal_datafusion_err!("cannot decode a scan: {error}"))?;
    let compression: CompressionTypeVariant = compression
        .parse()
        .map_err(|_| internal_datafusion_err!("cannot decode a scan: unknown compression"))?;
    let compression = FileCompressionType::from(compression);
    let schema = scan.file_source().table_schema().clone();
    let source = TextSource::new(schema, form, compression);
    let scan = FileScanConfigBuilder::from(with_source(scan, Arc::new(source))?)
        .with_file_compression_type(compression)
        .build();
    Ok(scan)
}

/// The scan with another source that has the same projection.
fn with_source(scan: &FileScanConfig, source: Arc<dyn FileSource>) -> Result<FileScanConfig> {
    let projected = match scan.file_source().projection() {
        Some(projection) => source.try_pushdown_projection(projection)?,
        None => None,
    };
    let source = projected.unwrap_or(source);
    Ok(FileScanConfigBuilder::from(scan.clone())
        .with_source(source)
        .build())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::table_schema::TableSchema;
    use datafusion::execution::object_store::ObjectStoreUrl;

    use super::*;
    use crate::sources::csv::{CsvReading, Dialect};

    fn round_trip(form: &TextForm, compression: FileCompressionType) -> TextSource {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Utf8, true),
            Field::new("b", DataType::Float64, true),
        ]);
        let schema = TableSchema::from(Arc::new(schema));
        let source = Arc::new(TextSource::new(schema, form.clone(), compression));
        let url = ObjectStoreUrl::local_filesystem();
        let scan = FileScanConfigBuilder::new(url, source)
            .with_projection_indices(Some(vec![1]))
            .unwrap()
            .with_file_compression_type(compression)
            .build();
        let (reading, engine) = encode_text_scan(&scan).unwrap().unwrap();
        assert!(engine.file_source().is::<CsvSource>());
        assert!(encode_text_scan(&engine).unwrap().is_none());
        let decoded = decode_text_scan(&reading, &engine).unwrap();
        let shown = |scan: &FileScanConfig| format!("{:?}", scan.file_source().projection());
        assert_eq!(shown(&decoded), shown(&scan));
        decoded
            .file_source()
            .downcast_ref::<TextSource>()
            .unwrap()
            .clone()
    }

    #[test]
    fn a_scan_survives_another_process() {
        let csv = TextForm::Csv(CsvReading {
            dialect: Dialect {
                delimiter: b';',
                escape: Some(b'\\'),
            },
            decimal_commas: vec![1],
        });
        for form in [csv, TextForm::JsonLines, TextForm::JsonArray] {
            for compression in [
                FileCompressionType::UNCOMPRESSED,
                FileCompressionType::GZIP,
                FileCompressionType::ZSTD,
                FileCompressionType::BZIP2,
                FileCompressionType::XZ,
            ] {
                let source = round_trip(&form, compression);
                assert_eq!(source.form(), &form);
                assert_eq!(source.compression(), compression);
            }
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let schema = TableSchema::from(Arc::new(Schema::empty()));
        let source = Arc::new(CsvSource::new(schema));
        let url = ObjectStoreUrl::local_filesystem();
        let scan = FileScanConfigBuilder::new(url, source).build();
        assert!(decode_text_scan(b"{", &scan).is_err());
        let unknown = br#"{"form":"JsonLines","compression":"rar"}"#;
        assert!(decode_text_scan(unknown, &scan).is_err());
    }
}
