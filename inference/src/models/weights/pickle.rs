//! Pickle reader that builds data and runs no code.
//!
//! PyTorch stores the names, shapes and offsets of tensors in a Python pickle: a
//! program for a stack machine that can call any Python function. This reader
//! supports the instructions that PyTorch writes for a state dict, and a closed
//! list of Python names ([`Global`]). It refuses all else.
//!
//! Containers are stored in vectors and referenced by index. A hostile pickle can
//! therefore neither leak a cycle nor exhaust the call stack by nesting. Memory is
//! proportional to the bytes read.

use std::collections::HashMap;

use super::element::ElementType;

/// Maximum size of a pickle. A model of 1,000 tensors has 200 KB.
const MAX_BYTES: usize = 4 << 20;

/// Maximum values on the stack, values in the memo, and containers of each kind.
const MAX_VALUES: usize = 1 << 20;

/// Maximum tensors, and storages, of a checkpoint.
pub(super) const MAX_TENSORS: usize = 1 << 16;

/// Maximum size of the name of a tensor, a storage or a Python object.
pub(super) const MAX_NAME_BYTES: usize = 1024;

/// Maximum axes of a tensor; language models need three.
pub(super) const MAX_AXES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// An integer of more than 64 bits, as its bytes.
    Long(&'a [u8]),
    Text(&'a str),
    Bytes(&'a [u8]),
    Tuple(usize),
    List(usize),
    Dict(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

/// The only Python names that a state dict needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    /// `torch._utils._rebuild_tensor` and `_v2`: a view of a storage.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`: returns its tensor.
    RebuildParameter,
    /// `torch.FloatStorage` and similar: the type of the values of a storage.
    Storage(ElementType),
}

fn global(module: &str, name: &str) -> Option<Global> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch" | "torch.cuda" | "torch.storage", storage) => Global::Storage(match storage {
            "HalfStorage" => ElementType::F16,
            "BFloat16Storage" => ElementType::BF16,
            "FloatStorage" => ElementType::F32,
            "DoubleStorage" => ElementType::F64,
            "BoolStorage" | "ByteStorage" | "CharStorage" | "UntypedStorage" => {
                ElementType::Other(1)
            }
            "ShortStorage" => ElementType::Other(2),
            "IntStorage" => ElementType::Other(4),
            "LongStorage" => ElementType::Other(8),
            _ => return None,
        }),
        _ => return None,
    })
}

/// Reference to a storage outside the pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StorageRef<'a> {
    pub(super) key: &'a str,
    pub(super) element: ElementType,
    pub(super) len: usize,
    /// First value and length of a part; only in the legacy format.
    pub(super) part: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TensorRef {
    /// Index into [`Pickle::storages`].
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Error of reading a pickle. Positions are byte offsets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PickleError {
    /// The pickle is incomplete.
    Truncated,
    /// A Python object that is not in the list.
    Object(String),
    /// An unsupported instruction.
    Instruction(u8, usize),
    /// Inconsistent content.
    Malformed(&'static str, usize),
}

/// Content of a pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) root: Value<'a>,
    /// Size of the pickle in bytes.
    pub(super) end: usize,
    pub(super) storages: Vec<StorageRef<'a>>,
    pub(super) tensors: Vec<TensorRef>,
    tuples: Vec<Vec<Value<'a>>>,
    lists: Vec<Vec<Value<'a>>>,
    dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
}

impl<'a> Pickle<'a> {
    /// The pairs of a dict; `None` for anything else.
    pub(super) fn dict(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match value {
            Value::Dict(at) => self.dicts.get(at).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The items of a list or tuple; `None` for anything else.
    pub(super) fn items(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Tuple(at) => self.tuples.get(at).map(Vec::as_slice),
            Value::List(at) => self.lists.get(at).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The value of `key` in a dict.
    pub(super) fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let pairs = self.dict(dict)?;
        pairs
            .iter()
            .rev()
            .find(|(k, _)| *k == Value::Text(key))
            .map(|(_, value)| *value)
    }
}

/// Reads the pickle at the start of `bytes`.
pub(super) fn load(bytes: &[u8]) -> Result<Pickle<'_>, PickleError> {
    let mut machine = PickleMachine {
        bytes: &bytes[..bytes.len().min(MAX_BYTES)],
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copies: bytes.len().min(MAX_BYTES),
        result: Pickle {
            root: Value::None,
            end: 0,
            storages: Vec::new(),
            tensors: Vec::new(),
            tuples: Vec::new(),
            lists: Vec::new(),
            dicts: Vec::new(),
        },
    };
    while machine.step()? {
        machine.check_size()?;
    }
    machine.result.root = machine.pop()?;
    machine.result.end = machine.at;
    Ok(machine.result)
}

struct PickleMachine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value<'a>>,
    /// Remaining budget of values that calls may copy. Valid pickles write each
    /// argument of a call. A pickle that copies the same long list in a million
    /// calls exceeds the budget.
    copies: usize,
    result: Pickle<'a>,
}

impl<'a> PickleMachine<'a> {
    /// Executes one instruction; returns false at the end.
    fn step(&mut self) -> Result<bool, PickleError> {
        let begin = self.at;
        let instruction = self.number(1)? as u8;
        match instruction {
            b'.' => return Ok(false),
            // Protocol number and frame length are not needed.
            0x80 => drop(self.number(1)?),
            0x95 => drop(self.number(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => self.stack.push(self.top()?),

            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' => {
                let number = self.number(4)? as u32;
                self.stack.push(Value::Int(i64::from(number.cast_signed())));
            }
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            0x8a => self.push_long(1)?,
            0x8b => self.push_long(4)?,
            b'G' => {
                // The only big-endian number in pickles.
                let bits = (self.number(8)?).swap_bytes();
                self.stack.push(Value::Float(f64::from_bits(bits)));
            }
            b'X' | b'T' => self.push_text(4)?,
            0x8c | b'U' => self.push_text(1)?,
            0x8d => self.push_text(8)?,
            b'C' => self.push_bytes(1)?,
            b'B' => self.push_bytes(4)?,
            0x8e => self.push_bytes(8)?,

            b']' => self.push_list(Vec::new()),
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push_list(items);
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b')' => self.push_tuple(Vec::new()),
            b't' => {
                let items = self.pop_to_mark()?;
                self.push_tuple(items);
            }
            0x85..=0x87 => {
                let count = usize::from(instruction - 0x84);
                let items = self.pop_many(count)?;
                self.push_tuple(items);
            }
            b'}' => self.push_dict(Vec::new()),
            b'd' => {
                let items = self.pop_to_mark()?;
                let pairs = self.pairs(&items)?;
                self.push_dict(pairs);
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.insert(&items)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.insert(&items)?;
            }

            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let value = self.top()?;
                self.memo.insert(self.memo.len() as u64, value);
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,

            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push_global(module, name)?;
            }
            0x93 => {
                let names = self.pop_many(2)?;
                let [Value::Text(module), Value::Text(name)] = names[..] else {
                    return Err(self.malformed("a name that is not text"));
                };
                self.push_global(module, name)?;
            }
            b'R' | 0x81 => self.call()?,
            b'b' => {
                // Attributes of an OrderedDict (`_metadata`) are not needed.
                self.pop()?;
                if !matches!(self.top()?, Value::Dict(_)) {
                    return Err(self.malformed("attributes of something other than a dict"));
                }
            }
            b'Q' => self.push_storage()?,
            other => return Err(PickleError::Instruction(other, begin)),
        }
        Ok(true)
    }

    /// Checks the number of values against the limits.
    fn check_size(&self) -> Result<(), PickleError> {
        let result = &self.result;
        let values = [
            self.stack.len(),
            self.marks.len(),
            self.memo.len(),
            result.tuples.len(),
            result.lists.len(),
            result.dicts.len(),
        ];
        if values.iter().any(|values| *values > MAX_VALUES) {
            return Err(self.malformed("too many values"));
        }
        if result.tensors.len() > MAX_TENSORS || result.storages.len() > MAX_TENSORS {
            return Err(self.malformed("too many tensors"));
        }
        Ok(())
    }

    fn malformed(&self, what: &'static str) -> PickleError {
        PickleError::Malformed(what, self.at)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let end = self.at.checked_add(count).ok_or(PickleError::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(PickleError::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// A little-endian number of up to eight bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, PickleError> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|b| *b == b'\n')
            .ok_or(PickleError::Truncated)?;
        let line = self.take(length)?;
        self.take(1)?;
        str::from_utf8(line).map_err(|_| self.malformed("a name that is not text"))
    }

    fn top(&self) -> Result<Value<'a>, PickleError> {
        self.stack
            .last()
            .copied()
            .ok_or(self.malformed("an empty stack"))
    }

    fn pop(&mut self) -> Result<Value<'a>, PickleError> {
        self.stack.pop().ok_or(self.malformed("an empty stack"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, PickleError> {
        let from = self
            .stack
            .len()
            .checked_sub(count)
            .ok_or(self.malformed("an empty stack"))?;
        Ok(self.stack.split_off(from))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, PickleError> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or(self.malformed("no mark"))?))
    }

    fn push_int(&mut self, bytes: usize) -> Result<(), PickleError> {
        let number = self.number(bytes)?;
        self.stack.push(Value::Int(number.cast_signed()));
        Ok(())
    }

    fn push_long(&mut self, length_bytes: usize) -> Result<(), PickleError> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        self.stack.push(if bytes.len() > 8 {
            Value::Long(bytes)
        } else {
            let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) {
                0xff
            } else {
                0
            };
            let mut whole = [fill; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(whole))
        });
        Ok(())
    }

    fn length(&mut self, bytes: usize) -> Result<usize, PickleError> {
        usize::try_from(self.number(bytes)?).map_err(|_| PickleError::Truncated)
    }

    fn push_text(&mut self, length_bytes: usize) -> Result<(), PickleError> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        let text = str::from_utf8(bytes).map_err(|_| self.malformed("text that is not UTF-8"))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn push_bytes(&mut self, length_bytes: usize) -> Result<(), PickleError> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Tuple(self.result.tuples.len()));
        self.result.tuples.push(items);
    }

    fn push_list(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::List(self.result.lists.len()));
        self.result.lists.push(items);
    }

    fn push_dict(&mut self, pairs: Vec<(Value<'a>, Value<'a>)>) {
        self.stack.push(Value::Dict(self.result.dicts.len()));
        self.result.dicts.push(pairs);
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<(), PickleError> {
        match self.top()? {
            Value::List(at) => self.result.lists[at].extend(items),
            _ => return Err(self.malformed("an item for something other than a list")),
        }
        Ok(())
    }

    fn pairs(&self, items: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, PickleError> {
        if items.len() % 2 == 1 {
            return Err(self.malformed("a key without a value"));
        }
        Ok(items
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect())
    }

    fn insert(&mut self, items: &[Value<'a>]) -> Result<(), PickleError> {
        let pairs = self.pairs(items)?;
        match self.top()? {
            Value::Dict(at) => self.result.dicts[at].extend(pairs),
            _ => return Err(self.malformed("a key for something other than a dict")),
        }
        Ok(())
    }

    fn remember(&mut self, bytes: usize) -> Result<(), PickleError> {
        let key = self.number(bytes)?;
        let value = self.top()?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, bytes: usize) -> Result<(), PickleError> {
        let key = self.number(bytes)?;
        let value = self.memo.get(&key).copied();
        self.stack
            .push(value.ok_or(self.malformed("a value that is not in the memo"))?);
        Ok(())
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        if module.len() > MAX_NAME_BYTES || name.len() > MAX_NAME_BYTES {
            return Err(self.malformed("a name that is too long"));
        }
        let known = global(module, name);
        let known = known.ok_or_else(|| PickleError::Object(format!("{module}.{name}")))?;
        self.stack.push(Value::Global(known));
        Ok(())
    }

    /// Replaces function and arguments by the result.
    fn call(&mut self) -> Result<(), PickleError> {
        let called = self.pop_many(2)?;
        let [Value::Global(function), Value::Tuple(at)] = called[..] else {
            return Err(self.malformed("a call of something other than a function"));
        };
        self.charge_copies(self.result.tuples[at].len())?;
        let arguments = self.result.tuples[at].clone();
        match (function, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push_dict(Vec::new()),
            (Global::OrderedDict, [pairs]) => {
                let pairs = self
                    .result
                    .items(*pairs)
                    .ok_or(self.malformed("a dict without pairs"))?;
                if pairs.len() > self.copies {
                    return Err(self.malformed("more copies than content"));
                }
                let pairs = pairs.iter().map(|pair| match self.result.items(*pair) {
                    Some([key, value]) => Ok((*key, *value)),
                    _ => Err(self.malformed("a dict without pairs")),
                });
                let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
                self.charge_copies(pairs.len())?;
                self.push_dict(pairs);
            }
            (
                Global::RebuildTensor,
                [
                    Value::Storage(storage),
                    Value::Int(offset),
                    shape,
                    strides,
                    ..,
                ],
            ) => {
                let tensor = TensorRef {
                    storage: *storage,
                    offset: self.size(Value::Int(*offset))?,
                    shape: self.sizes(*shape)?,
                    strides: self.sizes(*strides)?,
                };
                self.stack.push(Value::Tensor(self.result.tensors.len()));
                self.result.tensors.push(tensor);
            }
            (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => self.stack.push(*tensor),
            _ => return Err(self.malformed("a call with unexpected arguments")),
        }
        Ok(())
    }

    fn charge_copies(&mut self, copies: usize) -> Result<(), PickleError> {
        let left = self.copies.checked_sub(copies);
        self.copies = left.ok_or(self.malformed("more copies than content"))?;
        Ok(())
    }

    fn size(&self, value: Value<'a>) -> Result<usize, PickleError> {
        match value {
            Value::Int(number) => usize::try_from(number).ok(),
            _ => None,
        }
        .ok_or(self.malformed("a size that is not a non-negative integer"))
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>, PickleError> {
        let items = self
            .result
            .items(value)
            .ok_or(self.malformed("a shape that is not a tuple"))?;
        if items.len() > MAX_AXES {
            return Err(self.malformed("a tensor of too many axes"));
        }
        items.iter().map(|item| self.size(*item)).collect()
    }

    /// Replaces `('storage', type, key, device, count[, part])` by a storage.
    fn push_storage(&mut self) -> Result<(), PickleError> {
        let id = self.pop()?;
        let items = self.result.items(id).unwrap_or_default();
        let [
            Value::Text("storage"),
            Value::Global(Global::Storage(element)),
            Value::Text(key),
            _,
            len,
            rest @ ..,
        ] = items
        else {
            return Err(self.malformed("a reference to something other than a storage"));
        };
        if key.len() > MAX_NAME_BYTES {
            return Err(self.malformed("a name that is too long"));
        }
        let part = match rest {
            [] | [Value::None] => None,
            [part] => match self.result.items(*part) {
                Some([_, first, count]) => Some((self.size(*first)?, self.size(*count)?)),
                _ => return Err(self.malformed("a malformed part of a storage")),
            },
            _ => return Err(self.malformed("a reference to something other than a storage")),
        };
        let storage = StorageRef {
            key,
            element: *element,
            len: self.size(*len)?,
            part,
        };
        self.stack.push(Value::Storage(self.result.storages.len()));
        self.result.storages.push(storage);
        Ok(())
    }
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
