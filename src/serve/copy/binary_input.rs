//! Rows of `COPY ... FROM STDIN` in binary.

use super::text_input::Field;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Flags that change the layout of rows. Postgres had identifiers in them once.
const CRITICAL_FLAGS: u32 = 0xffff_0000;

/// Reads rows in binary. Bytes arrive in pieces of any length.
#[derive(Default)]
pub struct BinaryRows {
    pending: Vec<u8>,
    /// Bytes of `pending` that are read.
    read: usize,
    has_header: bool,
    ended: bool,
}

impl BinaryRows {
    pub fn add(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.read);
        self.read = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next row; `None` if it has not arrived.
    ///
    /// # Errors
    /// Bytes that are not in the binary format.
    pub fn next(&mut self) -> Result<Option<Vec<Field>>, &'static str> {
        if !self.has_header {
            match self.header()? {
                Some(length) => {
                    self.read += length;
                    self.has_header = true;
                }
                None => return Ok(None),
            }
        }
        if self.ended {
            return Ok(None);
        }
        let mut reader = Reader(&self.pending[self.read..]);
        let Some(count) = reader.i16() else {
            return Ok(None);
        };
        if count == -1 {
            self.ended = true;
            return Ok(None);
        }
        let count = usize::try_from(count).map_err(|_| "a row has a negative number of values")?;
        let mut fields = Vec::new();
        for _ in 0..count {
            let Some(length) = reader.i32() else {
                return Ok(None);
            };
            if length == -1 {
                fields.push(None);
                continue;
            }
            let length = usize::try_from(length).map_err(|_| "a value has a negative length")?;
            match reader.take(length) {
                Some(value) => fields.push(Some(value.to_vec())),
                None => return Ok(None),
            }
        }
        self.read = self.pending.len() - reader.0.len();
        Ok(Some(fields))
    }

    /// Checks that no row is cut short.
    ///
    /// # Errors
    /// If one is.
    pub fn finish(&self) -> Result<(), &'static str> {
        match self.ended || self.has_header && self.read == self.pending.len() {
            true => Ok(()),
            false => Err("the data end in the middle of a row"),
        }
    }

    /// Length of the header; `None` if it has not arrived.
    fn header(&self) -> Result<Option<usize>, &'static str> {
        let given = &self.pending[..self.pending.len().min(SIGNATURE.len())];
        if !SIGNATURE.starts_with(given) {
            return Err("the data do not begin with the signature of the binary format");
        }
        let mut reader = Reader(&self.pending);
        if reader.take(SIGNATURE.len()).is_none() {
            return Ok(None);
        }
        let (Some(flags), Some(extension)) = (reader.i32(), reader.i32()) else {
            return Ok(None);
        };
        if flags as u32 & CRITICAL_FLAGS != 0 {
            return Err("the flags of the binary format are not supported");
        }
        let extension =
            usize::try_from(extension).map_err(|_| "the header has a negative length")?;
        let header = self.pending.len() - reader.0.len();
        Ok(reader.take(extension).map(|_| header + extension))
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        let bytes = self.take(2)?;
        Some(i16::from_be_bytes(bytes.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        let bytes = self.take(4)?;
        Some(i32::from_be_bytes(bytes.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Vec<u8> {
        let mut data = SIGNATURE.to_vec();
        data.extend([0, 0, 0, 0, 0, 0, 0, 2, 9, 9]);
        data.extend([0, 2, 0, 0, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff]);
        data.extend([0, 0, 0xff, 0xff]);
        data
    }

    #[test]
    fn rows_arrive_in_pieces() {
        let data = data();
        for size in 1..=data.len() {
            let mut rows = BinaryRows::default();
            let mut found = Vec::new();
            for piece in data.chunks(size) {
                rows.add(piece);
                while let Some(row) = rows.next().unwrap() {
                    found.push(row);
                }
            }
            rows.finish().unwrap();
            assert_eq!(found, [vec![Some(b"a".to_vec()), None], vec![]], "{size}");
        }
    }

    #[test]
    fn damaged_data_are_refused() {
        let refused = |bytes: &[u8]| {
            let mut rows = BinaryRows::default();
            rows.add(bytes);
            loop {
                match rows.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => return rows.finish().is_err(),
                    Err(_) => return true,
                }
            }
        };
        let data = data();
        assert!(!refused(&data));
        for length in 0..data.len() - 2 {
            // Whole rows without the end are accepted, as in Postgres before 17.
            let is_between_rows = length == data.len() - 4 || length == data.len() - 15;
            assert_eq!(refused(&data[..length]), !is_between_rows, "{length}");
        }
        assert!(refused(b"a\tb\n"));
        let mut flags = data.clone();
        flags[SIGNATURE.len()] = 1;
        assert!(refused(&flags));
        let mut negative = data;
        let at = SIGNATURE.len() + 10;
        negative[at..at + 2].copy_from_slice(&(-2_i16).to_be_bytes());
        assert!(refused(&negative));
    }
}
