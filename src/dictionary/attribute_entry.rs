//! Form of the attribute sets of a dictionary file: definitions by name.

use std::fmt;
use std::marker::PhantomData;

use semql_udfs::learning::extraction::rules::AttributeDefinition;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_saphyr::Spanned;

/// Canonical values with their synonyms: a file of `COPY ... TO 'values.yaml'`.
pub type ValuesDocument = NamedEntries<Option<Vec<String>>>;

/// A map in the order of the file, with the positions of its keys.
#[derive(Debug)]
pub struct NamedEntries<T>(pub Vec<(Spanned<String>, T)>);

/// Attributes of a set: a map from names to definitions, or a list of definitions with
/// their names, as `discover_attributes` writes them.
#[derive(Debug)]
pub struct AttributeEntries(pub Vec<(Spanned<String>, AttributeEntry)>);

/// A definition. Its name is blank, and beside it.
#[derive(Debug)]
pub struct AttributeEntry {
    pub definition: AttributeDefinition,
    /// File of the values, at the position of the key `values`.
    pub values_file: Option<Spanned<String>>,
}

const NAME: &str = "name";
const VALUES: &str = "values";

impl<T> Default for NamedEntries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NamedEntries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = NamedEntries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(NamedEntries(entries))
    }
}

impl<'de> Deserialize<'de> for AttributeEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = AttributeEntries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to attributes, or a list of attributes with names")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let visitor = EntriesVisitor(PhantomData::<AttributeEntry>);
        let NamedEntries(entries) = visitor.visit_map(map)?;
        Ok(AttributeEntries(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(ListedEntry(name, entry)) = list.next_element()? {
            entries.push((name, entry));
        }
        Ok(AttributeEntries(entries))
    }
}

impl<'de> Deserialize<'de> for AttributeEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (_, entry) = deserializer.deserialize_map(EntryVisitor { is_listed: false })?;
        Ok(entry)
    }
}

/// Item of a list: the name is one of the keys.
struct ListedEntry(Spanned<String>, AttributeEntry);

impl<'de> Deserialize<'de> for ListedEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(EntryVisitor { is_listed: true })? {
            (Some(name), entry) => Ok(Self(name, entry)),
            (None, _) => Err(Error::missing_field(NAME)),
        }
    }
}

struct EntryVisitor {
    /// Whether the name is one of the keys.
    is_listed: bool,
}

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = (Option<Spanned<String>>, AttributeEntry);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keys of an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut keys = DefinitionKeys {
            map,
            is_listed: self.is_listed,
            name: None,
            values_file: None,
            position: KeyPosition::Name,
        };
        let definition = AttributeDefinition::deserialize(MapAccessDeserializer::new(&mut keys))?;
        if keys.is_listed && keys.name.is_none() {
            return Err(Error::missing_field(NAME));
        }
        let entry = AttributeEntry {
            definition,
            values_file: keys.values_file,
        };
        Ok((keys.name, entry))
    }
}

/// Keys of a definition: a blank name, then those of the file. The name of a listed
/// definition goes to `name`, and a text as `values` to `values_file`.
struct DefinitionKeys<A> {
    map: A,
    is_listed: bool,
    name: Option<Spanned<String>>,
    values_file: Option<Spanned<String>>,
    position: KeyPosition,
}

enum KeyPosition {
    /// Before the blank name.
    Name,
    /// Before the value of the blank name.
    NameValue,
    /// After the blank name. The key `values`, if its value is next.
    File(Option<Spanned<String>>),
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for DefinitionKeys<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        if let KeyPosition::Name = self.position {
            self.position = KeyPosition::NameValue;
            return seed.deserialize(NAME.into_deserializer()).map(Some);
        }
        let Some(mut key) = self.map.next_key::<Spanned<String>>()? else {
            return Ok(None);
        };
        if self.is_listed && key.value == NAME {
            self.name = Some(self.map.next_value()?);
            match self.map.next_key()? {
                Some(next) => key = next,
                None => return Ok(None),
            }
        }
        let text = key.value.clone();
        self.position = KeyPosition::File((text == VALUES).then_some(key));
        seed.deserialize(text.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match std::mem::replace(&mut self.position, KeyPosition::File(None)) {
            KeyPosition::Name | KeyPosition::NameValue => seed.deserialize("".into_deserializer()),
            KeyPosition::File(None) => self.map.next_value_seed(seed),
            KeyPosition::File(Some(mut key)) => {
                let mut file = None;
                let file_or_values = FileOr {
                    inner: seed,
                    file: &mut file,
                };
                let value = self.map.next_value_seed(file_or_values)?;
                if let Some(file) = file {
                    key.value = file;
                    self.values_file = Some(key);
                }
                Ok(value)
            }
        }
    }
}

/// A seed, a deserializer or a visitor that takes a text as the name of a file, and
/// passes on nothing in its place.
struct FileOr<'a, T> {
    inner: T,
    file: &'a mut Option<String>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for FileOr<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let file = self.file;
        self.inner.deserialize(FileOr {
            inner: deserializer,
            file,
        })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for FileOr<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let file = self.file;
        self.inner.deserialize_any(FileOr {
            inner: visitor,
            file,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for FileOr<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)?;
        f.write_str(", or the name of a file with such a map")
    }

    fn visit_str<E: Error>(self, file: &str) -> Result<V::Value, E> {
        *self.file = Some(file.to_string());
        self.inner.visit_unit()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(map)
    }
}
