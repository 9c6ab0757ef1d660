//! Index file: metadata as JSON, then vectors, rows and graph in their memory
//! layout.
//!
//! The file starts with the format version, a digest of all bytes after the digest,
//! and the length of the JSON. Numbers have the byte order of the machine. Opening
//! checks the digest and every number, so that searches stay within the file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::stamp::FileStamp;
use crate::atomic_file;
use crate::error::{Error, Result};
use crate::vector::hnsw::{Graph, GraphView, M, MAX_EF, MAX_VECTORS};

/// First eight bytes of the file: file type and format version.
const MAGIC: u64 = u64::from_le_bytes(*b"smqlhns2");

/// Mask of the file type in [`MAGIC`], which all versions share.
const TYPE_MASK: u64 = u64::MAX >> 8;

/// Offsets of the digest, of the length of the header, and of the header.
const DIGEST_START: usize = 8;
const LENGTH_START: usize = 24;
const HEADER_START: usize = 32;

/// Maximum bytes of the header: enough for tables of more than 100,000 files.
const MAX_HEADER_BYTES: usize = 16 << 20;

/// Maximum number of values of a vector.
pub const MAX_DIMS: usize = 1 << 16;

/// Maximum number of rows of all files of a table: 32 bits number them.
pub const MAX_ROWS: u64 = 1 << 32;

/// Alignment of sections, in bytes.
const ALIGNMENT: usize = 64;

const SECTIONS: usize = 5;

/// Values per write.
const WRITE_CHUNK: usize = 1 << 14;

/// Metadata of an index: the header of its file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexMetadata {
    pub name: String,
    pub column: String,
    /// Metadata of the column, which identifies the model of the vectors.
    #[serde(rename = "space")]
    pub column_metadata: BTreeMap<String, String>,
    /// The data files when the index was created.
    pub files: Vec<FileStamp>,
    /// Rows of each file.
    pub rows: Vec<u64>,
    /// Rows with a vector that has a direction.
    pub vectors: u64,
    pub dims: usize,
    #[serde(rename = "entry")]
    pub entry_point: u32,
    /// `ef` of a search.
    #[serde(rename = "breadth")]
    pub ef: usize,
    /// Recall@10 of a search with `ef`.
    pub recall: f64,
    /// Set by [`IndexFile::write`].
    pub lengths: SectionLengths,
}

impl IndexMetadata {
    /// Rows of all files; `None` above [`MAX_ROWS`].
    pub fn total_rows(&self) -> Option<u64> {
        self.rows.iter().try_fold(0u64, |sum, rows| {
            let sum = sum.checked_add(*rows)?;
            (sum <= MAX_ROWS).then_some(sum)
        })
    }

    /// Checks every number against its bounds.
    fn check(&self) -> Result<(), IndexFileError> {
        let vectors = usize::try_from(self.vectors).unwrap_or(usize::MAX);
        let expected = SectionLengths::of(vectors, self.dims, self.lengths.upper_levels);
        let bounds = [
            (
                (1..=MAX_VECTORS).contains(&vectors),
                "its number of vectors is out of bounds",
            ),
            (
                (1..=MAX_DIMS).contains(&self.dims),
                "its dimensions are out of bounds",
            ),
            (
                expected.as_ref() == Some(&self.lengths),
                "the lengths of its sections are inconsistent",
            ),
            (
                (self.entry_point as usize) < vectors,
                "its entry point is out of bounds",
            ),
            (self.ef <= MAX_EF, "its ef is out of bounds"),
            (
                (0.0..=1.0).contains(&self.recall),
                "its recall is out of bounds",
            ),
            (
                self.rows.len() == self.files.len(),
                "its numbers of files and of row counts differ",
            ),
            (
                self.total_rows().is_some(),
                "its number of rows is out of bounds",
            ),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err(IndexFileError::Damaged(why)),
            None => Ok(()),
        }
    }
}

/// Number of values of each section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SectionLengths {
    vectors: usize,
    rows: usize,
    #[serde(rename = "base")]
    level0: usize,
    #[serde(rename = "starts")]
    level_offsets: usize,
    #[serde(rename = "upper")]
    upper_levels: usize,
}

impl SectionLengths {
    /// The lengths for a graph; `None` on overflow.
    fn of(vectors: usize, dims: usize, upper_levels: usize) -> Option<Self> {
        Some(Self {
            vectors: vectors.checked_mul(dims)?,
            rows: vectors,
            level0: vectors.checked_mul(2 * M)?,
            level_offsets: vectors.checked_add(1)?,
            upper_levels,
        })
    }

    fn all(&self) -> [usize; SECTIONS] {
        [
            self.vectors,
            self.rows,
            self.level0,
            self.level_offsets,
            self.upper_levels,
        ]
    }

    /// Byte ranges of the sections in a file of `size` bytes whose header ends at
    /// `start`; `None` unless they fill the file exactly.
    fn sections(&self, mut start: usize, size: usize) -> Option<[Range<usize>; SECTIONS]> {
        let mut sections = [const { 0..0 }; SECTIONS];
        for (section, length) in sections.iter_mut().zip(self.all()) {
            start = start.checked_next_multiple_of(ALIGNMENT)?;
            let end = start.checked_add(length.checked_mul(size_of::<u32>())?)?;
            if end > size {
                return None;
            }
            *section = start..end;
            start = end;
        }
        (start == size).then_some(sections)
    }
}

/// Why an index file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexFileError {
    Unreadable(String),
    /// Written by another version of the format.
    OtherVersion,
    Damaged(&'static str),
}

impl IndexFileError {
    /// The error, with the path of the file.
    pub fn at(&self, path: &Path) -> Error {
        let message = format!("{} {self}", path.display());
        match self {
            Self::Unreadable(_) => Error::Setup(message),
            Self::OtherVersion | Self::Damaged(_) => Error::Failed(message),
        }
    }
}

impl fmt::Display for IndexFileError {
    /// Writes the predicate of a sentence whose subject is the index.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REMEDY: &str = "create it again with CREATE OR REPLACE INDEX";
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::OtherVersion => write!(f, "was created by another version of semql: {REMEDY}"),
            Self::Damaged(why) => write!(f, "is damaged: {REMEDY} ({why})"),
        }
    }
}

impl std::error::Error for IndexFileError {}

impl From<std::io::Error> for IndexFileError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// An index file, mapped into memory.
#[derive(Debug)]
pub struct IndexFile {
    pub metadata: IndexMetadata,
    pub path: PathBuf,
    map: Mmap,
    sections: [Range<usize>; SECTIONS],
}

impl IndexFile {
    /// Writes an index, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(
        path: &Path,
        mut metadata: IndexMetadata,
        vectors: &[f32],
        rows: &[u32],
        graph: &Graph,
    ) -> Result<()> {
        metadata.entry_point = graph.entry_point;
        metadata.lengths = SectionLengths {
            vectors: vectors.len(),
            rows: rows.len(),
            level0: graph.level0.len(),
            level_offsets: graph.level_offsets.len(),
            upper_levels: graph.upper_levels.len(),
        };
        let write = || -> std::io::Result<()> {
            let header = serde_json::to_vec(&metadata)?;
            if header.len() > MAX_HEADER_BYTES {
                return Err(std::io::Error::other("the table has too many files"));
            }
            let mut out = DigestWriter::new(atomic_file::create_beside(path)?)?;
            out.write(&(header.len() as u64).to_ne_bytes())?;
            out.write(&header)?;
            out.section(vectors)?;
            for section in [
                rows,
                &graph.level0,
                &graph.level_offsets,
                &graph.upper_levels,
            ] {
                out.section(section)?;
            }
            atomic_file::commit(out.finish()?, path)
        };
        write().map_err(|e| Error::Setup(format!("{} cannot be written: {e}", path.display())))
    }

    /// Opens an index, and checks all of it: digest, header, rows and links.
    ///
    /// # Errors
    /// For a file that is unreadable, damaged, or of another version.
    pub fn open(path: &Path) -> Result<Self, IndexFileError> {
        if !path.metadata()?.is_file() {
            return Err(IndexFileError::Unreadable("it is not a file".to_string()));
        }
        let file = File::open(path)?;
        // SAFETY: index files are replaced by renaming, and never changed.
        let map = unsafe { Mmap::map(&file) }?;
        let (metadata, sections) = parse(&map)?;
        let index = Self {
            metadata,
            path: path.to_path_buf(),
            map,
            sections,
        };
        index.check_contents()?;
        Ok(index)
    }

    /// Checks that rows ascend within the files, and that the graph is sound.
    fn check_contents(&self) -> Result<(), IndexFileError> {
        let rows = self.rows();
        let ascend = rows.windows(2).all(|pair| pair[0] < pair[1]);
        let total = self.metadata.total_rows();
        let last = rows.last().map(|row| u64::from(*row));
        if !ascend || last >= total {
            return Err(IndexFileError::Damaged("it has rows that do not exist"));
        }
        match self.view().is_sound() {
            true => Ok(()),
            false => Err(IndexFileError::Damaged("its graph is inconsistent")),
        }
    }

    /// The graph and its vectors.
    pub fn view(&self) -> GraphView<'_> {
        GraphView {
            vectors: self.section(0),
            dims: self.metadata.dims,
            level0: self.section(2),
            level_offsets: self.section(3),
            upper_levels: self.section(4),
            entry_point: self.metadata.entry_point,
        }
    }

    /// Per vector, the number of its row, counted over all files; ascending.
    pub fn rows(&self) -> &[u32] {
        self.section(1)
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.map.len() as u64
    }

    fn section<T: Word>(&self, at: usize) -> &[T] {
        let bytes = &self.map[self.sections[at].clone()];
        // SAFETY: every bit pattern is a value of these types. `align_to` would drop
        // unaligned bytes; sections are aligned.
        unsafe { bytes.align_to().1 }
    }
}

/// Parses the header of a file, and locates its sections.
fn parse(bytes: &[u8]) -> Result<(IndexMetadata, [Range<usize>; SECTIONS]), IndexFileError> {
    let truncated = IndexFileError::Damaged("it is truncated");
    let magic = number(bytes, 0).ok_or(truncated.clone())?;
    if magic & TYPE_MASK != MAGIC & TYPE_MASK {
        return Err(IndexFileError::Damaged("it is not an index file"));
    }
    if magic != MAGIC {
        return Err(IndexFileError::OtherVersion);
    }
    let (Some(stored), Some(digested)) = (
        bytes.get(DIGEST_START..LENGTH_START),
        bytes.get(LENGTH_START..),
    ) else {
        return Err(truncated);
    };
    if XxHash3_128::oneshot(digested).to_ne_bytes() != stored {
        return Err(IndexFileError::Damaged(
            "its contents do not match its digest",
        ));
    }
    let length = number(bytes, LENGTH_START).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= MAX_HEADER_BYTES);
    let end = length.and_then(|length| HEADER_START.checked_add(length));
    let header = end.and_then(|end| bytes.get(HEADER_START..end));
    let header = header.ok_or(IndexFileError::Damaged(
        "the length of its header is out of bounds",
    ))?;
    let metadata: IndexMetadata = serde_json::from_slice(header)
        .map_err(|_| IndexFileError::Damaged("its header is malformed"))?;
    metadata.check()?;
    let end = HEADER_START + header.len();
    let sections = metadata.lengths.sections(end, bytes.len());
    let sections = sections.ok_or(IndexFileError::Damaged("its sections do not fill the file"))?;
    Ok((metadata, sections))
}

/// The 64-bit number at an offset.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

/// Four-byte type for which every bit pattern is a value.
trait Word: Copy {
    fn bytes(self) -> [u8; 4];
}

impl Word for f32 {
    fn bytes(self) -> [u8; 4] {
        self.to_ne_bytes()
    }
}

impl Word for u32 {
    fn bytes(self) -> [u8; 4] {
        self.to_ne_bytes()
    }
}

/// Writer of an index file that computes its digest.
struct DigestWriter {
    file: std::io::BufWriter<tempfile::NamedTempFile>,
    written: usize,
    digest: XxHash3_128,
    chunk: Vec<u8>,
}

impl DigestWriter {
    /// Starts a file with a placeholder for the digest.
    fn new(file: tempfile::NamedTempFile) -> std::io::Result<Self> {
        let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
        file.write_all(&MAGIC.to_ne_bytes())?;
        file.write_all(&[0; LENGTH_START - DIGEST_START])?;
        Ok(Self {
            file,
            written: LENGTH_START,
            digest: XxHash3_128::new(),
            chunk: Vec::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.written += bytes.len();
        self.digest.write(bytes);
        self.file.write_all(bytes)
    }

    fn section<T: Word>(&mut self, values: &[T]) -> std::io::Result<()> {
        let gap = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.write(&[0; ALIGNMENT][..gap])?;
        let mut chunk = std::mem::take(&mut self.chunk);
        for values in values.chunks(WRITE_CHUNK) {
            chunk.clear();
            chunk.extend(values.iter().flat_map(|value| value.bytes()));
            self.write(&chunk)?;
        }
        self.chunk = chunk;
        Ok(())
    }

    /// Writes the digest.
    fn finish(self) -> std::io::Result<tempfile::NamedTempFile> {
        let mut file = self.file.into_inner().map_err(|e| e.into_error())?;
        file.seek(SeekFrom::Start(DIGEST_START as u64))?;
        file.write_all(&self.digest.finish_128().to_ne_bytes())?;
        Ok(file)
    }
}

impl IndexMetadata {
    /// Metadata of an index over one file of `rows` rows, for tests.
    #[doc(hidden)]
    pub fn of_one_file(rows: u64, vectors: u64, dims: usize) -> Self {
        let file = FileStamp {
            name: "a.parquet".to_string(),
            bytes: 1,
            modified: 1,
        };
        Self {
            name: "a".to_string(),
            column: "v".to_string(),
            files: vec![file],
            rows: vec![rows],
            vectors,
            dims,
            ..Self::default()
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
