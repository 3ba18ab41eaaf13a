//! Counts the inputs beside the run that reads them: where all come from files, a
//! progress bar so knows soon how long it is.
//!
//! The files are read a second time, by the same readers that make inputs of them, and
//! without moving the place that the run reads from.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sandpool::value::Utf8;

use super::MAX_INPUT_LEN;
use super::blocks::Blocks;
use super::lines::{LineEnding, Lines};
use super::rows::{Rows, Separator};
use super::utf16::Decoder;

/// Files of more bytes, in all, are not read twice.
const MOST_BYTES: u64 = 8 << 30;

/// The unit of input that is counted.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Line(LineEnding),
    /// A row; whether the first one of each file names the columns.
    Row(Separator, bool),
    /// A block of approximately this many bytes.
    Block(LineEnding, usize),
}

/// A file, from where on the run reads it.
#[derive(Clone, Debug)]
pub struct Counted {
    pub file: Arc<File>,
    pub start: u64,
    pub bytes: u64,
}

/// Counts the inputs in some files.
#[derive(Clone, Debug)]
pub struct Counting {
    unit: Unit,
    files: Vec<Counted>,
}

impl Counting {
    /// `None` if that would take too long.
    pub fn of(unit: Unit, files: Vec<Counted>) -> Option<Self> {
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        (bytes <= MOST_BYTES).then_some(Counting { unit, files })
    }

    /// Counts in a thread of its own, which tells the number, unless `ended` says
    /// before that nobody wants it any more.
    pub fn begin(self, ended: Arc<AtomicBool>, tell: impl FnOnce(u64) + Send + 'static) {
        let count = move || {
            if let Some(inputs) = self.count(&ended) {
                tell(inputs);
            }
        };
        // Without a thread there is a guess.
        let _ = thread::Builder::new().name("count".into()).spawn(count);
    }

    fn count(&self, ended: &AtomicBool) -> Option<u64> {
        let mut inputs = 0;
        for counted in &self.files {
            let mut first = [0; 2];
            // UTF-16 is read otherwise; of that there is a guess.
            let found = counted.file.read_at(&mut first, counted.start).ok()?;
            if found == 2 && matches!(first, [0xff, 0xfe] | [0xfe, 0xff]) {
                return None;
            }
            let reader = At {
                file: &counted.file,
                at: counted.start,
            };
            inputs += match self.unit {
                // As text is read that inputs are made of.
                Unit::Line(LineEnding::Newline) | Unit::Row(..) => {
                    let text = Decoder::new(reader, Utf8::Lossy);
                    count(buffered(text), self.unit, ended)?
                }
                _ => count(buffered(reader), self.unit, ended)?,
            };
        }
        Some(inputs)
    }
}

fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(256 << 10, reader)
}

/// Counts what is in one file; `None` if that cannot be read, or nobody wants it.
fn count<R: Read>(reader: BufReader<R>, unit: Unit, ended: &AtomicBool) -> Option<u64> {
    let mut inputs = 0;
    let mut one_more = |is_there: bool| {
        inputs += u64::from(is_there);
        is_there && !(inputs.is_multiple_of(1024) && ended.load(Ordering::Relaxed))
    };
    match unit {
        Unit::Line(ending) => {
            let mut lines = Lines::new(reader, ending, MAX_INPUT_LEN);
            while one_more(lines.pass().ok()?) {}
        }
        Unit::Row(separator, header) => {
            let mut rows = Rows::new(reader, separator, MAX_INPUT_LEN);
            if header {
                rows.read().ok()?;
            }
            while one_more(rows.read().ok()?) {}
        }
        Unit::Block(ending, size) => {
            let mut blocks = Blocks::new(reader, ending, size, MAX_INPUT_LEN);
            while one_more(blocks.next().ok()?.is_some()) {}
        }
    }
    (!ended.load(Ordering::Relaxed)).then_some(inputs)
}

/// Reads a file from a place of its own.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, SeekFrom, Write as _};

    fn counted(text: &str, start: u64, unit: Unit) -> Option<u64> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.seek(SeekFrom::Start(start)).unwrap();
        let file = Counted {
            file: Arc::new(file),
            start,
            bytes: text.len() as u64 - start,
        };
        let place = Arc::clone(&file.file);
        let counting = Counting::of(unit, vec![file.clone(), file]).unwrap();
        let inputs = counting.count(&AtomicBool::new(false));
        assert_eq!((&*place).stream_position().unwrap(), start);
        assert_eq!(counting.count(&AtomicBool::new(true)), None);
        inputs
    }

    #[test]
    fn inputs_are_counted_as_they_are_read_and_the_place_stays() {
        let lines = Unit::Line(LineEnding::Newline);
        assert_eq!(counted("a\n\nb\r\n\r\nc", 0, lines), Some(6));
        assert_eq!(counted("a\nb\nc\n", 2, lines), Some(4));
        assert_eq!(
            counted("a\0\0b\nc", 0, Unit::Line(LineEnding::Nul)),
            Some(4)
        );
        let rows = |header| Unit::Row(Separator::Comma, header);
        assert_eq!(counted("a,b\n\"1\n2\",3\n4,5\n", 0, rows(true)), Some(4));
        assert_eq!(counted("a,b\n1,2\n", 0, rows(false)), Some(4));
        let blocks = Unit::Block(LineEnding::Newline, 4);
        assert_eq!(counted("a\nb\nc\nd\n", 0, blocks), Some(4));
    }

    #[test]
    fn what_is_too_large_is_not_counted() {
        let file = Counted {
            file: Arc::new(tempfile::tempfile().unwrap()),
            start: 0,
            bytes: MOST_BYTES + 1,
        };
        assert!(Counting::of(Unit::Line(LineEnding::Newline), vec![file]).is_none());
    }
}
