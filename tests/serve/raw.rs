//! Bytes on a connection, which need not be messages of the protocol.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

/// Longest wait for bytes, or for the end of the connection.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Connects without a start-up message.
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
    stream
}

/// Message with its length.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}

/// Reads what the server has sent, after a wait for at least one byte; nothing
/// after the end of the connection.
pub fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(count) => buffer[..count].to_vec(),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Vec::new(),
        Err(error) => panic!("neither bytes nor the end of the connection: {error}"),
    }
}

/// Reads up to the end of the connection.
pub fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let bytes = read_some(stream);
        if bytes.is_empty() {
            return all;
        }
        all.extend(bytes);
    }
}

/// Fields of `Bind`, which need not fit together.
#[derive(Default)]
pub struct Bind {
    pub portal: Vec<u8>,
    pub statement: Vec<u8>,
    pub parameter_formats: Vec<i16>,
    pub values: Vec<Option<Vec<u8>>>,
    pub result_formats: Vec<i16>,
}

impl Bind {
    /// Body of the message.
    pub fn body(&self) -> Vec<u8> {
        let mut body = [
            terminated(&self.portal),
            terminated(&self.statement),
            counted(&self.parameter_formats),
        ]
        .concat();
        body.extend((self.values.len() as u16).to_be_bytes());
        for value in &self.values {
            match value {
                Some(bytes) => {
                    body.extend((bytes.len() as u32).to_be_bytes());
                    body.extend(bytes);
                }
                None => body.extend((-1i32).to_be_bytes()),
            }
        }
        body.extend(counted(&self.result_formats));
        body
    }
}

/// Text with the zero byte at its end.
pub fn terminated(text: &[u8]) -> Vec<u8> {
    [text, b"\0"].concat()
}

/// Number of format codes, and the codes.
fn counted(codes: &[i16]) -> Vec<u8> {
    let mut bytes = (codes.len() as u16).to_be_bytes().to_vec();
    bytes.extend(codes.iter().flat_map(|code| code.to_be_bytes()));
    bytes
}

/// Beginning of an array in binary format, with one dimension of `elements`
/// elements.
pub fn array_header(element_type: u32, elements: i32) -> Vec<u8> {
    let mut array = Vec::new();
    array.extend(1i32.to_be_bytes());
    array.extend(0i32.to_be_bytes());
    array.extend(element_type.to_be_bytes());
    array.extend(elements.to_be_bytes());
    array.extend(1i32.to_be_bytes());
    array
}
