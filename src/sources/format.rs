//! Formats of files, by the extensions of their names.

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

/// How the bytes of a file become rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatKind {
    Parquet,
    /// Delimited text. The extension gives the delimiter, unless `sniff` is set
    /// and the content shows another one.
    Csv {
        delimiter: u8,
        sniff: bool,
    },
    /// Objects, one on each line or all in one array.
    Json,
    Arrow,
}

/// A format of files.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// Name in `STORED AS`.
    pub name: &'static str,
    pub extensions: &'static [&'static str],
    pub kind: FormatKind,
}

const FORMATS: &[Format] = &[
    Format {
        name: "parquet",
        extensions: &["parquet", "parq", "pq"],
        kind: FormatKind::Parquet,
    },
    Format {
        name: "csv",
        extensions: &["csv"],
        kind: FormatKind::Csv {
            delimiter: b',',
            sniff: true,
        },
    },
    Format {
        name: "csv",
        extensions: &["tsv", "tab"],
        kind: FormatKind::Csv {
            delimiter: b'\t',
            sniff: false,
        },
    },
    Format {
        name: "json",
        extensions: &["jsonl", "ndjson", "json"],
        kind: FormatKind::Json,
    },
    Format {
        name: "arrow",
        extensions: &["arrow", "arrows", "feather", "ipc"],
        kind: FormatKind::Arrow,
    },
];

/// A compression of whole files.
struct FileCompression {
    extensions: &'static [&'static str],
    /// Name in the options of a statement.
    name: &'static str,
    kind: FileCompressionType,
}

const COMPRESSIONS: &[FileCompression] = &[
    FileCompression {
        extensions: &["gz", "gzip"],
        name: "gzip",
        kind: FileCompressionType::GZIP,
    },
    FileCompression {
        extensions: &["zst", "zstd"],
        name: "zstd",
        kind: FileCompressionType::ZSTD,
    },
    FileCompression {
        extensions: &["bz2"],
        name: "bzip2",
        kind: FileCompressionType::BZIP2,
    },
    FileCompression {
        extensions: &["xz"],
        name: "xz",
        kind: FileCompressionType::XZ,
    },
];

/// Format and compression that the name of a file implies.
#[derive(Clone, Debug)]
pub struct NamedFormat {
    pub format: &'static Format,
    pub compression: FileCompressionType,
    /// Extensions with their dots: `.csv.gz`.
    pub suffix: String,
}

impl PartialEq for NamedFormat {
    fn eq(&self, other: &Self) -> bool {
        self.format == other.format && self.suffix == other.suffix
    }
}

/// Derives format and compression from the name of a file.
///
/// # Errors
/// An unknown format. The message continues a sentence about the file.
pub fn from_file_name(name: &str) -> Result<NamedFormat, String> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let lower = base.to_ascii_lowercase();
    let (stem, compression) = match lower.rsplit_once('.') {
        Some((stem, last)) => match COMPRESSIONS.iter().find(|c| c.extensions.contains(&last)) {
            Some(known) => (stem, Some(known)),
            None => (lower.as_str(), None),
        },
        None => (lower.as_str(), None),
    };
    let extension = stem.rsplit_once('.').map(|(_, extension)| extension);
    let Some(extension) = extension.filter(|extension| !extension.is_empty()) else {
        return Err(format!(
            "has no extension that implies its format; {}",
            known_extensions()
        ));
    };
    let Some(format) = FORMATS.iter().find(|f| f.extensions.contains(&extension)) else {
        return Err(format!(
            "has the unknown extension .{extension}; {}",
            known_extensions()
        ));
    };
    if compression.is_some() && matches!(format.kind, FormatKind::Parquet | FormatKind::Arrow) {
        return Err(format!(
            "is a compressed {} file, which cannot be read in parts; unpack it first",
            format.name
        ));
    }
    let suffix_length = extension.len() + 1 + lower.len() - stem.len();
    Ok(NamedFormat {
        format,
        compression: compression.map_or(FileCompressionType::UNCOMPRESSED, |c| c.kind),
        suffix: base[base.len() - suffix_length..].to_string(),
    })
}

/// Name, in options, of the compression that the last extension implies.
pub fn compression_of(name: &str) -> Option<&'static str> {
    let last = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let known = COMPRESSIONS
        .iter()
        .find(|c| c.extensions.contains(&last.as_str()))?;
    Some(known.name)
}

/// Finds a format by its name or one of its extensions, as in `STORED AS`.
pub fn by_name(word: &str) -> Option<&'static Format> {
    let word = word.to_ascii_lowercase();
    FORMATS
        .iter()
        .find(|format| format.name == word || format.extensions.contains(&word.as_str()))
}

/// Lists the known extensions, for messages.
pub fn known_extensions() -> String {
    let formats: Vec<String> = FORMATS
        .iter()
        .flat_map(|format| format.extensions)
        .map(|extension| format!(".{extension}"))
        .collect();
    let compressions: Vec<String> = COMPRESSIONS
        .iter()
        .map(|c| format!(".{}", c.extensions[0]))
        .collect();
    format!(
        "known are {}, and for text also with {}",
        formats.join(" "),
        compressions.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(file: &str) -> (&'static str, String) {
        let named = from_file_name(file).unwrap();
        (named.format.name, named.suffix)
    }

    #[test]
    fn a_name_implies_format_and_compression() {
        assert_eq!(
            name_of("a/b.c/products.parquet"),
            ("parquet", ".parquet".into())
        );
        assert_eq!(name_of("Products.CSV.gz"), ("csv", ".CSV.gz".into()));
        assert_eq!(name_of("x.ndjson.zst"), ("json", ".ndjson.zst".into()));
        assert_eq!(
            from_file_name("x.tsv").unwrap().format.kind,
            FormatKind::Csv {
                delimiter: b'\t',
                sniff: false
            }
        );
        assert_eq!(
            from_file_name("x.csv.xz").unwrap().compression,
            FileCompressionType::XZ
        );
    }

    #[test]
    fn an_unknown_extension_lists_the_known_ones() {
        let message = from_file_name("book.xlsx").unwrap_err();
        assert!(
            message.contains(".xlsx") && message.contains(".parquet") && message.contains(".gz")
        );
        assert!(
            from_file_name("README")
                .unwrap_err()
                .contains("no extension")
        );
        assert!(
            from_file_name("x.parquet.gz")
                .unwrap_err()
                .contains("unpack")
        );
        assert!(from_file_name("x.gz").unwrap_err().contains("no extension"));
    }
}
