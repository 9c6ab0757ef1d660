//! Values of partition columns in the names of folders, as Hive and Spark write
//! them: `year=2024/name=caf%C3%A9/part-0.parquet`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::scalar::ScalarValue;

use super::located_files::LocatedFile;

/// Name of a folder whose value is NULL, after the `=`.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Partition columns of files.
#[derive(Clone, Debug)]
pub struct PartitionColumns {
    pub fields: Vec<FieldRef>,
    /// Values of the columns, for each file in its order.
    pub values: Vec<Vec<ScalarValue>>,
}

impl PartitionColumns {
    /// Columns in the names of the folders of `files`, in the order of their first
    /// occurrence. A file without one of them has NULL there.
    pub fn of(files: &[LocatedFile]) -> Self {
        let found: Vec<Vec<(String, Option<String>)>> = files
            .iter()
            .map(|file| partition_values(&file.path))
            .collect();
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in found.iter().flatten() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        // Each file has one value, which a dictionary does not repeat for its rows.
        let value = DataType::Utf8;
        let data_type = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(value));
        let fields = names
            .iter()
            .map(|name| Arc::new(Field::new(*name, data_type.clone(), true)));
        let values = found.iter().map(|pairs| {
            let value = |name: &&str| {
                // A name that occurs twice has the value of the inner folder.
                let pair = pairs.iter().rev().find(|(key, _)| key == name);
                let text = ScalarValue::Utf8(pair.and_then(|(_, value)| value.clone()));
                ScalarValue::Dictionary(Box::new(DataType::UInt16), Box::new(text))
            };
            names.iter().map(value).collect()
        });
        Self {
            fields: fields.collect(),
            values: values.collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Whether the name of a folder holds a value.
pub fn holds_value(folder: &str) -> bool {
    folder
        .split_once('=')
        .is_some_and(|(key, _)| !key.is_empty())
}

/// Keys and values in the folders of a path; `None` is NULL.
fn partition_values(path: &str) -> Vec<(String, Option<String>)> {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders
        .split('/')
        .filter(|folder| holds_value(folder))
        .filter_map(|folder| folder.split_once('='))
        .map(|(key, value)| {
            let value = (value != NULL_PARTITION).then(|| decode(value));
            (decode(key), value)
        })
        .collect()
}

/// Decodes the percent escapes of a text. What is not an escape stays.
fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (Some(high), Some(low)) if byte == b'%' => {
                // Two hexadecimal digits are at most 255.
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(path: &str) -> Vec<(String, Option<String>)> {
        partition_values(path)
    }

    fn pair(key: &str, value: Option<&str>) -> (String, Option<String>) {
        (key.to_string(), value.map(str::to_string))
    }

    #[test]
    fn folders_hold_keys_and_values() {
        assert_eq!(
            pairs("year=2024/k=a=b/x=y.csv"),
            [pair("year", Some("2024")), pair("k", Some("a=b"))]
        );
        assert!(pairs("plain/=x/a.csv").is_empty());
        assert_eq!(pairs("k=/a.csv"), [pair("k", Some(""))]);
    }

    #[test]
    fn the_default_partition_is_null_and_its_escaped_name_is_text() {
        assert_eq!(
            pairs("k=__HIVE_DEFAULT_PARTITION__/a.csv"),
            [pair("k", None)]
        );
        assert_eq!(
            pairs("k=%5F_HIVE_DEFAULT_PARTITION__/a.csv"),
            [pair("k", Some(NULL_PARTITION))]
        );
    }

    #[test]
    fn escapes_are_decoded_once_and_damaged_ones_stay() {
        assert_eq!(decode("50%25 off%2Fcaf%C3%A9"), "50% off/café");
        assert_eq!(decode("%2525"), "%25");
        for plain in ["100%", "%zz", "%4", "% 1", "%é"] {
            assert_eq!(decode(plain), plain);
        }
        // Bytes that are not UTF-8.
        assert_eq!(decode("%FF"), "%FF");
        assert_eq!(pairs("a%2Fb=1/x.csv"), [pair("a/b", Some("1"))]);
    }
}
