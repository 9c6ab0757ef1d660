//! SQL names of types: parsing, formatting, and comparison with types of data.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ExprSchemable;
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

/// Parser of SQL type names. It uses the planner of the engine, so the dictionary
/// has the same types as SQL.
pub struct TypeReader {
    state: SessionState,
}

impl Default for TypeReader {
    fn default() -> Self {
        // WITH TIME ZONE needs a time zone of the session.
        let config = SessionConfig::new().set_str("datafusion.execution.time_zone", "+00:00");
        Self {
            state: SessionStateBuilder::new().with_config(config).build(),
        }
    }
}

impl TypeReader {
    /// Parses a SQL type name, such as `VARCHAR` or `FLOAT[384]`.
    ///
    /// # Errors
    /// A planning error if the text is not one SQL type of the engine.
    pub fn read(&self, text: &str) -> Result<DataType> {
        let dialect = GenericDialect {};
        let mut parser = Parser::new(&dialect)
            .try_with_sql(text)
            .map_err(|e| DataFusionError::Plan(e.to_string()))?;
        parser
            .parse_data_type()
            .map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            return Err(DataFusionError::Plan(format!("unexpected '{rest}'")));
        }
        let nothing = DFSchema::empty();
        self.state
            .create_logical_expr(&format!("CAST(NULL AS {text})"), &nothing)?
            .get_type(&nothing)
    }
}

/// SQL name of a type, which [`TypeReader::read`] parses; Arrow's name for types that
/// SQL does not have.
pub fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INT".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::UInt8 => "TINYINT UNSIGNED".into(),
        DataType::UInt16 => "SMALLINT UNSIGNED".into(),
        DataType::UInt32 => "INT UNSIGNED".into(),
        DataType::UInt64 => "BIGINT UNSIGNED".into(),
        DataType::Float32 => "FLOAT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".into(),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "BYTEA".into(),
        DataType::Date32 | DataType::Date64 => "DATE".into(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME".into(),
        DataType::Timestamp(unit, zone) => {
            let precision = match unit {
                TimeUnit::Second => "(0)",
                TimeUnit::Millisecond => "(3)",
                TimeUnit::Microsecond => "(6)",
                TimeUnit::Nanosecond => "",
            };
            let zone = if zone.is_some() {
                " WITH TIME ZONE"
            } else {
                ""
            };
            format!("TIMESTAMP{precision}{zone}")
        }
        DataType::Interval(_) => "INTERVAL".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::FixedSizeList(item, length) => {
            format!("{}[{length}]", sql_name(item.data_type()))
        }
        DataType::List(item) | DataType::LargeList(item) => {
            format!("{}[]", sql_name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), sql_name(field.data_type())))
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Dictionary(_, value) => sql_name(value),
        other => other.to_string(),
    }
}

/// Whether a column of type `found` satisfies the type `declared`.
///
/// The layout in memory does not matter: the three string types are equal, a list
/// may be large. Neither does the unit of a timestamp declared without one. Width and
/// sign of numbers matter, and the length of a vector.
pub fn fits(declared: &DataType, found: &DataType) -> bool {
    use DataType::*;
    match (declared, found) {
        (declared, Dictionary(_, value)) => fits(declared, value),
        (Timestamp(unit, zone), Timestamp(found_unit, found_zone)) => {
            zone.is_some() == found_zone.is_some()
                && (*unit == TimeUnit::Nanosecond || unit == found_unit)
        }
        (FixedSizeList(item, length), FixedSizeList(found_item, found_length)) => {
            length == found_length && fits(item.data_type(), found_item.data_type())
        }
        (
            List(item) | LargeList(item),
            List(found_item) | LargeList(found_item) | FixedSizeList(found_item, _),
        ) => fits(item.data_type(), found_item.data_type()),
        (Struct(fields), Struct(found_fields)) => {
            fields.len() == found_fields.len()
                && fields.iter().zip(found_fields).all(|(field, found)| {
                    field.name() == found.name() && fits(field.data_type(), found.data_type())
                })
        }
        // Other types are equal if their SQL names are.
        _ => sql_name(declared) == sql_name(found),
    }
}

/// Whether the type is text.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    fn read(text: &str) -> DataType {
        TypeReader::default().read(text).unwrap()
    }

    #[test]
    fn every_formatted_name_is_parsed_back() {
        let item = |t| Arc::new(Field::new("item", t, true));
        for data_type in [
            DataType::Boolean,
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::UInt32,
            DataType::UInt64,
            DataType::Float32,
            DataType::Float64,
            DataType::Utf8,
            DataType::Binary,
            DataType::Date32,
            DataType::Time64(TimeUnit::Nanosecond),
            DataType::Timestamp(TimeUnit::Second, None),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            DataType::Decimal128(12, 2),
            DataType::FixedSizeList(item(DataType::Float32), 384),
            DataType::List(item(DataType::Utf8)),
            DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into()),
        ] {
            let name = sql_name(&data_type);
            let back = read(&name);
            assert!(fits(&back, &data_type), "{name} was read as {back}");
        }
    }

    #[test]
    fn layout_does_not_matter_but_meaning_does() {
        for found in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
            assert!(fits(&read("VARCHAR"), &found));
            assert!(fits(&read("VARCHAR(20)"), &found));
        }
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert!(fits(&read("VARCHAR"), &coded));
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert!(fits(&read("TIMESTAMP"), &micros));
        assert!(!fits(&read("TIMESTAMP(3)"), &micros));
        assert!(!fits(&read("TIMESTAMP WITH TIME ZONE"), &micros));
        assert!(!fits(&read("BIGINT"), &DataType::Int32));
        assert!(!fits(&read("VARCHAR"), &DataType::Int64));
        let vector =
            DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, false)), 384);
        assert!(fits(&read("FLOAT[384]"), &vector));
        assert!(fits(&read("FLOAT[]"), &vector));
        assert!(!fits(&read("FLOAT[768]"), &vector));
        assert!(!fits(&read("DOUBLE[384]"), &vector));
    }

    #[test]
    fn text_that_is_not_a_type_is_refused() {
        let reader = TypeReader::default();
        for text in ["STRING OF PEARLS", "VARCHRA", "INT) + (1", ""] {
            assert!(reader.read(text).is_err(), "{text} was parsed as a type");
        }
    }
}
