//! `COPY ... TO STDOUT`: rows as text or CSV in the formats of Postgres.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_pg::encoder::{Encoder, encode_value};
use bytes::Bytes;
use datafusion::sql::sqlparser::ast::{CopyLegacyCsvOption, CopyLegacyOption, CopyOption};
use futures::{Sink, SinkExt, TryStreamExt};
use pgwire::api::portal::Format;
use pgwire::api::results::{CopyCsvOptions, CopyEncoder, CopyTextOptions, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyData, CopyDone, CopyOutResponse};

use super::rows::{self, ClientRows};
use crate::error::{ErrorKind, Result, ShellError};

/// Format of the rows of COPY.
#[derive(Clone, Debug)]
pub enum CopyFormat {
    Text(CopyTextOptions),
    Csv {
        options: CopyCsvOptions,
        header: bool,
    },
}

/// Rows of `COPY ... TO STDOUT` and their format.
pub struct CopyResponse {
    pub rows: ClientRows,
    pub format: CopyFormat,
}

/// Format in the options of a statement.
///
/// # Errors
/// Options that are not supported or do not go together.
pub fn format(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<CopyFormat> {
    let mut csv = false;
    let mut header = false;
    let mut delimiter = None;
    let mut null = None;
    let mut quote = None;
    for option in options {
        match option {
            CopyOption::Format(name) => match name.value.to_lowercase().as_str() {
                "csv" => csv = true,
                "text" => {}
                other => return Err(unsupported(&format!("FORMAT {other}"))),
            },
            CopyOption::Header(on) => header = *on,
            CopyOption::Delimiter(c) => delimiter = Some(*c),
            CopyOption::Null(text) => null = Some(text.clone()),
            CopyOption::Quote(c) => quote = Some(*c),
            CopyOption::Encoding(name) if name.eq_ignore_ascii_case("utf8") => {}
            other => return Err(unsupported(&other.to_string())),
        }
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Csv(options) => {
                csv = true;
                for option in options {
                    match option {
                        CopyLegacyCsvOption::Header => header = true,
                        CopyLegacyCsvOption::Quote(c) => quote = Some(*c),
                        other => return Err(unsupported(&other.to_string())),
                    }
                }
            }
            CopyLegacyOption::Header => header = true,
            CopyLegacyOption::Delimiter(c) => delimiter = Some(*c),
            CopyLegacyOption::Null(text) => null = Some(text.clone()),
            other => return Err(unsupported(&other.to_string())),
        }
    }
    if [delimiter, quote]
        .into_iter()
        .flatten()
        .any(|c| !c.is_ascii() || c == '\n' || c == '\r')
    {
        return Err(ShellError::query(
            "COPY: delimiter and quote must be one ASCII character each",
        ));
    }
    if csv {
        let mut options = CopyCsvOptions::default();
        if let Some(c) = delimiter {
            options.delimiter = c.to_string().into();
        }
        if let Some(c) = quote {
            options.quote = c.to_string().into();
            options.escape = c.to_string().into();
        }
        if let Some(text) = null {
            options.null_string = text.into();
        }
        return Ok(CopyFormat::Csv { options, header });
    }
    if header || quote.is_some() {
        return Err(ShellError::query("COPY: HEADER and QUOTE need FORMAT csv"));
    }
    let mut options = CopyTextOptions::default();
    if let Some(c) = delimiter {
        options.delimiter = c.to_string().into();
    }
    if let Some(text) = null {
        options.null_string = text.into();
    }
    Ok(CopyFormat::Text(options))
}

fn unsupported(option: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::NotSupported,
        format!(
            "COPY ... TO STDOUT does not support {option}; it supports FORMAT text and csv, HEADER, DELIMITER, NULL and QUOTE"
        ),
    )
}

impl CopyResponse {
    /// Sends the rows, and gives the command tag and their number.
    ///
    /// # Errors
    /// Those of the query; a client that has gone.
    pub async fn send<C>(self, client: &mut C) -> PgWireResult<(Tag, usize)>
    where
        C: Sink<PgWireBackendMessage> + Unpin,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let schema = self.rows.schema();
        let fields = rows::fields(&schema, &Format::UnifiedText)?;
        let columns = fields.len();
        let start = CopyOutResponse::new(0, columns as i16, vec![0; columns]);
        client
            .send(PgWireBackendMessage::CopyOutResponse(start))
            .await?;
        let mut encoder = match self.format {
            CopyFormat::Text(options) => CopyEncoder::new_text(Arc::clone(&fields), options),
            CopyFormat::Csv { options, header } => {
                if header {
                    let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
                    let line = header_line(&names, &options);
                    client
                        .feed(PgWireBackendMessage::CopyData(CopyData::new(line)))
                        .await?;
                }
                CopyEncoder::new_csv(Arc::clone(&fields), options)
            }
        };
        let mut count = 0;
        let mut batches = self.rows.into_batches();
        while let Some(batch) = batches.try_next().await? {
            let schema = batch.schema();
            for row in 0..batch.num_rows() {
                for ((column, field), shown) in batch
                    .columns()
                    .iter()
                    .zip(schema.fields())
                    .zip(fields.iter())
                {
                    encode_value(&mut encoder, column, row, field, shown)?;
                }
                let line = Encoder::take_row(&mut encoder);
                client.feed(PgWireBackendMessage::CopyData(line)).await?;
                count += 1;
            }
        }
        client
            .send(PgWireBackendMessage::CopyDone(CopyDone::new()))
            .await?;
        Ok((Tag::new("COPY").with_rows(count), count))
    }
}

fn header_line(names: &[&str], options: &CopyCsvOptions) -> Bytes {
    let (delimiter, quote) = (options.delimiter.as_str(), options.quote.as_str());
    let names = names.iter().map(|name| {
        let plain = !name.contains(
            [delimiter, quote]
                .concat()
                .chars()
                .collect::<Vec<_>>()
                .as_slice(),
        ) && !name.contains(['\n', '\r']);
        match plain {
            true => (*name).to_string(),
            false => format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2))),
        }
    });
    Bytes::from(names.collect::<Vec<_>>().join(delimiter) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parsed::{ConnectionCommand, StatementCommand};
    use crate::statement::parser;

    fn of(sql: &str) -> Result<CopyFormat> {
        match parser::parse_one(sql)?.command {
            StatementCommand::Connection(ConnectionCommand::CopyOut(copy)) => {
                format(&copy.options, &copy.legacy_options)
            }
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn options_set_the_format() {
        assert!(matches!(
            of("COPY t TO STDOUT").unwrap(),
            CopyFormat::Text(_)
        ));
        for csv in [
            "COPY (SELECT 1 AS x) TO STDOUT (FORMAT csv, HEADER true, DELIMITER ';')",
            "COPY (SELECT 1 AS x) TO STDOUT WITH CSV HEADER",
        ] {
            let format = of(csv).unwrap();
            assert!(
                matches!(format, CopyFormat::Csv { header: true, .. }),
                "{csv}"
            );
        }
        assert!(of("COPY t TO STDOUT (FORMAT binary)").is_err());
        assert!(of("COPY t TO STDOUT (HEADER true)").is_err());
    }

    #[test]
    fn headers_are_quoted_if_necessary() {
        let line = header_line(&["a", "b,c", "d\"e"], &CopyCsvOptions::default());
        assert_eq!(line.as_ref(), b"a,\"b,c\",\"d\"\"e\"\n");
    }
}
