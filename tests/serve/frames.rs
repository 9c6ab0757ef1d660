//! Bytes that are no protocol, or not the one that belongs there.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::server::{Server, passwords, shop};

/// How long the server may take to answer or to hang up.
const PATIENCE: Duration = Duration::from_secs(10);

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn startup(parameters: &[&str]) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for text in parameters {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut message = (body.len() as u32 + 4).to_be_bytes().to_vec();
    message.extend(body);
    message
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}

/// Everything that the server says until it hangs up or waits.
fn said(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    loop {
        match stream.read(&mut some) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&some[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset) => return all,
            Err(error) => panic!("the server neither answers nor hangs up: {error}"),
        }
    }
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn nobody_gets_in_without_a_password() {
    let folder = shop();
    let users = passwords(folder.path(), "ada:secret\n");
    let server = Server::start(folder.path(), &["--password-file", &users]);
    let hello = startup(&["user", "ada", "database", "datafusion"]);
    let query = message(b'Q', b"SELECT 'se' || 'cret rows'\0");
    let scram = |first: &[u8]| {
        let mut body = b"SCRAM-SHA-256\0".to_vec();
        body.extend((first.len() as u32).to_be_bytes());
        body.extend(first);
        message(b'p', &body)
    };
    let attempts: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("a query at once", vec![query.clone()]),
        (
            "a query in place of the password",
            vec![hello.clone(), query.clone()],
        ),
        (
            "a password first",
            vec![scram(b"n,,n=ada,r=abc"), query.clone()],
        ),
        (
            "no SCRAM",
            vec![hello.clone(), scram(b"rubbish"), query.clone()],
        ),
        (
            "an unknown way",
            vec![
                hello.clone(),
                message(b'p', b"NONE\0\0\0\0\0"),
                query.clone(),
            ],
        ),
        (
            "a wrong proof",
            vec![
                hello.clone(),
                scram(b"n,,n=ada,r=abc"),
                message(b'p', b"c=biws,r=abc,p=AAAA"),
                query.clone(),
            ],
        ),
        (
            "an empty proof",
            vec![
                hello.clone(),
                scram(b"n,,n=ada,r=abc"),
                message(b'p', b""),
                query.clone(),
            ],
        ),
        (
            "a second greeting",
            vec![hello.clone(), hello.clone(), query.clone()],
        ),
        (
            "prepared",
            vec![
                hello.clone(),
                message(b'P', b"\0SELECT 1\0\0\0"),
                message(b'S', b""),
                query.clone(),
            ],
        ),
    ];
    for (what, messages) in attempts {
        let mut stream = connect(server.port);
        for bytes in messages {
            // The server may have hung up by now.
            let _ = stream.write_all(&bytes);
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = stream.shutdown(Shutdown::Write);
        let answer = said(&mut stream);
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(!text.contains("secret rows"), "{what}: {text}");
        let let_in = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
        assert!(
            !answer.windows(9).any(|bytes| bytes == let_in),
            "{what}: {text}"
        );
        assert!(!text.contains("server_version"), "{what}: {text}");
    }
}

/// Sends rubbish to the start-up and to the messages behind it for as long as
/// `SEMQL_FUZZ_SECONDS` says, or a moment.
#[test]
fn rubbish_harms_nobody() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &["--max-connections", "20"]);
    let seconds = std::env::var("SEMQL_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(3));
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut rounds = 0u64;
    while Instant::now() < until {
        rounds += 1;
        let mut stream = connect(server.port);
        let mut bytes = Vec::new();
        if numbers.below(4) > 0 {
            bytes.extend(startup(&["user", "ada"]));
        }
        for _ in 0..numbers.below(6) {
            match numbers.below(6) {
                // Anything at all.
                0 => {
                    let count = numbers.below(200);
                    bytes.extend(numbers.bytes(count));
                }
                // A known kind with rubbish in it.
                1 | 2 => {
                    let kind = b"QPBDECSHXdcfp"[numbers.below(13) as usize];
                    let count = numbers.below(100);
                    let body = numbers.bytes(count);
                    bytes.extend(message(kind, &body));
                }
                // A good message with a byte changed.
                3 => {
                    let mut good = message(b'P', b"s\0SELECT $1::int + 1\0\0\x01\0\0\0\x17");
                    let at = numbers.below(good.len() as u64) as usize;
                    good[at] = numbers.next() as u8;
                    bytes.extend(good);
                }
                4 => {
                    let mut good =
                        message(b'B', b"\0s\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x05\0\0");
                    let at = numbers.below(good.len() as u64) as usize;
                    good[at] = numbers.next() as u8;
                    bytes.extend(good);
                    bytes.extend(message(b'E', b"\0\0\0\0\0"));
                    bytes.extend(message(b'S', b""));
                }
                // A length that is not true.
                _ => {
                    bytes.push(b"QPBDE"[numbers.below(5) as usize]);
                    bytes.extend((numbers.next() as u32).to_be_bytes());
                }
            }
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        said(&mut stream);
    }
    assert!(rounds > 0);
    println!("{rounds} connections with rubbish");
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "the server has ended"
    );
    // Connections are let in again, and answered.
    let mut stream = connect(server.port);
    stream.write_all(&startup(&["user", "ada"])).unwrap();
    stream
        .write_all(&message(b'Q', b"SELECT 40 + 2\0"))
        .unwrap();
    stream.write_all(&message(b'X', b"")).unwrap();
    let answer = said(&mut stream);
    assert!(String::from_utf8_lossy(&answer).contains("42"));
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert!(
        !log.contains("panicked") && !log.contains("internal error"),
        "{log}"
    );
}
