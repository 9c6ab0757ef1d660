//! A pickle machine that builds data and runs nothing.
//!
//! PyTorch keeps the names, shapes and places of tensors in a Python pickle,
//! which is a program for a stack machine that may call any Python function.
//! This one knows the instructions that PyTorch writes for a state dict and a
//! closed list of things they may name ([`Global`]); all else is refused.
//!
//! Containers live in vectors and are referred to by number, so that a hostile
//! pickle can neither make a cycle that leaks nor nest deep enough to exhaust
//! the call stack, and what is kept grows only with the bytes read.

use std::collections::HashMap;

use super::element::Element;

/// Bytes of a pickle, at most. A model of 1,000 tensors has 200 KB.
const MAX_BYTES: usize = 4 << 20;

/// Values on the stack, values in the memo, and containers of each kind, at
/// most.
const MAX_VALUES: usize = 1 << 20;

/// Tensors, and storages, of a checkpoint, at most.
pub(super) const MAX_TENSORS: usize = 1 << 16;

/// Bytes of the name of a tensor, a storage or a Python object, at most.
pub(super) const MAX_NAME_BYTES: usize = 1024;

/// Axes a tensor may have; language models need three.
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
    /// `torch._utils._rebuild_parameter`: gives back its tensor.
    RebuildParameter,
    /// `torch.FloatStorage` and its like: the type of a storage's values.
    Storage(Element),
}

fn global(module: &str, name: &str) -> Option<Global> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch" | "torch.cuda" | "torch.storage", storage) => Global::Storage(match storage {
            "HalfStorage" => Element::F16,
            "BFloat16Storage" => Element::BF16,
            "FloatStorage" => Element::F32,
            "DoubleStorage" => Element::F64,
            "BoolStorage" | "ByteStorage" | "CharStorage" | "UntypedStorage" => Element::Other(1),
            "ShortStorage" => Element::Other(2),
            "IntStorage" => Element::Other(4),
            "LongStorage" => Element::Other(8),
            _ => return None,
        }),
        _ => return None,
    })
}

/// Values kept elsewhere in the file, as the pickle names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StorageRef<'a> {
    pub(super) key: &'a str,
    pub(super) element: Element,
    pub(super) len: usize,
    /// Only in the older format: first value and count of a part of it.
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

/// Why a pickle is not read. Positions count bytes from its start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It ends in the middle.
    CutOff,
    /// It names a Python object outside the list.
    Object(String),
    /// It has an instruction outside the list.
    Instruction(u8, usize),
    /// It contradicts itself.
    Nonsense(&'static str, usize),
}

/// What a pickle holds.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) root: Value<'a>,
    /// How many bytes it took.
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

    /// What a dict has under `key`.
    pub(super) fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let pairs = self.dict(dict)?;
        pairs
            .iter()
            .rev()
            .find(|(k, _)| *k == Value::Text(key))
            .map(|(_, value)| *value)
    }
}

/// Reads the pickle that `bytes` begin with.
pub(super) fn load(bytes: &[u8]) -> Result<Pickle<'_>, Refusal> {
    let mut machine = Machine {
        bytes: &bytes[..bytes.len().min(MAX_BYTES)],
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copies: bytes.len().min(MAX_BYTES),
        made: Pickle {
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
    machine.made.root = machine.pop()?;
    machine.made.end = machine.at;
    Ok(machine.made)
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value<'a>>,
    /// How many values calls may still copy. Honest pickles write each value
    /// that a call needs; one that has the same long list copied by a million
    /// calls runs out.
    copies: usize,
    made: Pickle<'a>,
}

impl<'a> Machine<'a> {
    /// Carries out one instruction; false at the end.
    fn step(&mut self) -> Result<bool, Refusal> {
        let begin = self.at;
        let instruction = self.number(1)? as u8;
        match instruction {
            b'.' => return Ok(false),
            // Protocol number; frame length, which only helps buffering.
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
                // The one number that pickles write big end first.
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
                    return Err(self.nonsense("a name that is no text"));
                };
                self.push_global(module, name)?;
            }
            b'R' | 0x81 => self.call()?,
            b'b' => {
                // Attributes of an OrderedDict (`_metadata`): of no use here.
                self.pop()?;
                if !matches!(self.top()?, Value::Dict(_)) {
                    return Err(self.nonsense("attributes of something other than a dict"));
                }
            }
            b'Q' => self.push_storage()?,
            other => return Err(Refusal::Instruction(other, begin)),
        }
        Ok(true)
    }

    /// Bounds what the instructions so far have built.
    fn check_size(&self) -> Result<(), Refusal> {
        let made = &self.made;
        let values = [
            self.stack.len(),
            self.marks.len(),
            self.memo.len(),
            made.tuples.len(),
            made.lists.len(),
            made.dicts.len(),
        ];
        if values.iter().any(|values| *values > MAX_VALUES) {
            return Err(self.nonsense("too many values"));
        }
        if made.tensors.len() > MAX_TENSORS || made.storages.len() > MAX_TENSORS {
            return Err(self.nonsense("too many tensors"));
        }
        Ok(())
    }

    fn nonsense(&self, what: &'static str) -> Refusal {
        Refusal::Nonsense(what, self.at)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let end = self.at.checked_add(count).ok_or(Refusal::CutOff)?;
        let taken = self.bytes.get(self.at..end).ok_or(Refusal::CutOff)?;
        self.at = end;
        Ok(taken)
    }

    /// A little-endian number of up to eight bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, Refusal> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a str, Refusal> {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|b| *b == b'\n')
            .ok_or(Refusal::CutOff)?;
        let line = self.take(length)?;
        self.take(1)?;
        str::from_utf8(line).map_err(|_| self.nonsense("a name that is no text"))
    }

    fn top(&self) -> Result<Value<'a>, Refusal> {
        self.stack
            .last()
            .copied()
            .ok_or(self.nonsense("an empty stack"))
    }

    fn pop(&mut self) -> Result<Value<'a>, Refusal> {
        self.stack.pop().ok_or(self.nonsense("an empty stack"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, Refusal> {
        let from = self
            .stack
            .len()
            .checked_sub(count)
            .ok_or(self.nonsense("an empty stack"))?;
        Ok(self.stack.split_off(from))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, Refusal> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or(self.nonsense("no mark"))?))
    }

    fn push_int(&mut self, bytes: usize) -> Result<(), Refusal> {
        let number = self.number(bytes)?;
        self.stack.push(Value::Int(number.cast_signed()));
        Ok(())
    }

    fn push_long(&mut self, length_bytes: usize) -> Result<(), Refusal> {
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

    fn length(&mut self, bytes: usize) -> Result<usize, Refusal> {
        usize::try_from(self.number(bytes)?).map_err(|_| Refusal::CutOff)
    }

    fn push_text(&mut self, length_bytes: usize) -> Result<(), Refusal> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        let text = str::from_utf8(bytes).map_err(|_| self.nonsense("text that is not UTF-8"))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn push_bytes(&mut self, length_bytes: usize) -> Result<(), Refusal> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Tuple(self.made.tuples.len()));
        self.made.tuples.push(items);
    }

    fn push_list(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::List(self.made.lists.len()));
        self.made.lists.push(items);
    }

    fn push_dict(&mut self, pairs: Vec<(Value<'a>, Value<'a>)>) {
        self.stack.push(Value::Dict(self.made.dicts.len()));
        self.made.dicts.push(pairs);
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<(), Refusal> {
        match self.top()? {
            Value::List(at) => self.made.lists[at].extend(items),
            _ => return Err(self.nonsense("an item for something other than a list")),
        }
        Ok(())
    }

    fn pairs(&self, items: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, Refusal> {
        if items.len() % 2 == 1 {
            return Err(self.nonsense("a key without a value"));
        }
        Ok(items
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect())
    }

    fn insert(&mut self, items: &[Value<'a>]) -> Result<(), Refusal> {
        let pairs = self.pairs(items)?;
        match self.top()? {
            Value::Dict(at) => self.made.dicts[at].extend(pairs),
            _ => return Err(self.nonsense("a key for something other than a dict")),
        }
        Ok(())
    }

    fn remember(&mut self, bytes: usize) -> Result<(), Refusal> {
        let key = self.number(bytes)?;
        let value = self.top()?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, bytes: usize) -> Result<(), Refusal> {
        let key = self.number(bytes)?;
        let value = self.memo.get(&key).copied();
        self.stack
            .push(value.ok_or(self.nonsense("a value that was never kept"))?);
        Ok(())
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), Refusal> {
        if module.len() > MAX_NAME_BYTES || name.len() > MAX_NAME_BYTES {
            return Err(self.nonsense("a name that is too long"));
        }
        let known = global(module, name);
        let known = known.ok_or_else(|| Refusal::Object(format!("{module}.{name}")))?;
        self.stack.push(Value::Global(known));
        Ok(())
    }

    /// Function and arguments give way to the result.
    fn call(&mut self) -> Result<(), Refusal> {
        let called = self.pop_many(2)?;
        let [Value::Global(function), Value::Tuple(at)] = called[..] else {
            return Err(self.nonsense("a call of something that is no function"));
        };
        self.spend(self.made.tuples[at].len())?;
        let arguments = self.made.tuples[at].clone();
        match (function, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push_dict(Vec::new()),
            (Global::OrderedDict, [pairs]) => {
                let pairs = self
                    .made
                    .items(*pairs)
                    .ok_or(self.nonsense("a dict of no pairs"))?;
                if pairs.len() > self.copies {
                    return Err(self.nonsense("more copies than content"));
                }
                let pairs = pairs.iter().map(|pair| match self.made.items(*pair) {
                    Some([key, value]) => Ok((*key, *value)),
                    _ => Err(self.nonsense("a dict of no pairs")),
                });
                let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
                self.spend(pairs.len())?;
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
                self.stack.push(Value::Tensor(self.made.tensors.len()));
                self.made.tensors.push(tensor);
            }
            (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => self.stack.push(*tensor),
            _ => return Err(self.nonsense("a call with other arguments than PyTorch gives")),
        }
        Ok(())
    }

    fn spend(&mut self, copies: usize) -> Result<(), Refusal> {
        let left = self.copies.checked_sub(copies);
        self.copies = left.ok_or(self.nonsense("more copies than content"))?;
        Ok(())
    }

    fn size(&self, value: Value<'a>) -> Result<usize, Refusal> {
        match value {
            Value::Int(number) => usize::try_from(number).ok(),
            _ => None,
        }
        .ok_or(self.nonsense("a size that is no whole number from 0 on"))
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>, Refusal> {
        let items = self
            .made
            .items(value)
            .ok_or(self.nonsense("a shape that is no tuple"))?;
        if items.len() > MAX_AXES {
            return Err(self.nonsense("a tensor of too many axes"));
        }
        items.iter().map(|item| self.size(*item)).collect()
    }

    /// `('storage', type, key, device, count[, part])` gives way to a storage.
    fn push_storage(&mut self) -> Result<(), Refusal> {
        let id = self.pop()?;
        let items = self.made.items(id).unwrap_or_default();
        let [
            Value::Text("storage"),
            Value::Global(Global::Storage(element)),
            Value::Text(key),
            _,
            len,
            rest @ ..,
        ] = items
        else {
            return Err(self.nonsense("a reference to something other than a storage"));
        };
        if key.len() > MAX_NAME_BYTES {
            return Err(self.nonsense("a name that is too long"));
        }
        let part = match rest {
            [] | [Value::None] => None,
            [part] => match self.made.items(*part) {
                Some([_, first, count]) => Some((self.size(*first)?, self.size(*count)?)),
                _ => return Err(self.nonsense("an unclear part of a storage")),
            },
            _ => return Err(self.nonsense("a reference to something other than a storage")),
        };
        let storage = StorageRef {
            key,
            element: *element,
            len: self.size(*len)?,
            part,
        };
        self.stack.push(Value::Storage(self.made.storages.len()));
        self.made.storages.push(storage);
        Ok(())
    }
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
