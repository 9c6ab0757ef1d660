//! Child processes that have to end within a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Longest wait for a process. Only a process that hangs takes this long.
pub const PROCESS_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs `command` to its end, with nothing on standard input.
///
/// # Panics
/// Unless it starts and ends within `PROCESS_TIMEOUT`.
pub fn output(command: &mut Command) -> Output {
    wait(spawn(command.stdin(Stdio::null())))
}

/// Runs `command` to its end, with `input` on standard input.
///
/// # Panics
/// Unless it starts, reads all of `input` and ends within `PROCESS_TIMEOUT`.
pub fn output_with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = spawn(command.stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        let written = scope.spawn(move || stdin.write_all(input));
        let output = wait(child);
        written.join().unwrap().unwrap();
        output
    })
}

/// Waits until `child` ends, and returns what it wrote to piped streams.
///
/// # Panics
/// Unless it ends within `PROCESS_TIMEOUT`.
pub fn wait(child: Child) -> Output {
    wait_within(child, PROCESS_TIMEOUT)
}

/// `wait` with another deadline. Kills a process that misses it.
pub fn wait_within(mut child: Child, timeout: Duration) -> Output {
    let deadline = Instant::now() + timeout;
    let (sender, receiver) = channel();
    let stdout = child.stdout.take().map(boxed);
    let stderr = child.stderr.take().map(boxed);
    for (at, stream) in [stdout, stderr].into_iter().enumerate() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            let _ = sender.send((at, bytes));
        });
    }
    let mut streams = [Vec::new(), Vec::new()];
    for _ in 0..streams.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok((at, bytes)) => streams[at] = bytes,
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("process {} did not end within {timeout:?}", child.id());
            }
        }
    }
    let status = child.wait().unwrap();
    let [stdout, stderr] = streams;
    Output {
        status,
        stdout,
        stderr,
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("{command:?}: {error}"),
    }
}

fn boxed(stream: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(stream)
}

/// Port that a server logs to its standard error, which is piped: `port_of_log` finds it in
/// the log so far. The log is read to its end, so that the server does not block.
///
/// # Errors
/// The log of a server that ends, or has no port within `PROCESS_TIMEOUT`.
pub fn logged_port(child: &mut Child, port_of_log: fn(&str) -> Option<u16>) -> Result<u16, String> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut log = String::new();
        while stderr.read_line(&mut log).is_ok_and(|read| read > 0) {
            if let Some(port) = port_of_log(&log) {
                let _ = sender.send(Ok(port));
                break;
            }
        }
        let _ = sender.send(Err(log));
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    });
    let port = receiver.recv_timeout(PROCESS_TIMEOUT);
    port.unwrap_or_else(|error| Err(error.to_string()))
}
