//! PyTorch's own checkpoints: a pickle that describes tensors, and their values
//! beside it in a zip archive (since 1.6) or behind it in the file (before).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::ModelError;
use super::archive::{Archive, PartError};
use super::element::{Element, Slot, Storage};
use super::pickle::{self, MAX_NAME_BYTES, Pickle, Refusal, StorageRef, Value};

pub(super) const SAVE_AGAIN: &str = "open it with Python where you trust it and save its weights again: \
     safetensors.torch.save_file(model.state_dict(), 'model.safetensors')";

/// Under which keys training scripts keep a state dict among other things.
const WRAPPERS: &[&str] = &["state_dict", "model_state_dict", "model", "module"];

/// The parts of an archive: the pickle, and the order of bytes in the values.
const DESCRIPTION: &[u8] = b"data.pkl";
const BYTE_ORDER: &[u8] = b"byteorder";

/// How the older format begins: a pickle of a magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    bytes.starts_with(LEGACY)
}

type Listed = Result<Vec<(String, Slot)>, ModelError>;

/// The tensors of a checkpoint in the zip format.
pub(super) fn list_archive(bytes: &[u8], path: &Path) -> Listed {
    let archive = Archive::read(bytes)
        .map_err(|why| ModelError::corrupt(path, format!("it is no whole zip archive ({why})")))?;
    let names = archive.names();
    let root = names
        .iter()
        .find_map(|name| folder_of(name, DESCRIPTION))
        .ok_or_else(|| ModelError::corrupt(path, "it is a zip archive without a data.pkl"))?;
    let program = [root, b"code/"].concat();
    if names.iter().any(|name| name.starts_with(&program)) {
        return Err(ModelError::Unsupported {
            what: "a TorchScript program".to_string(),
            path: path.to_path_buf(),
            hint: SAVE_AGAIN.to_string(),
        });
    }
    let part = |name: &[u8]| {
        let name = [root, name].concat();
        let shown = String::from_utf8_lossy(&name);
        archive.part(&name).map_err(|error| match error {
            PartError::Missing => ModelError::corrupt(path, format!("it lacks its part '{shown}'")),
            PartError::Packed => compressed(path),
            PartError::CutOff => {
                ModelError::corrupt(path, format!("its part '{shown}' is cut off"))
            }
        })
    };
    let pickle = load(&bytes[part(DESCRIPTION)?], path)?;
    let big_endian = match names.contains(&[root, BYTE_ORDER].concat().as_slice()) {
        true => bytes[part(BYTE_ORDER)?].starts_with(b"big"),
        false => false,
    };
    let mut found: HashMap<&str, (usize, usize)> = HashMap::new();
    list(&pickle, path, |storage| {
        let (start, length) = match found.get(storage.key) {
            Some(place) => *place,
            None => {
                let range = part(format!("data/{}", storage.key).as_bytes())?;
                let place = (range.start, range.len());
                *found.entry(storage.key).or_insert(place)
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
                format!("its part 'data/{}' is shorter than promised", storage.key),
            )),
        }
    })
}

/// The folder with its `/` in which an archive has a file of that name.
fn folder_of<'a>(name: &'a [u8], file: &[u8]) -> Option<&'a [u8]> {
    let folder = name.strip_suffix(file)?;
    (folder.is_empty() || folder.ends_with(b"/")).then_some(folder)
}

/// The tensors of a checkpoint in the format before PyTorch 1.6: magic number,
/// version, system, state dict and the list of storages as five pickles, then
/// for each storage its length and values.
pub(super) fn list_legacy(bytes: &[u8], path: &Path) -> Listed {
    let cut_off = || ModelError::corrupt(path, "it is cut off");
    let mut at = 0;
    let mut next = || {
        let pickle = load(bytes.get(at..).ok_or_else(cut_off)?, path)?;
        at += pickle.end;
        Ok::<_, ModelError>((pickle, at))
    };
    next()?;
    let (version, _) = next()?;
    let (system, _) = next()?;
    let little = system.get(system.root, "little_endian") != Some(Value::Bool(false));
    if version.root != Value::Int(1001) || !little {
        return Err(ModelError::Unsupported {
            what: "weights in an unusual variant of PyTorch's older format".to_string(),
            path: path.to_path_buf(),
            hint: SAVE_AGAIN.to_string(),
        });
    }
    let (pickle, _) = next()?;
    let (keys, mut at) = next()?;
    let elements: HashMap<&str, Element> = pickle
        .storages
        .iter()
        .map(|storage| (storage.key, storage.element))
        .collect();
    let mut places: HashMap<&str, (usize, usize)> = HashMap::new();
    for key in keys.items(keys.root).unwrap_or_default() {
        let Value::Text(key) = key else {
            return Err(ModelError::corrupt(path, "its list of storages is unclear"));
        };
        let Some(element) = elements.get(key) else {
            return Err(ModelError::corrupt(
                path,
                format!("no tensor uses its storage '{key}'"),
            ));
        };
        let len = bytes.get(at..at.saturating_add(8)).ok_or_else(cut_off)?;
        let len = len
            .iter()
            .rev()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let len = usize::try_from(len).map_err(|_| cut_off())?;
        let start = at + 8;
        let end = len
            .checked_mul(element.bytes())
            .and_then(|length| length.checked_add(start));
        at = end.filter(|end| *end <= bytes.len()).ok_or_else(cut_off)?;
        places.insert(key, (start, len));
    }
    list(&pickle, path, |storage| {
        let short = || {
            let key = storage.key;
            ModelError::corrupt(
                path,
                format!("its storage '{key}' is shorter than promised"),
            )
        };
        let (start, stored) = places.get(storage.key).copied().ok_or_else(short)?;
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
            _ => Err(short()),
        }
    })
}

/// Name and place of every tensor of the state dict in `pickle`; `locate`
/// finds the place of a storage.
fn list<'a>(
    pickle: &Pickle<'a>,
    path: &Path,
    mut locate: impl FnMut(StorageRef<'a>) -> Result<Storage, ModelError>,
) -> Listed {
    let mut storages = Vec::with_capacity(pickle.storages.len());
    for storage in &pickle.storages {
        storages.push(locate(*storage)?);
    }
    let (mut slots, mut names) = (Vec::new(), HashSet::new());
    for (key, value) in state_dict(pickle).unwrap_or_default() {
        let (Value::Text(name), Value::Tensor(tensor)) = (key, value) else {
            continue;
        };
        // A few bytes may name the same tensor again and again.
        if name.len() > MAX_NAME_BYTES || !names.insert(name) {
            return Err(ModelError::corrupt(
                path,
                "it has a tensor with too long a name, or two of one name",
            ));
        }
        let tensor = &pickle.tensors[*tensor];
        let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
        let slot = Slot::view(storages[tensor.storage], tensor.offset, shape, strides)
            .map_err(|problem| problem.at(path, name))?;
        slots.push((name.to_string(), slot));
    }
    Ok(slots)
}

/// The first dict that holds tensors: the root or, wrapped by a training
/// script, one or two levels below.
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
        dict = WRAPPERS.iter().find_map(|wrapper| {
            pickle
                .get(dict, wrapper)
                .filter(|inner| matches!(inner, Value::Dict(_)))
        })?;
    }
    None
}

fn load<'a>(bytes: &'a [u8], path: &Path) -> Result<Pickle<'a>, ModelError> {
    pickle::load(bytes).map_err(|refusal| match refusal {
        Refusal::CutOff => ModelError::corrupt(path, "its description of the tensors is cut off"),
        Refusal::Nonsense(what, at) => ModelError::corrupt(
            path,
            format!("its description of the tensors has {what} (byte {at} of the pickle)"),
        ),
        Refusal::Object(name) => ModelError::Unsupported {
            what: format!("the Python object {name} beside its weights"),
            path: path.to_path_buf(),
            hint: format!("semql runs no code from model files; {SAVE_AGAIN}"),
        },
        Refusal::Instruction(code, at) => ModelError::Unsupported {
            what: format!("the pickle instruction 0x{code:02x} at byte {at}"),
            path: path.to_path_buf(),
            hint: format!("state dicts do without it; {SAVE_AGAIN}"),
        },
    })
}

fn compressed(path: &Path) -> ModelError {
    ModelError::Unsupported {
        what: "compressed or encrypted parts".to_string(),
        path: path.to_path_buf(),
        hint: SAVE_AGAIN.to_string(),
    }
}
