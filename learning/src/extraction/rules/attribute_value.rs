//! Values of an attribute, and their form in YAML: `red: [scarlet, rouge]`.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serializer};

/// A canonical value and its synonyms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeValue {
    pub value: String,
    pub synonyms: Vec<String>,
}

impl AttributeValue {
    /// The value and its synonyms.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.value)
            .chain(&self.synonyms)
            .map(String::as_str)
    }
}

/// Writes a list if there are no synonyms, otherwise a map.
pub fn serialize<S: Serializer>(
    values: &[AttributeValue],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if values.iter().all(|value| value.synonyms.is_empty()) {
        let mut list = serializer.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&value.value)?;
        }
        return list.end();
    }
    let mut map = serializer.serialize_map(Some(values.len()))?;
    for value in values {
        map.serialize_entry(&value.value, &value.synonyms)?;
    }
    map.end()
}

/// Reads a list of values, or a map from values to a list of synonyms, one synonym or
/// nothing.
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<AttributeValue>, D::Error> {
    deserializer.deserialize_any(ValuesVisitor)
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Vec<AttributeValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values, or a map from values to lists of synonyms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<String>()? {
            values.push(AttributeValue {
                value,
                synonyms: Vec::new(),
            });
        }
        Ok(values)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = map.next_key::<String>()? {
            let synonyms = match map.next_value::<Option<Synonyms>>()? {
                Some(Synonyms(synonyms)) => synonyms,
                None => Vec::new(),
            };
            values.push(AttributeValue { value, synonyms });
        }
        Ok(values)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

struct Synonyms(Vec<String>);

impl<'de> Deserialize<'de> for Synonyms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SynonymsVisitor)
    }
}

struct SynonymsVisitor;

impl<'de> Visitor<'de> for SynonymsVisitor {
    type Value = Synonyms;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of synonyms")
    }

    fn visit_str<E>(self, synonym: &str) -> Result<Self::Value, E> {
        Ok(Synonyms(vec![synonym.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut synonyms = Vec::new();
        while let Some(synonym) = list.next_element::<String>()? {
            synonyms.push(synonym);
        }
        Ok(Synonyms(synonyms))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Synonyms(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] Vec<AttributeValue>);

    fn read(yaml: &str) -> Result<Vec<AttributeValue>, String> {
        let holder = serde_saphyr::from_str::<Holder>(yaml);
        holder.map(|holder| holder.0).map_err(|e| e.to_string())
    }

    fn value(value: &str, synonyms: &[&str]) -> AttributeValue {
        AttributeValue {
            value: value.to_string(),
            synonyms: synonyms.iter().map(|s| s.to_string()).collect(),
        }
    }

    #[test]
    fn lists_and_maps_are_values() {
        assert_eq!(
            read("[red, blue, 10]").unwrap(),
            [value("red", &[]), value("blue", &[]), value("10", &[])]
        );
        assert_eq!(
            read("{red: [scarlet, rouge], blue: , 7: navy}").unwrap(),
            [
                value("red", &["scarlet", "rouge"]),
                value("blue", &[]),
                value("7", &["navy"])
            ]
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for yaml in [
            "red",
            "[[red]]",
            "{red: {a: b}}",
            "{red: [[a]]}",
            "[{a: b}]",
        ] {
            assert!(read(yaml).is_err(), "{yaml}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for values in [
            vec![value("a", &[]), value("b", &[])],
            vec![value("a", &["x"]), value("b", &[])],
        ] {
            let json = serde_json::to_string(&Holder(values.clone())).unwrap();
            let back: Holder = serde_json::from_str(&json).unwrap();
            assert_eq!(back.0, values);
        }
    }
}
