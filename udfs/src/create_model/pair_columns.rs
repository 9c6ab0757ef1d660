//! Columns of the labelled pairs of `CREATE MODEL ... MATCH`.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Schema};
use datafusion::error::Result;
use semql_learning::matching::{LabelledPairsBuilder, LabelledProduct};

use crate::error::{Error, to_datafusion};
use crate::relations::{PRICES, TEXTS, TITLES};

/// Prefixes of the columns of both products. Those of the left one may have none, as in
/// the rows of `knn_join`.
const PREFIXES: [&[&str]; 2] = [&["left_", ""], &["right_"]];

/// The parts of a product: their names, and the usual names of their columns.
const PARTS: [(&str, &[&str]); 3] = [("title", TITLES), ("text", TEXTS), ("price", PRICES)];

/// The columns of the label and of both products, as positions.
#[derive(Debug)]
pub struct PairColumns {
    label: usize,
    /// By side: title, text and price.
    products: [[Option<usize>; PARTS.len()]; 2],
}

impl PairColumns {
    /// Finds the columns by name.
    ///
    /// # Errors
    /// No column of labels, or one that has neither truth values, whole numbers nor
    /// texts; a product without title and text; a part that only one product has.
    pub fn of(schema: &Schema, label: &str) -> std::result::Result<Self, Error> {
        let names = || {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let find = |name: &str| {
            let mut fields = schema.fields().iter();
            fields.position(|field| field.name().eq_ignore_ascii_case(name))
        };
        let Some(at) = find(label) else {
            return Err(Error::Invalid(format!(
                "the query has no column {label} with the labels of the pairs; it has {}. MATCH column names another",
                names()
            )));
        };
        let data_type = schema.field(at).data_type();
        if !is_label(data_type) {
            return Err(Error::Invalid(format!(
                "the labels of the pairs, {label}, are {data_type}; they are true for one product and false for two"
            )));
        }
        let products = PREFIXES.map(|prefixes| {
            PARTS.map(|(_, usual)| {
                let names = prefixes
                    .iter()
                    .flat_map(|prefix| usual.iter().map(move |name| format!("{prefix}{name}")));
                names
                    .filter_map(|name| find(&name))
                    .find(|found| *found != at)
            })
        });
        for (side, product) in ["left", "right"].iter().zip(&products) {
            if product[0].or(product[1]).is_none() {
                return Err(Error::Invalid(format!(
                    "a pair has the columns {side}_title, {side}_text or both, and the query has {}",
                    names()
                )));
            }
        }
        for (at, (part, _)) in PARTS.iter().enumerate() {
            if products[0][at].is_some() != products[1][at].is_some() {
                return Err(Error::Invalid(format!(
                    "only one product of a pair has a {part}; select left_{part} and right_{part}, or neither"
                )));
            }
        }
        Ok(Self {
            label: at,
            products,
        })
    }

    /// The parts that the products have, by name.
    pub fn parts(&self) -> Vec<String> {
        let parts = PARTS.iter().zip(self.products[0]);
        let parts = parts.filter(|(_, column)| column.is_some());
        parts.map(|((name, _), _)| name.to_string()).collect()
    }

    /// Adds the pairs of a batch.
    ///
    /// # Errors
    /// Those of casts.
    pub fn add(&self, batch: &RecordBatch, pairs: &mut LabelledPairsBuilder) -> Result<()> {
        let labels = cast(batch.column(self.label), &DataType::Boolean)?;
        let labels = labels.as_boolean();
        let sides = [
            SideColumns::new(batch, &self.products[0])?,
            SideColumns::new(batch, &self.products[1])?,
        ];
        for row in 0..batch.num_rows() {
            let label = labels.is_valid(row).then(|| labels.value(row));
            let [left, right] = [&sides[0], &sides[1]].map(|side| side.product(row));
            pairs.add(left, right, label);
        }
        Ok(())
    }
}

/// The columns of one product of each pair.
struct SideColumns {
    title: Option<ArrayRef>,
    text: Option<ArrayRef>,
    price: Option<ArrayRef>,
}

impl SideColumns {
    fn new(batch: &RecordBatch, columns: &[Option<usize>; PARTS.len()]) -> Result<Self> {
        let column = |part: usize, data_type: DataType| -> Result<Option<ArrayRef>> {
            let column = columns[part].map(|at| cast(batch.column(at), &data_type));
            column.transpose().map_err(|error| {
                to_datafusion(Error::Invalid(format!(
                    "the column {} of a pair cannot be read as {data_type}: {error}",
                    PARTS[part].0
                )))
            })
        };
        Ok(Self {
            title: column(0, DataType::Utf8)?,
            text: column(1, DataType::Utf8)?,
            price: column(2, DataType::Float64)?,
        })
    }

    fn product(&self, row: usize) -> LabelledProduct {
        let text = |column: &Option<ArrayRef>| {
            let column = column.as_ref()?.as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row).to_string())
        };
        let price = self.price.as_ref().and_then(|column| {
            let column = column.as_primitive_opt::<Float64Type>()?;
            column.is_valid(row).then(|| column.value(row))
        });
        LabelledProduct {
            title: text(&self.title),
            text: text(&self.text),
            price,
        }
    }
}

/// Whether the values of a type can be truth values.
fn is_label(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean
        | DataType::Null
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => true,
        other => other.is_integer(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Field;

    fn columns(fields: &[(&str, DataType)]) -> std::result::Result<PairColumns, String> {
        let fields = fields.iter();
        let fields = fields.map(|(name, data_type)| Field::new(*name, data_type.clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        PairColumns::of(&schema, "match").map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let text = || DataType::Utf8;
        let pairs = [
            ("match", DataType::Boolean),
            ("right_name", text()),
            ("Left_Name", text()),
            ("left_price", DataType::Int64),
            ("right_price", DataType::Utf8),
            ("note", text()),
        ];
        let found = columns(&pairs).unwrap();
        assert_eq!(found.products[0], [Some(2), None, Some(3)]);
        assert_eq!(found.products[1], [Some(1), None, Some(4)]);
        assert_eq!(found.parts(), ["title", "price"]);
        // The columns of knn_join.
        let joined = [
            ("title", text()),
            ("text", text()),
            ("right_title", text()),
            ("right_text", text()),
            ("match", DataType::Int8),
        ];
        assert_eq!(columns(&joined).unwrap().parts(), ["title", "text"]);
    }

    #[test]
    fn missing_columns_are_errors() {
        let text = || DataType::Utf8;
        for (fields, expected) in [
            (vec![("title", text())], "has no column match"),
            (
                vec![("match", DataType::Float64), ("title", text())],
                "are Float64",
            ),
            (
                vec![("match", DataType::Boolean), ("title", text())],
                "right_title, right_text or both",
            ),
            (
                vec![
                    ("match", DataType::Boolean),
                    ("title", text()),
                    ("text", text()),
                    ("right_title", text()),
                ],
                "only one product of a pair has a text",
            ),
        ] {
            let message = columns(&fields).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
