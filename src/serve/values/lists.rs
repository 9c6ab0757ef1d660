//! Arrays and records, in both forms.

use arrow::array::ListArray;
use bytes::{BufMut, BytesMut};
use pgwire::api::Type;

use super::columns::{Column, ColumnValues};
use super::{binary, text};
use crate::error::{ErrorKind, Result, ShellError};

/// Length that stands for NULL.
const NULL_LENGTH: i32 = -1;

/// Writes the text form of a value that is not NULL.
pub fn write_text(column: &Column, row: usize, out: &mut BytesMut) {
    match &column.values {
        ColumnValues::List(list, elements) => {
            write_text_array(&column.wire, list, elements, row, out);
        }
        ColumnValues::Record(columns) => write_text_record(columns, row, out),
        _ => text::write(column, row, out),
    }
}

/// Writes the binary form of a value that is not NULL.
fn write_binary(column: &Column, row: usize, out: &mut BytesMut) -> Result<()> {
    match &column.values {
        ColumnValues::List(list, elements) => write_binary_array(list, elements, row, out),
        ColumnValues::Record(columns) => write_binary_record(columns, row, out),
        _ => binary::write(column, row, out),
    }
}

/// Positions of the elements of a list.
fn positions(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// Writes `{1,NULL,"a b"}`; vectors of the catalogue as `1 2 3`.
fn write_text_array(
    wire: &Type,
    list: &ListArray,
    elements: &Column,
    row: usize,
    out: &mut BytesMut,
) {
    if matches!(*wire, Type::INT2_VECTOR | Type::OID_VECTOR) {
        for (at, position) in positions(list, row).enumerate() {
            if at > 0 {
                out.put_u8(b' ');
            }
            write_text(elements, position, out);
        }
        return;
    }
    out.put_u8(b'{');
    for (at, position) in positions(list, row).enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        match elements.is_null(position) {
            true => out.put_slice(b"NULL"),
            false => write_quoted(elements, position, needs_quotes_in_array, out),
        }
    }
    out.put_u8(b'}');
}

/// Writes `(1,,"a b")`; a field that is NULL is empty.
fn write_text_record(columns: &[Column], row: usize, out: &mut BytesMut) {
    out.put_u8(b'(');
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        if !column.is_null(row) {
            write_quoted(column, row, needs_quotes_in_record, out);
        }
    }
    out.put_u8(b')');
}

fn needs_quotes_in_array(text: &[u8]) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case(b"null")
        || text
            .iter()
            .any(|&byte| matches!(byte, b'{' | b'}') || is_special(byte))
}

fn needs_quotes_in_record(text: &[u8]) -> bool {
    text.is_empty()
        || text
            .iter()
            .any(|&byte| matches!(byte, b'(' | b')') || is_special(byte))
}

/// Whether a byte needs quotes in arrays and in records.
fn is_special(byte: u8) -> bool {
    matches!(
        byte,
        b',' | b'"' | b'\\' | b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c'
    )
}

fn write_quoted(column: &Column, row: usize, needs_quotes: fn(&[u8]) -> bool, out: &mut BytesMut) {
    let start = out.len();
    write_text(column, row, out);
    if !needs_quotes(&out[start..]) {
        return;
    }
    let value = out[start..].to_vec();
    out.truncate(start);
    out.put_u8(b'"');
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

/// Writes the number of dimensions, whether there are NULLs, the type of the elements,
/// their number, the first position, and the elements.
fn write_binary_array(
    list: &ListArray,
    elements: &Column,
    row: usize,
    out: &mut BytesMut,
) -> Result<()> {
    const FIRST_POSITION: i32 = 1;
    let positions = positions(list, row);
    let has_nulls = positions.clone().any(|position| elements.is_null(position));
    // Elements without a type are sent as text.
    let element = match elements.wire {
        Type::UNKNOWN => Type::TEXT.oid(),
        ref wire => wire.oid(),
    };
    out.put_i32(i32::from(!positions.is_empty()));
    out.put_i32(i32::from(has_nulls));
    out.put_u32(element);
    if positions.is_empty() {
        return Ok(());
    }
    let length = i32::try_from(positions.len()).map_err(|_| too_long("an array"))?;
    out.put_i32(length);
    out.put_i32(FIRST_POSITION);
    positions
        .into_iter()
        .try_for_each(|position| write_sized(elements, position, out))
}

/// Writes the number of fields, and type and value of each.
fn write_binary_record(columns: &[Column], row: usize, out: &mut BytesMut) -> Result<()> {
    out.put_i32(columns.len() as i32);
    for column in columns {
        out.put_u32(column.wire.oid());
        write_sized(column, row, out)?;
    }
    Ok(())
}

/// Writes the length of a binary value and the value.
pub fn write_sized(column: &Column, row: usize, out: &mut BytesMut) -> Result<()> {
    if column.is_null(row) {
        out.put_i32(NULL_LENGTH);
        return Ok(());
    }
    let start = begin_sized(out);
    write_binary(column, row, out)?;
    end_sized(start, out)
}

/// Writes the length of a text value and the value.
pub fn write_sized_text(column: &Column, row: usize, out: &mut BytesMut) -> Result<()> {
    if column.is_null(row) {
        out.put_i32(NULL_LENGTH);
        return Ok(());
    }
    let start = begin_sized(out);
    write_text(column, row, out);
    end_sized(start, out)
}

/// Reserves the bytes of a length, and gives their position.
fn begin_sized(out: &mut BytesMut) -> usize {
    let start = out.len();
    out.put_i32(0);
    start
}

fn end_sized(start: usize, out: &mut BytesMut) -> Result<()> {
    const LENGTH_BYTES: usize = 4;
    let length = out.len() - start - LENGTH_BYTES;
    let length = i32::try_from(length).map_err(|_| too_long("a value"))?;
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn too_long(what: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::NotSupported,
        format!("{what} is too long for the protocol of Postgres"),
    )
}
