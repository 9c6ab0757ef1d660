//! The formats that files come in, by the extension of their names.

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

/// How the bytes of a file become rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Parquet,
    /// Delimited text. The delimiter is what the extension says; what the file
    /// itself shows wins where `sniff` is set.
    Csv {
        delimiter: u8,
        sniff: bool,
    },
    /// Objects, one a line or in one array.
    Json,
    Arrow,
}

/// A format, as the list below has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// What the engine calls it, as in `STORED AS`.
    pub name: &'static str,
    pub extensions: &'static [&'static str],
    pub kind: Kind,
}

const FORMATS: &[Format] = &[
    Format {
        name: "parquet",
        extensions: &["parquet", "parq", "pq"],
        kind: Kind::Parquet,
    },
    Format {
        name: "csv",
        extensions: &["csv"],
        kind: Kind::Csv {
            delimiter: b',',
            sniff: true,
        },
    },
    Format {
        name: "csv",
        extensions: &["tsv", "tab"],
        kind: Kind::Csv {
            delimiter: b'\t',
            sniff: false,
        },
    },
    Format {
        name: "json",
        extensions: &["jsonl", "ndjson", "json"],
        kind: Kind::Json,
    },
    Format {
        name: "arrow",
        extensions: &["arrow", "arrows", "feather", "ipc"],
        kind: Kind::Arrow,
    },
];

/// A compression of whole files: its extensions, and its name in options.
struct Compression {
    extensions: &'static [&'static str],
    name: &'static str,
    kind: FileCompressionType,
}

const COMPRESSIONS: &[Compression] = &[
    Compression {
        extensions: &["gz", "gzip"],
        name: "gzip",
        kind: FileCompressionType::GZIP,
    },
    Compression {
        extensions: &["zst", "zstd"],
        name: "zstd",
        kind: FileCompressionType::ZSTD,
    },
    Compression {
        extensions: &["bz2"],
        name: "bzip2",
        kind: FileCompressionType::BZIP2,
    },
    Compression {
        extensions: &["xz"],
        name: "xz",
        kind: FileCompressionType::XZ,
    },
];

/// What the name of a file says about its content.
#[derive(Clone, Debug)]
pub struct Named {
    pub format: &'static Format,
    pub compression: FileCompressionType,
    /// The end of the name, with dots: `.csv.gz`.
    pub suffix: String,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.format == other.format && self.suffix == other.suffix
    }
}

/// What the name of a file says about its content, or why that is unknown.
///
/// # Errors
/// In words that follow the name of the file.
pub fn of_name(name: &str) -> Result<Named, String> {
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
            "has no extension that says what it is; {}",
            known()
        ));
    };
    let Some(format) = FORMATS.iter().find(|f| f.extensions.contains(&extension)) else {
        return Err(format!(
            "has the extension .{extension}, which is not known; {}",
            known()
        ));
    };
    if compression.is_some() && matches!(format.kind, Kind::Parquet | Kind::Arrow) {
        return Err(format!(
            "is a compressed {} file, which cannot be read in parts; unpack it first",
            format.name
        ));
    }
    let suffix_length = extension.len() + 1 + lower.len() - stem.len();
    Ok(Named {
        format,
        compression: compression.map_or(FileCompressionType::UNCOMPRESSED, |c| c.kind),
        suffix: base[base.len() - suffix_length..].to_string(),
    })
}

/// The compression that the end of a name says, by its name in options.
pub fn compression_of(name: &str) -> Option<&'static str> {
    let last = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let known = COMPRESSIONS
        .iter()
        .find(|c| c.extensions.contains(&last.as_str()))?;
    Some(known.name)
}

/// The format of that name or extension, as in `STORED AS`.
pub fn by_word(word: &str) -> Option<&'static Format> {
    let word = word.to_ascii_lowercase();
    FORMATS
        .iter()
        .find(|format| format.name == word || format.extensions.contains(&word.as_str()))
}

/// The sentence that lists the extensions.
pub fn known() -> String {
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
        "known are {}, and text also with {}",
        formats.join(" "),
        compressions.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(file: &str) -> (&'static str, String) {
        let named = of_name(file).unwrap();
        (named.format.name, named.suffix)
    }

    #[test]
    fn names_say_format_and_compression() {
        assert_eq!(
            name_of("a/b.c/products.parquet"),
            ("parquet", ".parquet".into())
        );
        assert_eq!(name_of("Products.CSV.gz"), ("csv", ".CSV.gz".into()));
        assert_eq!(name_of("x.ndjson.zst"), ("json", ".ndjson.zst".into()));
        assert_eq!(
            of_name("x.tsv").unwrap().format.kind,
            Kind::Csv {
                delimiter: b'\t',
                sniff: false
            }
        );
        assert_eq!(
            of_name("x.csv.xz").unwrap().compression,
            FileCompressionType::XZ
        );
    }

    #[test]
    fn other_names_list_the_known_ones() {
        let message = of_name("book.xlsx").unwrap_err();
        assert!(
            message.contains(".xlsx") && message.contains(".parquet") && message.contains(".gz")
        );
        assert!(of_name("README").unwrap_err().contains("no extension"));
        assert!(of_name("x.parquet.gz").unwrap_err().contains("unpack"));
        assert!(of_name("x.gz").unwrap_err().contains("no extension"));
    }
}
