//! JSON files of model folders.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ModelError;

/// Maximum size of a configuration file. Published ones have a few KB.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// Parses a JSON file; `None` if it does not exist. Members that are null are
/// removed first: null is as good as absent.
///
/// # Errors
/// [`ModelError::Corrupt`] for other content than `T`, [`ModelError::Io`].
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(ModelError::io(path, e)),
    };
    let mut text = String::new();
    file.take(MAX_JSON_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|e| match e.kind() {
            ErrorKind::InvalidData => ModelError::corrupt(path, "it is not UTF-8 text"),
            _ => ModelError::io(path, e),
        })?;
    if text.len() as u64 > MAX_JSON_BYTES {
        return Err(ModelError::corrupt(
            path,
            "it is too large for a configuration",
        ));
    }
    let mut value: Value =
        serde_json::from_str(&text).map_err(|e| ModelError::corrupt(path, e.to_string()))?;
    remove_nulls(&mut value);
    serde_json::from_value(value)
        .map(Some)
        .map_err(|e| ModelError::corrupt(path, e.to_string()))
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    #[test]
    fn null_members_are_absent_and_other_types_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        type Numbers = BTreeMap<String, u64>;
        assert!(read_json::<Numbers>(&path).unwrap().is_none());
        fs::write(&path, r#"{"a": null, "b": 3}"#).unwrap();
        let read = read_json::<Numbers>(&path).unwrap().unwrap();
        assert_eq!(read, BTreeMap::from([("b".to_string(), 3)]));
        let deep = "[".repeat(100_000);
        for text in ["", "{", r#"{"a": "x"}"#, "\u{feff}{}", "[1]", "NaN", &deep] {
            fs::write(&path, text).unwrap();
            let error = read_json::<Numbers>(&path).unwrap_err();
            assert!(matches!(error, ModelError::Corrupt { .. }), "{error}");
        }
        fs::write(&path, [0xff, 0xfe, 0]).unwrap();
        assert!(read_json::<Numbers>(&path).is_err());
    }
}
