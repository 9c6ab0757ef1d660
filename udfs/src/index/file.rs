//! The file of an index: its metadata as JSON, then vectors, rows and graph as
//! they lie in memory.
//!
//! It begins with the format version, a digest of all that follows the digest,
//! and the length of the JSON. Numbers have the byte order of the machine.
//! Opening checks the digest and every number, so that a search of an opened
//! file stays within it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::data::Stamp;
use crate::error::{Error, Result};
use crate::files;
use crate::vector::hnsw::{Graph, LINKS, MAX_EF, MAX_VECTORS, View};

/// Kind and version of the file, as its first eight bytes.
const MAGIC: u64 = u64::from_le_bytes(*b"smqlhns2");

/// The part of [`MAGIC`] that the files of all versions share.
const KIND: u64 = u64::MAX >> 8;

/// Where the digest, the length of the header and the header begin.
const DIGEST_START: usize = 8;
const LENGTH_START: usize = 24;
const HEADER_START: usize = 32;

/// Bytes of the header, at most: tables of more than 100,000 files fit.
const MAX_HEADER_BYTES: usize = 16 << 20;

/// Values of a vector, at most.
pub const MAX_DIMS: usize = 1 << 16;

/// Rows of all files of a table, at most: 32 bits number them.
pub const MAX_ROWS: u64 = 1 << 32;

/// Sections begin at multiples of this.
const ALIGNMENT: usize = 64;

const SECTIONS: usize = 5;

/// Values that are converted to bytes at a time.
const WRITE_CHUNK: usize = 1 << 14;

/// What is known of an index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub name: String,
    pub column: String,
    /// Who made the vectors: the column's metadata.
    pub space: BTreeMap<String, String>,
    /// The files as they were.
    pub files: Vec<Stamp>,
    /// Rows of each file.
    pub rows: Vec<u64>,
    /// Rows that have a vector with a direction.
    pub vectors: u64,
    pub dims: usize,
    pub entry: u32,
    /// Vectors that a search looks at closely.
    pub breadth: usize,
    /// The share of the ten nearest that a search finds.
    pub recall: f64,
    pub(super) lengths: Lengths,
}

impl About {
    /// Rows of all files; `None` beyond 2^32, which row numbers of 32 bits hold.
    pub fn total_rows(&self) -> Option<u64> {
        self.rows.iter().try_fold(0u64, |sum, rows| {
            let sum = sum.checked_add(*rows)?;
            (sum <= MAX_ROWS).then_some(sum)
        })
    }

    /// Checks every number against its bounds.
    fn check(&self) -> Result<(), IndexFileError> {
        let vectors = usize::try_from(self.vectors).unwrap_or(usize::MAX);
        let expected = Lengths::of(vectors, self.dims, self.lengths.upper);
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
                "the lengths of its sections contradict each other",
            ),
            (
                (self.entry as usize) < vectors,
                "its entry point is no vector",
            ),
            (
                self.breadth <= MAX_EF,
                "its search breadth is out of bounds",
            ),
            (
                (0.0..=1.0).contains(&self.recall),
                "its recall is out of bounds",
            ),
            (
                self.rows.len() == self.files.len(),
                "its files and their rows differ in number",
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

/// Values of each section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lengths {
    vectors: usize,
    rows: usize,
    base: usize,
    starts: usize,
    upper: usize,
}

impl Lengths {
    /// Those of a graph; `None` where they overflow.
    fn of(vectors: usize, dims: usize, upper: usize) -> Option<Self> {
        Some(Self {
            vectors: vectors.checked_mul(dims)?,
            rows: vectors,
            base: vectors.checked_mul(2 * LINKS)?,
            starts: vectors.checked_add(1)?,
            upper,
        })
    }

    fn all(&self) -> [usize; SECTIONS] {
        [self.vectors, self.rows, self.base, self.starts, self.upper]
    }

    /// The bytes of each section in a file of `size` bytes whose header ends at
    /// `start`; `None` where they do not fill it exactly.
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
    /// The format is that of another version.
    OtherVersion,
    Damaged(&'static str),
}

impl IndexFileError {
    /// The error, with the file that it is about.
    pub fn at(&self, path: &Path) -> Error {
        let message = format!("{} {self}", path.display());
        match self {
            Self::Unreadable(_) => Error::Setup(message),
            Self::OtherVersion | Self::Damaged(_) => Error::Failed(message),
        }
    }
}

impl fmt::Display for IndexFileError {
    /// The end of a sentence that begins with the name of the index.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REMEDY: &str = "make it again with CREATE OR REPLACE INDEX";
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::OtherVersion => write!(f, "was made by another version of semql: {REMEDY}"),
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

/// An index, mapped into memory.
#[derive(Debug)]
pub struct IndexFile {
    pub about: About,
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
        mut about: About,
        vectors: &[f32],
        rows: &[u32],
        graph: &Graph,
    ) -> Result<()> {
        about.entry = graph.entry;
        about.lengths = Lengths {
            vectors: vectors.len(),
            rows: rows.len(),
            base: graph.base.len(),
            starts: graph.starts.len(),
            upper: graph.upper.len(),
        };
        let write = || -> std::io::Result<()> {
            let header = serde_json::to_vec(&about)?;
            if header.len() > MAX_HEADER_BYTES {
                return Err(std::io::Error::other("the table has too many files"));
            }
            let mut out = DigestWriter::new(files::create_beside(path)?)?;
            out.write(&(header.len() as u64).to_ne_bytes())?;
            out.write(&header)?;
            out.section(vectors)?;
            for section in [rows, &graph.base, &graph.starts, &graph.upper] {
                out.section(section)?;
            }
            files::commit(out.finish()?, path)
        };
        write().map_err(|e| Error::Setup(format!("{} cannot be written: {e}", path.display())))
    }

    /// Opens an index and checks all of it: digest, header, rows and links.
    ///
    /// # Errors
    /// For a file that cannot be read, that another version wrote, or that is
    /// damaged.
    pub fn open(path: &Path) -> Result<Self, IndexFileError> {
        if !path.metadata()?.is_file() {
            return Err(IndexFileError::Unreadable("it is not a file".to_string()));
        }
        let file = File::open(path)?;
        // SAFETY: index files are replaced whole, by renaming, and never changed.
        let map = unsafe { Mmap::map(&file) }?;
        let (about, sections) = parse(&map)?;
        let index = Self {
            about,
            path: path.to_path_buf(),
            map,
            sections,
        };
        index.check_contents()?;
        Ok(index)
    }

    /// Checks that rows ascend within the files, and that links lead to vectors.
    fn check_contents(&self) -> Result<(), IndexFileError> {
        let rows = self.rows();
        let ascend = rows.windows(2).all(|pair| pair[0] < pair[1]);
        let total = self.about.total_rows();
        let last = rows.last().map(|row| u64::from(*row));
        if !ascend || last >= total {
            return Err(IndexFileError::Damaged("it names rows that do not exist"));
        }
        match self.view().is_sound() {
            true => Ok(()),
            false => Err(IndexFileError::Damaged("its graph is inconsistent")),
        }
    }

    /// The graph and its vectors.
    pub fn view(&self) -> View<'_> {
        View {
            vectors: self.section(0),
            dims: self.about.dims,
            base: self.section(2),
            starts: self.section(3),
            upper: self.section(4),
            entry: self.about.entry,
        }
    }

    /// Per vector, the number of its row, counted through all files; ascending.
    pub fn rows(&self) -> &[u32] {
        self.section(1)
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.map.len() as u64
    }

    fn section<T: Plain>(&self, at: usize) -> &[T] {
        let bytes = &self.map[self.sections[at].clone()];
        // SAFETY: every pattern of bits is a value of these types; what is not
        // aligned would be left out, and sections are.
        unsafe { bytes.align_to().1 }
    }
}

/// The header of a file, and the bytes of its sections.
fn parse(bytes: &[u8]) -> Result<(About, [Range<usize>; SECTIONS]), IndexFileError> {
    let cut_short = IndexFileError::Damaged("it is cut short");
    let magic = number(bytes, 0).ok_or(cut_short.clone())?;
    if magic & KIND != MAGIC & KIND {
        return Err(IndexFileError::Damaged("it is not an index file"));
    }
    if magic != MAGIC {
        return Err(IndexFileError::OtherVersion);
    }
    let (Some(stored), Some(digested)) = (
        bytes.get(DIGEST_START..LENGTH_START),
        bytes.get(LENGTH_START..),
    ) else {
        return Err(cut_short);
    };
    if XxHash3_128::oneshot(digested).to_ne_bytes() != stored {
        return Err(IndexFileError::Damaged(
            "its contents contradict its digest",
        ));
    }
    let length = number(bytes, LENGTH_START).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= MAX_HEADER_BYTES);
    let end = length.and_then(|length| HEADER_START.checked_add(length));
    let header = end.and_then(|end| bytes.get(HEADER_START..end));
    let header = header.ok_or(IndexFileError::Damaged(
        "the length of its header is out of bounds",
    ))?;
    let about: About = serde_json::from_slice(header)
        .map_err(|_| IndexFileError::Damaged("its header is not readable"))?;
    about.check()?;
    let end = HEADER_START + header.len();
    let sections = about.lengths.sections(end, bytes.len());
    let sections = sections.ok_or(IndexFileError::Damaged(
        "its sections do not have the size of the file",
    ))?;
    Ok((about, sections))
}

/// The number of eight bytes at a place.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

/// A type of four bytes of which all patterns are values.
trait Plain: Copy {
    fn bytes(self) -> [u8; 4];
}

impl Plain for f32 {
    fn bytes(self) -> [u8; 4] {
        self.to_ne_bytes()
    }
}

impl Plain for u32 {
    fn bytes(self) -> [u8; 4] {
        self.to_ne_bytes()
    }
}

/// Writer of an index file that digests what it writes.
struct DigestWriter {
    file: std::io::BufWriter<tempfile::NamedTempFile>,
    written: usize,
    digest: XxHash3_128,
    chunk: Vec<u8>,
}

impl DigestWriter {
    /// Begins a file, with room for the digest.
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

    fn section<T: Plain>(&mut self, values: &[T]) -> std::io::Result<()> {
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

    /// Puts the digest into its place.
    fn finish(self) -> std::io::Result<tempfile::NamedTempFile> {
        let mut file = self.file.into_inner().map_err(|e| e.into_error())?;
        file.seek(SeekFrom::Start(DIGEST_START as u64))?;
        file.write_all(&self.digest.finish_128().to_ne_bytes())?;
        Ok(file)
    }
}

#[cfg(test)]
impl About {
    /// Metadata of one file of `rows` rows for tests.
    pub(super) fn of_one_file(rows: u64, vectors: u64, dims: usize) -> Self {
        let file = Stamp {
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
