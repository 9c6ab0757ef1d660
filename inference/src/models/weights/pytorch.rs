//! Reader of PyTorch checkpoints: a pickle that describes tensors, and their
//! values. Since PyTorch 1.6 both are entries of a zip archive; before, the values
//! follow the pickle.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::ModelError;
use super::archive::{Archive, PartError};
use super::element::{ElementType, Storage, TensorView};
use super::pickle::{self, MAX_NAME_BYTES, Pickle, PickleError, StorageRef, Value};

pub(super) const RESAVE_HINT: &str = "if you trust it, open it with Python and save its weights again: \
     safetensors.torch.save_file(model.state_dict(), 'model.safetensors')";

/// Keys of the state dict in checkpoints of training scripts.
const WRAPPER_KEYS: &[&str] = &["state_dict", "model_state_dict", "model", "module"];

/// Entries of an archive: the pickle, and the byte order of the values.
const PICKLE: &[u8] = b"data.pkl";
const BYTE_ORDER: &[u8] = b"byteorder";

/// Start of the legacy format: a pickle of a magic number.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    bytes.starts_with(LEGACY_MAGIC)
}

type TensorList = Result<Vec<(String, TensorView)>, ModelError>;

/// Lists the tensors of a checkpoint in the zip format.
pub(super) fn list_archive(bytes: &[u8], path: &Path) -> TensorList {
    let archive = Archive::read(bytes).map_err(|reason| {
        ModelError::corrupt(path, format!("it is not a complete zip archive ({reason})"))
    })?;
    let names = archive.names();
    let root = names
        .iter()
        .find_map(|name| folder_of(name, PICKLE))
        .ok_or_else(|| ModelError::corrupt(path, "it is a zip archive without a data.pkl"))?;
    let program = [root, b"code/"].concat();
    if names.iter().any(|name| name.starts_with(&program)) {
        return Err(ModelError::Unsupported {
            what: "a TorchScript program".to_string(),
            path: path.to_path_buf(),
            hint: RESAVE_HINT.to_string(),
        });
    }
    let part = |name: &[u8]| {
        let name = [root, name].concat();
        let shown = String::from_utf8_lossy(&name);
        archive.part(&name).map_err(|error| match error {
            PartError::Missing => {
                ModelError::corrupt(path, format!("its entry '{shown}' is missing"))
            }
            PartError::Packed => compressed(path),
            PartError::Truncated => {
                ModelError::corrupt(path, format!("its entry '{shown}' is truncated"))
            }
        })
    };
    let pickle = load(&bytes[part(PICKLE)?], path)?;
    let big_endian = match names.contains(&[root, BYTE_ORDER].concat().as_slice()) {
        true => bytes[part(BYTE_ORDER)?].starts_with(b"big"),
        false => false,
    };
    let mut found: HashMap<&str, (usize, usize)> = HashMap::new();
    list(&pickle, path, |storage| {
        let (start, length) = match found.get(storage.key) {
            Some(range) => *range,
            None => {
                let range = part(format!("data/{}", storage.key).as_bytes())?;
                *found
                    .entry(storage.key)
                    .or_insert((range.start, range.len()))
            }
        };
        match storage.len.checked_mul(storage.element.bytes()) {
            Some(bytes) if bytes <= length => Ok(Storage {
                element: storage.element,
                start,
                len: storage.len,
                big_endian,
            }),
            _ => Err(ModelError::corrupt(
                path,
                format!("its entry 'data/{}' is too short", storage.key),
            )),
        }
    })
}

/// The folder of the entry `name`, with its `/`, if its file is called `file`.
fn folder_of<'a>(name: &'a [u8], file: &[u8]) -> Option<&'a [u8]> {
    let folder = name.strip_suffix(file)?;
    (folder.is_empty() || folder.ends_with(b"/")).then_some(folder)
}

/// Lists the tensors of a checkpoint in the format before PyTorch 1.6: magic
/// number, version, system, state dict and list of storages as five pickles, then
/// the length and values of each storage.
pub(super) fn list_legacy(bytes: &[u8], path: &Path) -> TensorList {
    let truncated = || ModelError::corrupt(path, "it is truncated");
    let mut at = 0;
    let mut next = || {
        let pickle = load(bytes.get(at..).ok_or_else(truncated)?, path)?;
        at += pickle.end;
        Ok::<_, ModelError>((pickle, at))
    };
    next()?;
    let (version, _) = next()?;
    let (system, _) = next()?;
    let little = system.get(system.root, "little_endian") != Some(Value::Bool(false));
    if version.root != Value::Int(1001) || !little {
        return Err(ModelError::Unsupported {
            what: "an unusual variant of PyTorch's legacy format".to_string(),
            path: path.to_path_buf(),
            hint: RESAVE_HINT.to_string(),
        });
    }
    let (pickle, _) = next()?;
    let (keys, mut at) = next()?;
    let element_types: HashMap<&str, ElementType> = pickle
        .storages
        .iter()
        .map(|storage| (storage.key, storage.element))
        .collect();
    let mut ranges: HashMap<&str, (usize, usize)> = HashMap::new();
    for key in keys.items(keys.root).unwrap_or_default() {
        let Value::Text(key) = key else {
            return Err(ModelError::corrupt(
                path,
                "its list of storages is malformed",
            ));
        };
        let Some(element) = element_types.get(key) else {
            return Err(ModelError::corrupt(
                path,
                format!("no tensor uses its storage '{key}'"),
            ));
        };
        let len = bytes.get(at..at.saturating_add(8)).ok_or_else(truncated)?;
        let len = len
            .iter()
            .rev()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let len = usize::try_from(len).map_err(|_| truncated())?;
        let start = at + 8;
        let end = len
            .checked_mul(element.bytes())
            .and_then(|length| length.checked_add(start));
        at = end
            .filter(|end| *end <= bytes.len())
            .ok_or_else(truncated)?;
        ranges.insert(key, (start, len));
    }
    list(&pickle, path, |storage| {
        let too_short = || {
            let key = storage.key;
            ModelError::corrupt(path, format!("its storage '{key}' is too short"))
        };
        let (start, stored) = ranges.get(storage.key).copied().ok_or_else(too_short)?;
        let (first, len) = storage.part.unwrap_or((0, storage.len));
        let bytes = storage.element.bytes();
        let end = first.checked_add(len).filter(|end| *end <= stored);
        let start = first
            .checked_mul(bytes)
            .and_then(|skip| start.checked_add(skip));
        match (start, end) {
            (Some(start), Some(_)) => Ok(Storage {
                element: storage.element,
                start,
                len,
                big_endian: false,
            }),
            _ => Err(too_short()),
        }
    })
}

/// Lists the tensors of the state dict in `pickle`; `locate` finds a storage.
fn list<'a>(
    pickle: &Pickle<'a>,
    path: &Path,
    mut locate: impl FnMut(StorageRef<'a>) -> Result<Storage, ModelError>,
) -> TensorList {
    let mut storages = Vec::with_capacity(pickle.storages.len());
    for storage in &pickle.storages {
        storages.push(locate(*storage)?);
    }
    let (mut views, mut names) = (Vec::new(), HashSet::new());
    for (key, value) in state_dict(pickle).unwrap_or_default() {
        let (Value::Text(name), Value::Tensor(tensor)) = (key, value) else {
            continue;
        };
        // A few bytes can repeat the same tensor many times.
        if name.len() > MAX_NAME_BYTES || !names.insert(name) {
            return Err(ModelError::corrupt(
                path,
                "the name of a tensor is too long or not unique",
            ));
        }
        let tensor = &pickle.tensors[*tensor];
        let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
        let view = TensorView::new(storages[tensor.storage], tensor.offset, shape, strides)
            .map_err(|error| error.with_location(path, name))?;
        views.push((name.to_string(), view));
    }
    Ok(views)
}

/// The first dict with tensors: the root, or one or two levels below it in the
/// checkpoint of a training script.
fn state_dict<'p, 'a>(pickle: &'p Pickle<'a>) -> Option<&'p [(Value<'a>, Value<'a>)]> {
    let mut dict = pickle.root;
    for _ in 0..3 {
        let pairs = pickle.dict(dict)?;
        if pairs
            .iter()
            .any(|(_, value)| matches!(value, Value::Tensor(_)))
        {
            return Some(pairs);
        }
        dict = WRAPPER_KEYS.iter().find_map(|wrapper| {
            pickle
                .get(dict, wrapper)
                .filter(|inner| matches!(inner, Value::Dict(_)))
        })?;
    }
    None
}

fn load<'a>(bytes: &'a [u8], path: &Path) -> Result<Pickle<'a>, ModelError> {
    pickle::load(bytes).map_err(|error| match error {
        PickleError::Truncated => ModelError::corrupt(path, "its pickle is truncated"),
        PickleError::Malformed(what, at) => {
            ModelError::corrupt(path, format!("its pickle has {what} at byte {at}"))
        }
        PickleError::Object(name) => ModelError::Unsupported {
            what: format!("the Python object {name}"),
            path: path.to_path_buf(),
            hint: format!("semql does not run code from model files; {RESAVE_HINT}"),
        },
        PickleError::Instruction(code, at) => ModelError::Unsupported {
            what: format!("the pickle instruction 0x{code:02x} at byte {at}"),
            path: path.to_path_buf(),
            hint: format!("state dicts do not need it; {RESAVE_HINT}"),
        },
    })
}

fn compressed(path: &Path) -> ModelError {
    ModelError::Unsupported {
        what: "compressed or encrypted entries".to_string(),
        path: path.to_path_buf(),
        hint: RESAVE_HINT.to_string(),
    }
}
