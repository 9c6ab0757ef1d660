//! File of answers: one line of JSON each, written at once.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Result, ShellError, io_reason};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewAnswer {
    pub title: Option<String>,
    pub text: Option<String>,
    pub label: String,
}

/// Answers of this and earlier sessions.
pub struct ReviewFile {
    name: String,
    file: File,
    /// Labels of all answered rows, by title and text.
    rows: HashMap<(Option<String>, Option<String>), String>,
    /// Answers of this session with their offsets in the file.
    added: Vec<(u64, ReviewAnswer)>,
}

impl ReviewFile {
    /// Opens the file `name`, or creates it.
    ///
    /// # Errors
    /// If it cannot be written, or contains other data.
    pub fn open(name: &str) -> Result<Self> {
        let failed =
            |e: std::io::Error| ShellError::query(format!("cannot open {name}: {}", io_reason(&e)));
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(name).map_err(failed)?;
        let mut rows = HashMap::new();
        let mut length = 0;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            if reader.read_line(&mut line).map_err(failed)? == 0 {
                break;
            }
            match serde_json::from_str::<ReviewAnswer>(&line) {
                Ok(answer) => rows.insert((answer.title, answer.text), answer.label),
                // The next answer overwrites a line that a kill truncated.
                Err(_) if !line.ends_with('\n') => break,
                Err(error) => {
                    return Err(ShellError::query(format!(
                        "{name}, line {number}: not an answer of \\review ({error}); choose another file"
                    )));
                }
            };
            length += line.len() as u64;
        }
        file.set_len(length).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self {
            name: name.to_string(),
            file,
            rows,
            added: Vec::new(),
        })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The label of a row that has an answer.
    pub fn label(&self, title: Option<&str>, text: Option<&str>) -> Option<&str> {
        let row = (title.map(str::to_string), text.map(str::to_string));
        self.rows.get(&row).map(String::as_str)
    }

    /// Appends an answer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, answer: ReviewAnswer) -> Result<()> {
        let mut line = serde_json::to_vec(&answer)
            .map_err(|e| ShellError::query(format!("{}: {e}", self.name)))?;
        line.push(b'\n');
        let write = |file: &mut File| -> std::io::Result<u64> {
            let start = file.stream_position()?;
            file.write_all(&line)?;
            file.sync_data()?;
            Ok(start)
        };
        let start = write(&mut self.file).map_err(|e| self.failed(&e))?;
        let row = (answer.title.clone(), answer.text.clone());
        self.rows.insert(row, answer.label.clone());
        self.added.push((start, answer));
        Ok(())
    }

    /// Removes the last answer of this session.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn undo(&mut self) -> Result<()> {
        let Some((start, answer)) = self.added.pop() else {
            return Ok(());
        };
        let truncate = |file: &mut File| -> std::io::Result<()> {
            file.set_len(start)?;
            file.seek(SeekFrom::Start(start))?;
            file.sync_data()
        };
        truncate(&mut self.file).map_err(|e| self.failed(&e))?;
        self.rows.remove(&(answer.title, answer.text));
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> ShellError {
        let reason = io_reason(error);
        ShellError::query(format!("cannot write {}: {reason}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(title: &str) -> ReviewAnswer {
        ReviewAnswer {
            title: Some(title.to_string()),
            text: None,
            label: "tea".to_string(),
        }
    }

    #[test]
    fn answers_are_stored_undone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("a.jsonl");
        let name = name.to_str().unwrap();
        let mut answers = ReviewFile::open(name).unwrap();
        answers.add(answer("one")).unwrap();
        answers.add(answer("two")).unwrap();
        answers.undo().unwrap();
        answers.add(answer("three")).unwrap();
        drop(answers);
        // A line that a kill truncated.
        let mut file = OpenOptions::new().append(true).open(name).unwrap();
        file.write_all(b"{\"title\":\"fo").unwrap();
        let mut answers = ReviewFile::open(name).unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!(answers.label(Some("one"), None), Some("tea"));
        assert_eq!(answers.label(Some("two"), None), None);
        answers.undo().unwrap();
        assert_eq!(answers.len(), 2, "undo leaves answers of earlier sessions");
        answers.add(answer("four")).unwrap();
        let text = std::fs::read_to_string(name).unwrap();
        assert_eq!(text.lines().count(), 3);
        std::fs::write(name, "not json\n").unwrap();
        assert!(ReviewFile::open(name).is_err());
        assert_eq!(std::fs::read_to_string(name).unwrap(), "not json\n");
    }
}
