//! Rows of `COPY ... FROM STDIN` in CSV.

/// A field of CSV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvField {
    pub value: Vec<u8>,
    pub quoted: bool,
}

/// Reads records of CSV. Bytes arrive in pieces of any length.
pub struct CsvRecords {
    delimiter: u8,
    quote: u8,
    escape: u8,
    record: Vec<CsvField>,
    field: CsvField,
    state: CsvState,
    is_empty: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CsvState {
    Plain,
    Quoted,
    /// Behind an escape or a quote within quotes: the next byte decides.
    Escaped,
    /// Behind a carriage return, which may precede a line feed.
    Return,
}

impl CsvRecords {
    pub fn new(delimiter: u8, quote: u8, escape: u8) -> Self {
        Self {
            delimiter,
            quote,
            escape,
            record: Vec::new(),
            field: CsvField::default(),
            state: CsvState::Plain,
            is_empty: true,
        }
    }

    /// Reads bytes, and gives the records that they complete.
    pub fn add(&mut self, bytes: &[u8]) -> Vec<Vec<CsvField>> {
        let mut records = Vec::new();
        for byte in bytes {
            self.step(*byte, &mut records);
        }
        records
    }

    /// The last record, which may lack its line break.
    ///
    /// # Errors
    /// A quote that is not closed.
    pub fn finish(&mut self) -> Result<Option<Vec<CsvField>>, &'static str> {
        match self.state {
            CsvState::Quoted => Err("a quoted value is not closed"),
            _ if self.is_empty => Ok(None),
            _ => Ok(Some(self.take_record())),
        }
    }

    fn step(&mut self, byte: u8, records: &mut Vec<Vec<CsvField>>) {
        match self.state {
            CsvState::Quoted => {
                if byte == self.escape && self.escape != self.quote {
                    self.state = CsvState::Escaped;
                } else if byte == self.quote {
                    self.state = match self.escape == self.quote {
                        true => CsvState::Escaped,
                        false => CsvState::Plain,
                    };
                } else {
                    self.field.value.push(byte);
                }
            }
            CsvState::Escaped => {
                let is_escape = byte == self.quote || byte == self.escape;
                match (is_escape, self.escape == self.quote) {
                    (true, _) => {
                        self.field.value.push(byte);
                        self.state = CsvState::Quoted;
                    }
                    // The quote has closed the value.
                    (false, true) => {
                        self.state = CsvState::Plain;
                        self.step(byte, records);
                    }
                    // The escape stands for itself.
                    (false, false) => {
                        self.field.value.push(self.escape);
                        self.state = CsvState::Quoted;
                        self.step(byte, records);
                    }
                }
            }
            CsvState::Return => {
                self.state = CsvState::Plain;
                if byte != b'\n' {
                    self.step(byte, records);
                }
            }
            CsvState::Plain => match byte {
                b'\n' => records.push(self.take_record()),
                b'\r' => {
                    records.push(self.take_record());
                    self.state = CsvState::Return;
                }
                byte if byte == self.quote => {
                    self.is_empty = false;
                    self.field.quoted = true;
                    self.state = CsvState::Quoted;
                }
                byte if byte == self.delimiter => {
                    self.is_empty = false;
                    self.record.push(std::mem::take(&mut self.field));
                }
                byte => {
                    self.is_empty = false;
                    self.field.value.push(byte);
                }
            },
        }
    }

    fn take_record(&mut self) -> Vec<CsvField> {
        self.record.push(std::mem::take(&mut self.field));
        self.is_empty = true;
        std::mem::take(&mut self.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str, quoted: bool) -> CsvField {
        CsvField {
            value: text.as_bytes().to_vec(),
            quoted,
        }
    }

    #[test]
    fn records_arrive_in_pieces() {
        let text = b"a,\"b,\n\"\"c\"\"\",\r\n\"\",d";
        for size in 1..=text.len() {
            let mut records = CsvRecords::new(b',', b'"', b'"');
            let mut found: Vec<_> = text
                .chunks(size)
                .flat_map(|piece| records.add(piece))
                .collect();
            found.extend(records.finish().unwrap());
            assert_eq!(
                found,
                [
                    vec![
                        field("a", false),
                        field("b,\n\"c\"", true),
                        field("", false)
                    ],
                    vec![field("", true), field("d", false)],
                ],
                "{size}"
            );
        }
    }

    #[test]
    fn escapes_may_differ_from_quotes() {
        let mut records = CsvRecords::new(b';', b'\'', b'\\');
        let found = records.add(b"'a\\'b\\c';d\n");
        assert_eq!(found, [vec![field("a'b\\c", true), field("d", false)]]);
        records.add(b"'open");
        assert!(records.finish().is_err());
    }
}
