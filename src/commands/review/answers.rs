//! The file of answers: a line of JSON each, written as soon as it is given.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Result, ShellError};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub title: Option<String>,
    pub text: Option<String>,
    pub label: String,
}

pub struct Answers {
    name: String,
    file: File,
    known: HashSet<(Option<String>, Option<String>)>,
    /// Where each answer of this sitting begins, with its row.
    given: Vec<(u64, Answer)>,
}

impl Answers {
    /// The file `name`, which is made if there is none.
    ///
    /// # Errors
    /// If it cannot be written, or holds something else.
    pub fn open(name: &str) -> Result<Self> {
        let failed = |e: std::io::Error| {
            ShellError::query(format!(
                "{name} cannot be used: {}",
                crate::script::plain_io(&e)
            ))
        };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(name).map_err(failed)?;
        let mut known = HashSet::new();
        let mut whole = 0;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            if reader.read_line(&mut line).map_err(failed)? == 0 {
                break;
            }
            match serde_json::from_str::<Answer>(&line) {
                Ok(answer) => known.insert((answer.title, answer.text)),
                // What a kill cut short is written over.
                Err(_) if !line.ends_with('\n') => break,
                Err(error) => {
                    return Err(ShellError::query(format!(
                        "{name}, line {number}: no answer of \\review ({error}); name another file"
                    )));
                }
            };
            whole += line.len() as u64;
        }
        file.set_len(whole).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self {
            name: name.to_string(),
            file,
            known,
            given: Vec::new(),
        })
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn has(&self, title: Option<&str>, text: Option<&str>) -> bool {
        let row = (title.map(str::to_string), text.map(str::to_string));
        self.known.contains(&row)
    }

    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, answer: Answer) -> Result<()> {
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
        self.known.insert(row);
        self.given.push((start, answer));
        Ok(())
    }

    /// Takes the last answer of this sitting out again.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn take_back(&mut self) -> Result<()> {
        let Some((start, answer)) = self.given.pop() else {
            return Ok(());
        };
        let cut = |file: &mut File| -> std::io::Result<()> {
            file.set_len(start)?;
            file.seek(SeekFrom::Start(start))?;
            file.sync_data()
        };
        cut(&mut self.file).map_err(|e| self.failed(&e))?;
        self.known.remove(&(answer.title, answer.text));
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> ShellError {
        let why = crate::script::plain_io(error);
        ShellError::query(format!("{} cannot be written: {why}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(title: &str) -> Answer {
        Answer {
            title: Some(title.to_string()),
            text: None,
            label: "tea".to_string(),
        }
    }

    #[test]
    fn answers_are_kept_taken_back_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("a.jsonl");
        let name = name.to_str().unwrap();
        let mut answers = Answers::open(name).unwrap();
        answers.add(answer("one")).unwrap();
        answers.add(answer("two")).unwrap();
        answers.take_back().unwrap();
        answers.add(answer("three")).unwrap();
        drop(answers);
        // A line that was cut short, as by a kill.
        let mut file = OpenOptions::new().append(true).open(name).unwrap();
        file.write_all(b"{\"title\":\"fo").unwrap();
        let mut answers = Answers::open(name).unwrap();
        assert_eq!(answers.len(), 2);
        assert!(answers.has(Some("one"), None) && !answers.has(Some("two"), None));
        answers.take_back().unwrap();
        assert_eq!(answers.len(), 2, "of an earlier sitting");
        answers.add(answer("four")).unwrap();
        let text = std::fs::read_to_string(name).unwrap();
        assert_eq!(text.lines().count(), 3);
        std::fs::write(name, "not json\n").unwrap();
        assert!(Answers::open(name).is_err());
        assert_eq!(std::fs::read_to_string(name).unwrap(), "not json\n");
    }
}
