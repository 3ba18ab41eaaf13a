//! Lines of an input, one at a time and none longer than is bearable.
//!
//! Strips line ends (LF and CRLF) and a byte order mark, skips empty lines and
//! counts them, so that `--to values` can leave a line empty for each.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// A line that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Text(String),
    /// It cannot be a call's arguments, and this is why.
    Unreadable(String),
}

/// What the thread that reads the lines tells the one that prints the results.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// For each line that was read and not yet asked for: the empty lines
    /// before it.
    empty_before: VecDeque<u64>,
    /// Empty lines since the last line.
    empty: u64,
    failure: Option<io::Error>,
}

impl Progress {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many empty lines stood before the next line, in input order; at the
    /// end of the input, how many stood there.
    pub fn next_empty(&self) -> u64 {
        let mut told = self.told();
        match told.empty_before.pop_front() {
            Some(empty) => empty,
            None => std::mem::take(&mut told.empty),
        }
    }

    /// Why the input could not be read to its end.
    pub fn failure(&self) -> Option<io::Error> {
        self.told().failure.take()
    }
}

/// The lines of an input.
pub struct Lines<R> {
    input: R,
    longest: usize,
    /// Whether to tell of empty lines; if nobody asks, nothing is kept.
    counts_empty: bool,
    progress: Progress,
    first: bool,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R, longest: usize, counts_empty: bool, progress: Progress) -> Self {
        Lines {
            input,
            longest,
            counts_empty,
            progress,
            first: true,
            buffer: Vec::new(),
        }
    }

    /// Reads a line into the buffer, without its end. `None` at the end of the
    /// input, `false` when the line was too long and is gone.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        // Room for the line, a CR and the LF.
        let room = self.longest as u64 + 2;
        let read = self
            .input
            .by_ref()
            .take(room)
            .read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        if self.buffer.pop_if(|byte| *byte == b'\n').is_none() && read as u64 == room {
            self.skip_line()?;
            return Ok(Some(false));
        }
        self.buffer.pop_if(|byte| *byte == b'\r');
        if std::mem::take(&mut self.first) && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        Ok(Some(self.buffer.len() <= self.longest))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.input.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(chunk.len(), |at| at + 1);
            let done = chunk.is_empty() || end.is_some();
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }

    fn note_line(&self) {
        if self.counts_empty {
            let mut told = self.progress.told();
            let empty = std::mem::take(&mut told.empty);
            told.empty_before.push_back(empty);
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let line = match self.read() {
                Ok(None) => return None,
                Ok(Some(true)) if self.buffer.is_empty() => {
                    if self.counts_empty {
                        self.progress.told().empty += 1;
                    }
                    continue;
                }
                Ok(Some(true)) => match std::str::from_utf8(&self.buffer) {
                    Ok(text) => Line::Text(text.to_owned()),
                    Err(_) => Line::Unreadable("the line is not UTF-8".into()),
                },
                Ok(Some(false)) => {
                    Line::Unreadable(format!("the line is longer than {} bytes", self.longest))
                }
                Err(error) => {
                    self.progress.told().failure = Some(error);
                    return None;
                }
            };
            // One large line is not kept for a million small ones.
            self.buffer.shrink_to(1 << 20);
            self.note_line();
            return Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], longest: usize) -> (Vec<Line>, Progress) {
        let progress = Progress::default();
        // A small buffer, so that lines are longer than it.
        let input = io::BufReader::with_capacity(3, input);
        (
            Lines::new(input, longest, true, progress.clone()).collect(),
            progress,
        )
    }

    fn text(line: &str) -> Line {
        Line::Text(line.into())
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_are_no_part_of_a_line() {
        let (lines, _) = read(b"\xef\xbb\xbfone\r\n two \nthr\ree", 100);
        assert_eq!(lines, [text("one"), text(" two "), text("thr\ree")]);
        let (lines, _) = read(b"\xef\xbb\xbf\r\nx\n", 100);
        assert_eq!(lines, [text("x")]);
    }

    #[test]
    fn empty_lines_are_skipped_and_counted() {
        let (lines, progress) = read(b"\n\na\nb\n\r\nc\n\n", 100);
        assert_eq!(lines, [text("a"), text("b"), text("c")]);
        let counts: Vec<_> = (0..4).map(|_| progress.next_empty()).collect();
        assert_eq!(counts, [2, 0, 1, 1]);
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_costs_itself_alone() {
        let (lines, _) = read(b"1234567890\n12345\r\n\xff\nx", 5);
        let too_long = Line::Unreadable("the line is longer than 5 bytes".into());
        let no_text = Line::Unreadable("the line is not UTF-8".into());
        assert_eq!(lines, [too_long, text("12345"), no_text, text("x")]);
        let (lines, _) = read(b"1234567\n12345678\n", 5);
        assert!(
            lines.iter().all(|line| matches!(line, Line::Unreadable(_))) && lines.len() == 2,
            "{lines:?}"
        );
    }

    #[test]
    fn a_failure_to_read_ends_the_lines_and_is_kept() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let progress = Progress::default();
        let input = io::BufReader::new(b"a\n".chain(Broken));
        let lines = Lines::new(input, 10, false, progress.clone());
        assert_eq!(lines.collect::<Vec<_>>(), [text("a")]);
        assert!(progress.failure().is_some());
    }
}
