//! The file of an index: what is known of it as JSON, then vectors, rows and
//! graph as they lie in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::data::Stamp;
use crate::error::{Error, Result};
use crate::vector::hnsw::{Graph, View};

/// How a file begins: its kind and version, in the order of this machine's
/// bytes.
const MAGIC: u64 = u64::from_le_bytes(*b"smqlhns1");

/// Sections begin at multiples of this.
const ALIGNMENT: usize = 64;

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
    fn all(&self) -> [usize; 5] {
        [self.vectors, self.rows, self.base, self.starts, self.upper]
    }
}

/// An index, mapped into memory.
#[derive(Debug)]
pub struct IndexFile {
    pub about: About,
    pub path: PathBuf,
    map: Mmap,
    sections: [Range<usize>; 5],
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
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            let mut out = Counted {
                file: std::io::BufWriter::with_capacity(1 << 20, file),
                written: 0,
            };
            let header = serde_json::to_vec(&about)?;
            out.write(&MAGIC.to_ne_bytes())?;
            out.write(&(header.len() as u64).to_ne_bytes())?;
            out.write(&header)?;
            out.section(vectors.iter().map(|v| v.to_ne_bytes()))?;
            for section in [rows, &graph.base, &graph.starts, &graph.upper] {
                out.section(section.iter().map(|v| v.to_ne_bytes()))?;
            }
            let file = out.file.into_inner().map_err(|e| e.into_error())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|e| e.error)?;
            Ok(())
        };
        write().map_err(|e| Error::Setup(format!("{} cannot be written: {e}", path.display())))
    }

    /// # Errors
    /// If the file is not there, or not whole, or of another version.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let cannot = |e: std::io::Error| Error::Setup(format!("{shown} cannot be read: {e}"));
        let damaged = || {
            Error::Failed(format!(
                "{shown} is no index of this version of semql, or damaged: CREATE OR REPLACE INDEX makes it anew"
            ))
        };
        let file = File::open(path).map_err(cannot)?;
        // SAFETY: index files are replaced whole, by renaming, and never changed.
        let map = unsafe { Mmap::map(&file) }.map_err(cannot)?;
        let number = |at: usize| -> Option<u64> {
            let bytes = map.get(at..at + 8)?.try_into().ok()?;
            Some(u64::from_ne_bytes(bytes))
        };
        if number(0) != Some(MAGIC) {
            return Err(damaged());
        }
        let end = number(8).and_then(|bytes| 16usize.checked_add(bytes as usize));
        let header = end.and_then(|end| map.get(16..end)).ok_or_else(damaged)?;
        let about: About = serde_json::from_slice(header).map_err(|_| damaged())?;
        let mut start = 16 + header.len();
        let mut sections = [const { 0..0 }; 5];
        for (section, length) in sections.iter_mut().zip(about.lengths.all()) {
            start = start.next_multiple_of(ALIGNMENT);
            let end = length
                .checked_mul(4)
                .and_then(|bytes| start.checked_add(bytes));
            let end = end.filter(|end| *end <= map.len()).ok_or_else(damaged)?;
            *section = start..end;
            start = end;
        }
        let counts = [about.vectors as usize, about.lengths.rows];
        if about.dims == 0
            || counts
                .iter()
                .any(|n| *n != about.lengths.vectors / about.dims)
            || start != map.len()
        {
            return Err(damaged());
        }
        Ok(Self {
            about,
            path: path.to_path_buf(),
            map,
            sections,
        })
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

    /// Per vector, the number of its row, counted through all files.
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

/// A type of four bytes of which all patterns are values.
trait Plain {}

impl Plain for f32 {}
impl Plain for u32 {}

struct Counted<W: Write> {
    file: std::io::BufWriter<W>,
    written: usize,
}

impl<W: Write> Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.written += bytes.len();
        self.file.write_all(bytes)
    }

    fn section(&mut self, values: impl Iterator<Item = [u8; 4]>) -> std::io::Result<()> {
        let gap = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.write(&[0; ALIGNMENT][..gap])?;
        for value in values {
            self.write(&value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::hnsw::{Seen, build};

    #[test]
    fn what_is_written_is_read_and_damage_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hnsw");
        let vectors: Vec<f32> = (0..200).map(|v| (v as f32).sin()).collect();
        let graph = build(&vectors, 2, 0, &|_| false).unwrap();
        let rows: Vec<u32> = (0..100).map(|row| row * 3).collect();
        let about = About {
            name: "a".to_string(),
            column: "v".to_string(),
            vectors: 100,
            dims: 2,
            ..About::default()
        };
        IndexFile::write(&path, about, &vectors, &rows, &graph).unwrap();
        let read = IndexFile::open(&path).unwrap();
        assert_eq!(read.rows(), rows);
        assert_eq!(read.view().vectors, vectors);
        assert!(read.view().is_sound());
        assert_eq!(
            read.view()
                .search(&[1.0, 0.0], 5, &mut Seen::default())
                .len(),
            5
        );
        let whole = std::fs::read(&path).unwrap();
        for damaged in [
            &whole[..whole.len() - 4],
            &whole[..20],
            &[],
            b"something else altogether",
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert!(IndexFile::open(&path).is_err());
        }
    }
}
