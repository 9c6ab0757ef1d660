//! Download of one file: retries, resumption, verification.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::http::{
    HttpClient, content_range, header_number, header_text, is_refusal, status_error,
};
use super::{DownloadProgress, ModelError};
use crate::atomic_file;

/// Attempts to download a file whose connection fails.
const MAX_ATTEMPTS: usize = 3;

/// Result of a download.
pub(super) enum Transferred {
    Complete,
    /// The repository has no such file.
    Absent,
}

/// Downloads from a hub.
pub(super) struct Transfer<'a> {
    http: HttpClient<'a>,
    /// Maximum size of a file, in bytes.
    max_bytes: u64,
}

/// Result of one attempt.
enum Attempt {
    Done(Transferred),
    /// The attempt failed for this reason; the next one resumes it.
    Retry(String),
}

impl<'a> Transfer<'a> {
    pub(super) fn new(endpoint: &'a str, token: Option<&'a str>, max_bytes: u64) -> Self {
        Self {
            http: HttpClient::new(endpoint, token),
            max_bytes,
        }
    }

    /// The complete body of a short response.
    pub(super) fn text(&self, url: &str) -> Result<String, ModelError> {
        self.http.text(url)
    }

    /// Downloads `url` to `target`. The data is first written to `*.part` beside
    /// it, which resumes an earlier attempt. `target` is created only after the
    /// length and, if the hub states it, the checksum are verified.
    pub(super) fn file(
        &self,
        url: &str,
        name: &str,
        target: &Path,
        progress: &dyn DownloadProgress,
    ) -> Result<Transferred, ModelError> {
        let mut part = target.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut reason = String::new();
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(url, name, target, &part, progress)? {
                Attempt::Done(done) => return Ok(done),
                Attempt::Retry(failure) => reason = failure,
            }
        }
        Err(ModelError::Download {
            url: url.to_string(),
            reason: format!("{reason}, {MAX_ATTEMPTS} times"),
            hint: "try again: the download resumes".to_string(),
        })
    }

    fn attempt(
        &self,
        url: &str,
        name: &str,
        target: &Path,
        part: &Path,
        progress: &dyn DownloadProgress,
    ) -> Result<Attempt, ModelError> {
        let io = |e| ModelError::io(part, e);
        if progress.cancelled() {
            return Err(cancelled(url));
        }
        let have = fs::metadata(part).map_or(0, |metadata| metadata.len());
        let answer = self.http.get(url, have)?;
        let headers = answer.response.headers();
        let status = answer.response.status().as_u16();
        let (have, rest) = match status {
            200 => (0, header_number(headers, "content-length")),
            206 => {
                let (first, total) = content_range(headers).unwrap_or((u64::MAX, None));
                if first != have || answer.sha256.is_none() {
                    // Another range, or no checksum to verify the joined parts with.
                    fs::remove_file(part).map_err(io)?;
                    return Ok(Attempt::Retry(
                        "the hub sent another range than requested".into(),
                    ));
                }
                (have, total.map(|total| total.saturating_sub(have)))
            }
            416 if have > 0 => {
                fs::remove_file(part).map_err(io)?;
                return Ok(Attempt::Retry(
                    "the file on the hub is shorter than the received part".into(),
                ));
            }
            404 if !is_refusal(headers) => return Ok(Attempt::Done(Transferred::Absent)),
            _ => return Err(status_error(url, &answer.response)),
        };
        let total = answer.size.or(rest.map(|rest| rest.saturating_add(have)));
        if have > self.max_bytes || total.is_some_and(|total| total > self.max_bytes) {
            remove_part(part)?;
            return Err(self.too_large(url));
        }
        let chunked =
            header_text(headers, "transfer-encoding").is_some_and(|t| t.contains("chunked"));
        if total.is_none() && answer.sha256.is_none() && !chunked {
            return Err(ModelError::Download {
                url: url.to_string(),
                reason: "the server does not state the length of the file".to_string(),
                hint: "check HF_ENDPOINT".to_string(),
            });
        }

        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(part)
            .map_err(io)?;
        file.set_len(have).map_err(io)?;
        let mut digest = Sha256::new();
        progress.start(name, total);
        progress.advance(have);
        // The stated length may be absent or wrong. Reading one byte more than the
        // limit shows that the file is too large.
        let room = self.max_bytes.saturating_sub(have);
        let copied = (|| {
            hash_file(&mut file, &mut digest).map_err(io)?;
            let body = answer.response.into_body().into_reader();
            let body = body.take(room.saturating_add(1));
            self.copy(body, &mut file, &mut digest, part, url, progress)
        })();
        progress.finish();
        let (new, failure) = copied?;
        if new > room {
            remove_part(part)?;
            return Err(self.too_large(url));
        }
        let length = have + new;
        if let Some(failure) = failure {
            return Ok(Attempt::Retry(failure));
        }
        if total.is_some_and(|total| length < total) {
            return Ok(Attempt::Retry(format!(
                "the connection ended after {length} bytes"
            )));
        }
        let sum = hexadecimal(&digest.finalize());
        let expected_sum = answer.sha256.as_ref().filter(|expected| **expected != sum);
        if expected_sum.is_some() || total.is_some_and(|total| length != total) {
            fs::remove_file(part).map_err(io)?;
            let difference = expected_sum.map_or_else(
                || format!("it has {length} bytes instead of {}", total.unwrap_or(0)),
                |expected| format!("its SHA-256 is {sum} instead of {expected}"),
            );
            return Err(ModelError::Download {
                url: url.to_string(),
                reason: format!("the received file is damaged: {difference}"),
                hint: "it was deleted; try again, check HF_ENDPOINT and any proxy".to_string(),
            });
        }
        file.sync_all().map_err(io)?;
        drop(file);
        fs::rename(part, target)
            .and_then(|()| atomic_file::sync_folder(atomic_file::parent_folder(target)))
            .map_err(|e| ModelError::io(target, e))?;
        Ok(Attempt::Done(Transferred::Complete))
    }

    /// Appends the body to the file. Returns the number of bytes and, if the
    /// connection failed, the reason.
    fn copy(
        &self,
        mut body: impl Read,
        file: &mut File,
        digest: &mut Sha256,
        part: &Path,
        url: &str,
        progress: &dyn DownloadProgress,
    ) -> Result<(u64, Option<String>), ModelError> {
        let mut buffer = vec![0; 128 << 10];
        let mut copied = 0;
        loop {
            if progress.cancelled() {
                return Err(cancelled(url));
            }
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok((copied, None)),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Ok((copied, Some(format!("the connection failed ({e})")))),
            };
            file.write_all(&buffer[..count])
                .map_err(|e| ModelError::io(part, e))?;
            digest.update(&buffer[..count]);
            copied += count as u64;
            progress.advance(count as u64);
        }
    }

    fn too_large(&self, url: &str) -> ModelError {
        ModelError::TooLarge {
            url: url.to_string(),
            max_bytes: self.max_bytes,
        }
    }
}

fn hash_file(file: &mut File, digest: &mut Sha256) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cancelled(url: &str) -> ModelError {
    ModelError::Cancelled {
        url: url.to_string(),
    }
}

/// Removes the received part of a file, if there is one.
fn remove_part(part: &Path) -> Result<(), ModelError> {
    match fs::remove_file(part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(ModelError::io(part, e)),
        _ => Ok(()),
    }
}
