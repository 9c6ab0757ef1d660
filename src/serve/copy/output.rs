//! `COPY ... TO STDOUT`.

use std::fmt::Debug;

use bytes::{BufMut, BytesMut};
use futures::{Sink, SinkExt, TryStreamExt};
use pgwire::api::results::Tag;
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyData, CopyDone, CopyOutResponse};

use super::text_output::LineWriter;
use crate::serve::errors;
use crate::serve::rows::ClientRows;
use crate::serve::values::RowEncoder;
use crate::statement::copy_format::{CopyFormat, CopyKind};

/// Begins the binary format: signature, flags, and length of an extension.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Ends the binary format.
const BINARY_TRAILER: &[u8] = &[0xff, 0xff];

/// Rows of `COPY ... TO STDOUT` and their format.
pub struct CopyResponse {
    pub rows: ClientRows,
    pub format: CopyFormat,
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
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let is_binary = self.format.kind == CopyKind::Binary;
        let code = i8::from(is_binary);
        let codes = vec![i16::from(code); names.len()];
        let start = CopyOutResponse::new(code, names.len() as i16, codes);
        client
            .send(PgWireBackendMessage::CopyOutResponse(start))
            .await?;
        let mut lines = LineWriter::new(&self.format, &names);
        // The header of the binary format precedes the first row in its message, where
        // clients expect it.
        let mut prefix = BytesMut::new();
        if is_binary {
            prefix.put_slice(BINARY_HEADER);
        } else if self.format.header {
            client.feed(data(lines.header(&names))).await?;
        }
        let mut count = 0;
        let mut batches = self.rows.into_batches();
        while let Some(batch) = batches.try_next().await? {
            let rows = RowEncoder::new(&batch).map_err(errors::wire)?;
            for row in 0..rows.rows() {
                let line = match is_binary {
                    true => binary_row(std::mem::take(&mut prefix), &rows, row)?,
                    false => lines.row(&rows, row),
                };
                client.feed(data(line)).await?;
                count += 1;
            }
        }
        if is_binary {
            prefix.put_slice(BINARY_TRAILER);
            client.feed(data(prefix)).await?;
        }
        client
            .send(PgWireBackendMessage::CopyDone(CopyDone::new()))
            .await?;
        Ok((Tag::new("COPY").with_rows(count), count))
    }
}

fn data(bytes: BytesMut) -> PgWireBackendMessage {
    PgWireBackendMessage::CopyData(CopyData::new(bytes.freeze()))
}

/// Adds the number of values, and the values.
fn binary_row(mut out: BytesMut, rows: &RowEncoder, row: usize) -> PgWireResult<BytesMut> {
    out.put_i16(rows.column_count() as i16);
    rows.write_binary(row, &mut out).map_err(errors::wire)?;
    Ok(out)
}
