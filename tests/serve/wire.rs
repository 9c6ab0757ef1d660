//! Client of the wire protocol that builds and reads single messages, without
//! password and TLS.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest wait for one message.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest wait for the end of a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Rows that a response keeps; the others are counted only.
const MAX_KEPT_ROWS: usize = 1000;

/// Bytes of the read buffer.
const READ_BUFFER: usize = 1 << 16;

const PROTOCOL_3_0: [u8; 4] = [0, 3, 0, 0];

/// SQLSTATE of a cancelled statement.
pub const QUERY_CANCELED: &str = "57014";

/// Start-up parameters of an ordinary client.
pub const USER_ADA: [(&str, &str); 2] = [("user", "ada"), ("database", "datafusion")];

/// Message of the server.
pub struct WireMessage {
    pub kind: u8,
    pub body: Vec<u8>,
}

/// `ErrorResponse` of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    pub severity: String,
    pub code: String,
    /// Message, detail, hint and all other fields.
    pub text: String,
}

impl WireError {
    fn read(body: &[u8]) -> Self {
        let mut error = Self {
            severity: String::new(),
            code: String::new(),
            text: String::new(),
        };
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, value)) = field.split_first() else {
                continue;
            };
            let value = String::from_utf8_lossy(value);
            match kind {
                b'S' => error.severity = value.into_owned(),
                b'V' => {}
                b'C' => error.code = value.into_owned(),
                _ => {
                    error.text.push_str(&value);
                    error.text.push('\n');
                }
            }
        }
        error
    }
}

/// Everything up to `ReadyForQuery`, or up to the end of a connection that a
/// FATAL error closed.
#[derive(Debug, Default)]
pub struct WireResponse {
    pub rows: Vec<Vec<Option<String>>>,
    /// Command tags.
    pub tags: Vec<String>,
    pub errors: Vec<WireError>,
    /// Whether a portal has more rows.
    pub suspended: bool,
    /// Transaction status; `None` after the end of the connection.
    pub status: Option<u8>,
}

impl WireResponse {
    /// SQLSTATE of the first error, if any.
    pub fn code(&self) -> Option<&str> {
        self.errors.first().map(|error| error.code.as_str())
    }

    /// SQLSTATE of the first error.
    ///
    /// # Panics
    /// Without an error.
    pub fn error_code(&self) -> &str {
        self.code()
            .unwrap_or_else(|| panic!("no error: {}", self.text()))
    }

    /// Rows, one a line, with `|` between the columns.
    pub fn table(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let cells = row.iter().map(|cell| cell.as_deref().unwrap_or_default());
            cells.collect::<Vec<_>>().join("|")
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    /// Rows, tags and errors as one text.
    pub fn text(&self) -> String {
        let errors = self.errors.iter();
        let errors: String = errors
            .map(|error| format!("{} {}", error.code, error.text))
            .collect();
        format!("{}\n{}\n{errors}", self.table(), self.tags.join("\n"))
    }

    fn is_fatal(&self) -> bool {
        self.errors.iter().any(|error| error.severity == "FATAL")
    }

    fn add_row(&mut self, body: &[u8]) -> io::Result<()> {
        if self.rows.len() < MAX_KEPT_ROWS {
            self.rows.push(cells(body).ok_or_else(malformed)?);
        }
        Ok(())
    }
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "malformed message of the server")
}

/// Columns of a `DataRow` in text format.
fn cells(body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut cells = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        // -1 is NULL.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            cells.push(None);
            continue;
        };
        let (value, after) = rest.split_at_checked(length)?;
        rest = after;
        cells.push(Some(String::from_utf8_lossy(value).into_owned()));
    }
    Some(cells)
}

/// Parameter value in binary format, with the type that the client declares.
pub struct TypedValue {
    pub oid: u32,
    pub bytes: Vec<u8>,
}

/// Connection of a client.
pub struct WireClient {
    stream: BufReader<TcpStream>,
    /// Messages that [`Self::flush`] sends.
    outgoing: Vec<u8>,
}

impl WireClient {
    /// Connects as the user `ada`.
    ///
    /// # Panics
    /// If the server refuses the connection.
    pub fn connect(port: u16) -> Self {
        match Self::connect_with(port, &USER_ADA) {
            Ok(client) => client,
            Err(error) => panic!("connection refused: {error:?}"),
        }
    }

    /// Connects with these start-up parameters.
    ///
    /// # Errors
    /// The refusal of the server.
    ///
    /// # Panics
    /// If the server neither accepts nor refuses the connection.
    pub fn connect_with(port: u16, parameters: &[(&str, &str)]) -> Result<Self, WireError> {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(MESSAGE_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(MESSAGE_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self {
            stream: BufReader::with_capacity(READ_BUFFER, stream),
            outgoing: startup(parameters),
        };
        client.flush().unwrap();
        let response = client.response().unwrap();
        match response.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(client),
        }
    }

    /// Socket of the connection, for bytes that are not messages. Nothing may be
    /// left to send or to read.
    pub fn into_socket(self) -> TcpStream {
        self.stream.into_inner()
    }

    /// Runs a text by the simple query protocol.
    ///
    /// # Errors
    /// If the connection ends without a FATAL error, or without a response in time.
    pub fn simple(&mut self, sql: &str) -> io::Result<WireResponse> {
        self.add(b'Q', &[sql.as_bytes(), b"\0"].concat());
        self.flush()?;
        self.response()
    }

    /// Runs a statement by the extended query protocol.
    ///
    /// # Errors
    /// As [`Self::simple`].
    pub fn extended(
        &mut self,
        sql: &str,
        values: &[TypedValue],
        max_rows: u32,
    ) -> io::Result<WireResponse> {
        let types: Vec<u32> = values.iter().map(|value| value.oid).collect();
        self.parse(sql, &types);
        self.bind(values);
        self.add(b'D', b"P\0");
        self.execute(max_rows);
        self.sync()?;
        self.response()
    }

    /// Adds `Parse` of the unnamed statement.
    pub fn parse(&mut self, sql: &str, types: &[u32]) {
        let mut body = [b"\0", sql.as_bytes(), b"\0"].concat();
        body.extend((types.len() as u16).to_be_bytes());
        for oid in types {
            body.extend(oid.to_be_bytes());
        }
        self.add(b'P', &body);
    }

    /// Adds `Bind` of the unnamed portal; results come in text format.
    pub fn bind(&mut self, values: &[TypedValue]) {
        // Names of portal and statement, then one format for all parameters.
        let mut body = vec![0, 0, 0, 1, 0, 1];
        body.extend((values.len() as u16).to_be_bytes());
        for value in values {
            body.extend((value.bytes.len() as u32).to_be_bytes());
            body.extend(&value.bytes);
        }
        body.extend([0, 0]);
        self.add(b'B', &body);
    }

    /// Adds `Execute` of the unnamed portal.
    pub fn execute(&mut self, max_rows: u32) {
        self.add(b'E', &[b"\0".as_slice(), &max_rows.to_be_bytes()].concat());
    }

    /// Sends `Sync` and all that was added before.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn sync(&mut self) -> io::Result<()> {
        self.add(b'S', b"");
        self.flush()
    }

    /// Reads one message.
    ///
    /// # Errors
    /// If the connection has ended, or without a message in time.
    pub fn message(&mut self) -> io::Result<WireMessage> {
        let mut kind = [0];
        let mut length = [0; 4];
        self.stream.read_exact(&mut kind)?;
        self.stream.read_exact(&mut length)?;
        let length = (u32::from_be_bytes(length) as usize)
            .checked_sub(4)
            .ok_or_else(malformed)?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let [kind] = kind;
        Ok(WireMessage { kind, body })
    }

    /// Reads up to `ReadyForQuery`.
    ///
    /// # Errors
    /// If the connection ends without a FATAL error, or without a response in time.
    pub fn response(&mut self) -> io::Result<WireResponse> {
        let deadline = Instant::now() + RESPONSE_TIMEOUT;
        let mut response = WireResponse::default();
        loop {
            let message = match self.message() {
                Ok(message) => message,
                Err(error) if has_ended(&error) && response.is_fatal() => return Ok(response),
                Err(error) => return Err(error),
            };
            match message.kind {
                b'D' => response.add_row(&message.body)?,
                b'C' => {
                    let tag = String::from_utf8_lossy(&message.body);
                    response.tags.push(tag.trim_end_matches('\0').to_string());
                }
                b's' => response.suspended = true,
                b'E' => response.errors.push(WireError::read(&message.body)),
                // The server requests data for COPY FROM STDIN.
                b'G' => {
                    self.add(b'f', b"no data\0");
                    self.flush()?;
                }
                b'R' if message.body != [0; 4] => {
                    return Err(io::Error::other("the server requires a password"));
                }
                b'Z' => {
                    response.status = message.body.first().copied();
                    return Ok(response);
                }
                _ => {}
            }
            if Instant::now() >= deadline {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    /// Adds a message of any kind.
    pub fn add(&mut self, kind: u8, body: &[u8]) {
        self.outgoing.push(kind);
        self.outgoing.extend((body.len() as u32 + 4).to_be_bytes());
        self.outgoing.extend_from_slice(body);
    }

    fn flush(&mut self) -> io::Result<()> {
        let outgoing = std::mem::take(&mut self.outgoing);
        self.stream.get_mut().write_all(&outgoing)
    }
}

fn has_ended(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// `StartupMessage`.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = PROTOCOL_3_0.to_vec();
    for (name, value) in parameters {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut message = (body.len() as u32 + 4).to_be_bytes().to_vec();
    message.extend(body);
    message
}
