//! Lines of an input, one at a time and none longer than is bearable.
//!
//! Strips line ends (LF and CRLF) and a byte order mark, skips empty lines and
//! counts them, so that `--to values` can leave a line empty for each.

use std::io::{self, BufRead, BufReader, Read};

use anyhow::Context as _;
use sandpool::Input;
use sandpool::value::LineFormat;

use super::{Item, Source, fingerprint, label};
use crate::cli::map::job::Job;

/// The longest line that is read; a longer one is `invalid_arguments`.
const LONGEST_LINE: usize = 64 << 20;

/// A line that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Text(String),
    /// It cannot be a call's arguments, and this is why.
    Unreadable(String),
}

/// The lines of an input.
pub struct Lines<R> {
    input: R,
    longest: usize,
    /// Empty lines since the last line.
    empty: u64,
    first: bool,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R, longest: usize) -> Self {
        Lines {
            input,
            longest,
            empty: 0,
            first: true,
            buffer: Vec::new(),
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let line = match self.read()? {
                None => return Ok(None),
                Some(true) if self.buffer.is_empty() => {
                    self.empty += 1;
                    continue;
                }
                Some(true) => match std::str::from_utf8(&self.buffer) {
                    Ok(text) => Line::Text(text.to_owned()),
                    Err(_) => Line::Unreadable("the line is not UTF-8".into()),
                },
                Some(false) => {
                    Line::Unreadable(format!("the line is longer than {} bytes", self.longest))
                }
            };
            // One large line is not kept for a million small ones.
            self.buffer.shrink_to(1 << 20);
            return Ok(Some(line));
        }
    }

    /// The empty lines since they were last asked for.
    pub fn take_empty(&mut self) -> u64 {
        std::mem::take(&mut self.empty)
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
}

/// Each line is an input.
pub struct LineSource {
    name: String,
    lines: Lines<BufReader<Box<dyn Read + Send>>>,
    job: Job,
    format: LineFormat,
    blank_at_end: u64,
}

impl LineSource {
    /// The lines of an input of this name, which errors call it by.
    pub fn new(name: String, input: Box<dyn Read + Send>, job: Job, format: LineFormat) -> Self {
        let input = BufReader::with_capacity(64 << 10, input);
        LineSource {
            name,
            lines: Lines::new(input, LONGEST_LINE),
            job,
            format,
            blank_at_end: 0,
        }
    }
}

impl Source for LineSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        let line = self
            .lines
            .next()
            .with_context(|| format!("the input, {}, cannot be read", self.name))?;
        let blank = self.lines.take_empty();
        let Some(line) = line else {
            self.blank_at_end = blank;
            return Ok(None);
        };
        let (text, input) = match line {
            Line::Text(text) => {
                let input = self.job.input(&text, self.format);
                (text, input)
            }
            Line::Unreadable(why) => (why.clone(), Input::Invalid(why)),
        };
        Ok(Some(Item {
            hash: fingerprint(text.as_bytes()),
            label: label(text),
            input,
            blank,
        }))
    }

    fn blank_at_end(&self) -> u64 {
        self.blank_at_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines, and the empty ones before each and at the end.
    fn read(input: &[u8], longest: usize) -> (Vec<Line>, Vec<u64>) {
        // A small buffer, so that lines are longer than it.
        let mut lines = Lines::new(io::BufReader::with_capacity(3, input), longest);
        let (mut all, mut empty) = (Vec::new(), Vec::new());
        loop {
            let line = lines.next().expect("it can be read");
            empty.push(lines.take_empty());
            match line {
                Some(line) => all.push(line),
                None => return (all, empty),
            }
        }
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
        let (lines, empty) = read(b"\n\na\nb\n\r\nc\n\n", 100);
        assert_eq!(lines, [text("a"), text("b"), text("c")]);
        assert_eq!(empty, [2, 0, 1, 1]);
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
    fn a_failure_to_read_ends_the_lines() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut lines = Lines::new(io::BufReader::new(b"a\n".chain(Broken)), 10);
        assert_eq!(lines.next().expect("one line"), Some(text("a")));
        assert!(lines.next().is_err());
    }
}
