//! Lines of a part of a file, for files that several tasks read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use futures::{StreamExt, TryStreamExt};
use object_store::{
    GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt,
};

use super::batch_decoder::FileStream;
use crate::text_encoding::{TextEncoding, detect_encoding};

/// Bytes of a piece of a local file.
const PIECE_BYTES: u64 = 1 << 20;

/// Reads a file from start to end.
///
/// # Errors
/// A file that cannot be opened.
pub async fn read_file(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
) -> Result<FileStream<Bytes>> {
    let got = store
        .get_opts(&file.location, GetOptions::default())
        .await?;
    Ok(pieces(got))
}

/// The bytes of a file in pieces. Those of a local file are large: `object_store`
/// would read 8 KiB at a time, each on another thread.
fn pieces(got: GetResult) -> FileStream<Bytes> {
    let Range { start, end } = got.range;
    let file = match got.payload {
        GetResultPayload::File(file, _) => file,
        GetResultPayload::Stream(stream) => return stream.map_err(DataFusionError::from).boxed(),
    };
    futures::stream::try_unfold((file, start), move |(mut file, at)| async move {
        let bytes = PIECE_BYTES.min(end.saturating_sub(at));
        if bytes == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let piece = read_piece(&mut file, at, bytes)?;
            Ok::<_, std::io::Error>((piece, file))
        });
        let (piece, file) = read
            .await
            .map_err(|e| DataFusionError::External(e.into()))??;
        let next = at + piece.len() as u64;
        // A file that became shorter ends here.
        Ok((!piece.is_empty()).then_some((piece, (file, next))))
    })
    .boxed()
}

fn read_piece(file: &mut File, at: u64, bytes: u64) -> std::io::Result<Bytes> {
    let mut piece = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    file.seek(SeekFrom::Start(at))?;
    file.take(bytes).read_to_end(&mut piece)?;
    Ok(piece.into())
}

/// Number of bytes that show the encoding of a text.
const MAX_ENCODING_BYTES: u64 = 4;

/// Reads the lines of a file that start within `range`. Of a text that is not UTF-8,
/// the range at its start has all lines.
///
/// # Errors
/// A file that cannot be opened.
pub async fn read_lines(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    range: Range<u64>,
) -> Result<FileStream<Bytes>> {
    if range.is_empty() {
        return Ok(futures::stream::empty().boxed());
    }
    let head = store
        .get_range(&file.location, 0..file.size.min(MAX_ENCODING_BYTES))
        .await?;
    if detect_encoding(&head).0 != TextEncoding::Utf8 {
        return match range.start {
            0 => read_file(store, file).await,
            _ => Ok(futures::stream::empty().boxed()),
        };
    }
    // A line starts after the line feed before it.
    let start = range.start.saturating_sub(1);
    let options = GetOptions {
        range: Some(GetRange::Bounded(start..file.size)),
        ..GetOptions::default()
    };
    let got = store.get_opts(&file.location, options).await?;
    let bytes = pieces(got);
    let lines = LineRange {
        position: start,
        end: range.end,
        in_line_before: range.start > 0,
        done: false,
    };
    Ok(take_lines(bytes, lines))
}

/// State of a reader of the lines in a range.
struct LineRange {
    /// Offset of the next byte.
    position: u64,
    end: u64,
    /// Whether the line before the range has not ended.
    in_line_before: bool,
    done: bool,
}

impl LineRange {
    /// Part of the next bytes that belongs to the lines of the range.
    fn take(&mut self, mut bytes: Bytes) -> Bytes {
        let newline = |byte: &u8| *byte == b'\n';
        if self.in_line_before {
            let skipped = bytes.iter().position(newline).map(|at| at + 1);
            self.in_line_before = skipped.is_none();
            let skipped = bytes.split_to(skipped.unwrap_or(bytes.len()));
            self.position += skipped.len() as u64;
            if self.in_line_before {
                return Bytes::new();
            }
        }
        if self.position >= self.end {
            self.done = true;
            return Bytes::new();
        }
        // The last line ends at the first line feed from here on.
        let from = usize::try_from(self.end - 1 - self.position).unwrap_or(usize::MAX);
        let last = bytes
            .get(from..)
            .and_then(|rest| rest.iter().position(newline));
        if let Some(at) = last {
            self.done = true;
            return bytes.slice(..=from + at);
        }
        self.position += bytes.len() as u64;
        // The line feed that ends the range is still to come.
        self.end = self.end.max(self.position + 1);
        bytes
    }
}

fn take_lines(bytes: FileStream<Bytes>, lines: LineRange) -> FileStream<Bytes> {
    futures::stream::try_unfold((bytes, lines), |(mut bytes, mut lines)| async move {
        if lines.done {
            return Ok(None);
        }
        let Some(chunk) = bytes.try_next().await? else {
            return Ok(None);
        };
        let taken = lines.take(chunk);
        Ok(Some((taken, (bytes, lines))))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    #[tokio::test]
    async fn every_line_belongs_to_one_range() {
        let text = b"one\n\nthree\nfour without end";
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("x.jsonl");
        store.put(&path, text.to_vec().into()).await.unwrap();
        let file = store.head(&path).await.unwrap();
        for cut in 0..=file.size {
            for second in cut..=file.size {
                let mut read = Vec::new();
                for range in [0..cut, cut..second, second..file.size] {
                    let mut bytes = read_lines(&store, &file, range).await.unwrap();
                    while let Some(chunk) = bytes.try_next().await.unwrap() {
                        read.extend_from_slice(&chunk);
                    }
                }
                assert_eq!(read, text, "{cut} {second}");
            }
        }
    }

    #[tokio::test]
    async fn ranges_of_a_local_file_have_all_lines() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (0..400_000).map(|n| format!("{n}\n")).collect();
        assert!(text.len() as u64 > 2 * PIECE_BYTES);
        std::fs::write(folder.path().join("x.csv"), &text).unwrap();
        let local = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(local);
        let file = store.head(&Path::from("x.csv")).await.unwrap();
        let cut = PIECE_BYTES + 3;
        let mut read = Vec::new();
        for range in [0..cut, cut..file.size] {
            let mut bytes = read_lines(&store, &file, range).await.unwrap();
            while let Some(piece) = bytes.try_next().await.unwrap() {
                read.extend_from_slice(&piece);
            }
        }
        assert_eq!(read, text.as_bytes());
    }

    #[test]
    fn chunks_of_any_size_give_the_same_lines() {
        let text = Bytes::from_static(b"one\ntwo\nthree\nfour\n");
        for step in 1..10 {
            let mut lines = LineRange {
                position: 1,
                end: 9,
                in_line_before: true,
                done: false,
            };
            let mut rest = text.slice(1..);
            let mut taken = Vec::new();
            while !lines.done && !rest.is_empty() {
                let chunk = rest.split_to(step.min(rest.len()));
                taken.extend_from_slice(&lines.take(chunk));
            }
            assert_eq!(taken, b"two\nthree\n", "{step}");
        }
    }
}
