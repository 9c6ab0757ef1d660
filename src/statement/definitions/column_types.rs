//! Types of columns that the engine lacks, and what stands for them.

use datafusion::sql::sqlparser::ast::{CharacterLength, DataType};

/// Types by name, with the type that stores them.
const STORED_AS_TEXT: &[&str] = &[
    "uuid", "json", "jsonb", "inet", "cidr", "macaddr", "xml", "name", "bpchar", "ltree",
];

/// Types of numbers that the table gives, with the type that stores them.
const SERIAL_TYPES: &[(&str, DataType)] = &[
    ("serial", DataType::Integer(None)),
    ("serial4", DataType::Integer(None)),
    ("bigserial", DataType::BigInt(None)),
    ("serial8", DataType::BigInt(None)),
    ("smallserial", DataType::SmallInt(None)),
    ("serial2", DataType::SmallInt(None)),
];

/// Type of a column as the engine stores it.
pub struct StoredType {
    pub data_type: DataType,
    /// Whether the table gives the numbers.
    pub is_serial: bool,
    /// Maximum length of a text, in characters.
    pub max_length: Option<u64>,
    /// The type as Postgres names it, if another type stores it.
    pub declared: Option<String>,
}

/// The type that stores a declared type.
pub fn stored_type(declared: DataType) -> StoredType {
    let plain = |data_type| StoredType {
        data_type,
        is_serial: false,
        max_length: None,
        declared: None,
    };
    let text = |name: &str, length: Option<u64>| StoredType {
        max_length: length,
        declared: Some(match length {
            Some(length) => format!("{name}({length})"),
            None => name.to_string(),
        }),
        ..plain(DataType::Text)
    };
    match declared {
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length)
        | DataType::Nvarchar(length) => text("character varying", characters(length)),
        DataType::Char(length) | DataType::Character(length) => {
            text("character", Some(characters(length).unwrap_or(1)))
        }
        DataType::Uuid => text("uuid", None),
        DataType::JSON => text("json", None),
        DataType::JSONB => text("jsonb", None),
        DataType::Custom(name, modifiers) => {
            let lower = name.to_string().to_lowercase();
            let lower = lower
                .strip_prefix("pg_catalog.")
                .unwrap_or(&lower)
                .to_string();
            let serial = SERIAL_TYPES.iter().find(|(name, _)| *name == lower);
            match serial {
                Some((_, data_type)) => StoredType {
                    is_serial: true,
                    ..plain(data_type.clone())
                },
                None if STORED_AS_TEXT.contains(&lower.as_str()) => text(&lower, None),
                None => plain(DataType::Custom(name, modifiers)),
            }
        }
        other => plain(other),
    }
}

fn characters(length: Option<CharacterLength>) -> Option<u64> {
    match length? {
        CharacterLength::IntegerLength { length, .. } => Some(length),
        CharacterLength::Max => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn of(text: &str) -> StoredType {
        let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
        stored_type(parser.unwrap().parse_data_type().unwrap())
    }

    #[test]
    fn types_of_postgres_are_stored_as_types_of_the_engine() {
        let serial = of("BIGSERIAL");
        assert!(serial.is_serial);
        assert_eq!(serial.data_type, DataType::BigInt(None));
        let short = of("varchar(20)");
        assert_eq!(short.max_length, Some(20));
        assert_eq!(short.declared.as_deref(), Some("character varying(20)"));
        assert_eq!(of("CHAR").max_length, Some(1));
        assert_eq!(of("jsonb").data_type, DataType::Text);
        assert!(matches!(of("citext").data_type, DataType::Custom(..)));
        assert_eq!(of("BIGINT").declared, None);
    }
}
