//! Lines of an input, one at a time and none longer than is bearable.
//!
//! Strips line ends (LF and CRLF) and a byte order mark, skips empty lines and
//! counts them, so that `--to values` can leave a line empty for each.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use sandpool::Input;
use sandpool::value::Utf8;

use super::reading::Reading;
use super::stream::{CountedStream, Stream, unreadable};
use super::{Item, MAX_INPUT_LEN, Source, fingerprint, label};
use crate::apply::NOT_TEXT;
use crate::map::job::Named;

/// The separator of two lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnding {
    /// LF or CRLF; a byte order mark may stand before the first line.
    #[default]
    Newline,
    /// NUL, as `find -print0` writes it: all else is part of the line.
    Nul,
}

impl LineEnding {
    pub fn byte(self) -> u8 {
        match self {
            LineEnding::Newline => b'\n',
            LineEnding::Nul => 0,
        }
    }
}

/// A line that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputLine {
    Whole(Vec<u8>),
    /// It was too long, and is gone; this says so.
    TooLong(String),
}

/// The lines of an input.
pub struct Lines<R> {
    input: R,
    ending: LineEnding,
    longest: usize,
    /// Empty lines since the last line.
    empty: u64,
    first: bool,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R, ending: LineEnding, longest: usize) -> Self {
        Lines {
            input,
            ending,
            longest,
            empty: 0,
            first: ending == LineEnding::Newline,
            buffer: Vec::new(),
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn next(&mut self) -> io::Result<Option<InputLine>> {
        loop {
            let line = match self.read()? {
                None => return Ok(None),
                Some(true) if self.buffer.is_empty() => {
                    self.empty += 1;
                    continue;
                }
                Some(true) => InputLine::Whole(std::mem::take(&mut self.buffer)),
                Some(false) => {
                    InputLine::TooLong(format!("the line is longer than {} bytes", self.longest))
                }
            };
            return Ok(Some(line));
        }
    }

    /// Passes the next line, whatever it says; `false` at the end.
    ///
    /// # Errors
    /// As [`Lines::next`].
    pub fn pass(&mut self) -> io::Result<bool> {
        let line = self.next()?;
        let is_there = line.is_some();
        if let Some(InputLine::Whole(line)) = line {
            self.reuse(line);
        }
        Ok(is_there)
    }

    /// Takes back the room of a line that is not needed any more.
    pub fn reuse(&mut self, line: Vec<u8>) {
        self.buffer = line;
        // One large line is not kept for a million small ones.
        self.buffer.shrink_to(1 << 20);
    }

    /// The empty lines since they were last asked for.
    pub fn take_empty(&mut self) -> u64 {
        std::mem::take(&mut self.empty)
    }

    /// Reads a line into the buffer, without its end. `None` at the end of the
    /// input, `false` when the line was too long and is gone.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let end = self.ending.byte();
        // Room for the line, a CR and the LF.
        let room = self.longest as u64 + 2;
        let read = self
            .input
            .by_ref()
            .take(room)
            .read_until(end, &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        if self.buffer.pop_if(|byte| *byte == end).is_none() && read as u64 == room {
            self.skip_line()?;
            return Ok(Some(false));
        }
        if self.ending == LineEnding::Newline {
            self.buffer.pop_if(|byte| *byte == b'\r');
        }
        if std::mem::take(&mut self.first) && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        Ok(Some(self.buffer.len() <= self.longest))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        let ending = self.ending.byte();
        loop {
            let chunk = self.input.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == ending);
            let used = end.map_or(chunk.len(), |at| at + 1);
            let done = chunk.is_empty() || end.is_some();
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

/// The lines of a stream.
pub type StreamLines = Lines<CountedStream>;

/// The lines of a stream, and its name.
pub fn lines_of(stream: Stream, ending: LineEnding) -> (String, StreamLines) {
    let name = stream.name().to_owned();
    (name, Lines::new(stream.buffered(), ending, MAX_INPUT_LEN))
}

/// Each line of some streams, one after the other, is an input.
pub struct LineSource {
    streams: VecDeque<(String, StreamLines)>,
    ending: LineEnding,
    reading: Reading,
    takes_bytes: bool,
    utf8: Utf8,
    job: Named,
    /// The number of the last input, from 1.
    number: u64,
    /// Empty lines since the last input.
    blank: u64,
}

impl LineSource {
    pub fn new(
        streams: Vec<Stream>,
        ending: LineEnding,
        reading: Reading,
        utf8: Utf8,
        job: Named,
    ) -> Self {
        let takes_bytes = reading.takes_bytes(&job);
        // Names of files are bytes, but a list of them is text as others are.
        let is_text = ending == LineEnding::Newline && (!takes_bytes || reading == Reading::File);
        let open = |stream: Stream| match is_text {
            true => lines_of(stream.decoded(utf8), ending),
            false => lines_of(stream, ending),
        };
        LineSource {
            streams: streams.into_iter().map(open).collect(),
            ending,
            reading,
            takes_bytes,
            utf8,
            job,
            number: 0,
            blank: 0,
        }
    }

    fn next_line(&mut self) -> anyhow::Result<Option<InputLine>> {
        while let Some((name, lines)) = self.streams.front_mut() {
            let line = lines.next().map_err(|error| unreadable(name, error))?;
            self.blank += lines.take_empty();
            if line.is_some() {
                return Ok(line);
            }
            self.streams.pop_front();
        }
        Ok(None)
    }

    /// Returns the input of a line with its label; without the empty lines before it.
    fn item(&mut self, line: InputLine) -> Item {
        let bad = |why: String, bytes: &[u8]| Item {
            label: label(&why),
            hash: fingerprint([bytes]),
            input: Input::Invalid(why),
            name: None,
            blank: 0,
        };
        let bytes = match line {
            InputLine::Whole(bytes) => bytes,
            InputLine::TooLong(why) => return bad(why, b""),
        };
        if self.takes_bytes {
            let label = label(&String::from_utf8_lossy(&bytes));
            let name = self.job.naming.of_bytes(&bytes, self.number);
            let bytes = self.ended(bytes);
            let (input, hash) = self.reading.bytes(bytes, self.number, &self.job, self.utf8);
            return Item {
                label,
                hash,
                input,
                name,
                blank: 0,
            };
        }
        let text = match (String::from_utf8(bytes), self.utf8) {
            (Err(error), Utf8::Lossy) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            (text, _) => text,
        };
        match text {
            Ok(text) => {
                let (input, hash) = self.reading.text(&text, self.number, &self.job, self.utf8);
                let label = label(&text);
                let name = self.job.naming.of(&[&text], self.number);
                if let Some((_, lines)) = self.streams.front_mut() {
                    lines.reuse(text.into_bytes());
                }
                Item {
                    label,
                    hash,
                    input,
                    name,
                    blank: 0,
                }
            }
            Err(error) => bad(
                format!("the line is not UTF-8 ({NOT_TEXT})"),
                error.as_bytes(),
            ),
        }
    }

    /// Ends the stdin of a command as its line ends.
    fn ended(&self, mut line: Vec<u8>) -> Vec<u8> {
        if self.reading == Reading::Stdin && self.ending == LineEnding::Newline {
            line.push(b'\n');
        }
        line
    }
}

impl Source for LineSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        let Some(line) = self.next_line()? else {
            return Ok(None);
        };
        self.number += 1;
        Ok(Some(Item {
            blank: std::mem::take(&mut self.blank),
            ..self.item(line)
        }))
    }

    fn blank_at_end(&self) -> u64 {
        self.blank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines, and the empty ones before each and at the end.
    fn read(input: &[u8], longest: usize) -> (Vec<InputLine>, Vec<u64>) {
        // A small buffer, so that lines are longer than it.
        let mut lines = Lines::new(
            io::BufReader::with_capacity(3, input),
            LineEnding::Newline,
            longest,
        );
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

    fn text(line: &str) -> InputLine {
        InputLine::Whole(line.into())
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
    fn a_line_that_is_too_long_costs_itself_alone() {
        let (lines, _) = read(b"1234567890\n12345\r\n\xff\nx", 5);
        let too_long = InputLine::TooLong("the line is longer than 5 bytes".into());
        let no_text = InputLine::Whole(vec![0xff]);
        assert_eq!(lines, [too_long, text("12345"), no_text, text("x")]);
        let (lines, _) = read(b"1234567\n12345678\n", 5);
        assert!(
            lines
                .iter()
                .all(|line| matches!(line, InputLine::TooLong(_)))
                && lines.len() == 2,
            "{lines:?}"
        );
    }

    #[test]
    fn between_nuls_every_other_byte_is_the_lines() {
        let mut lines = Lines::new(&b"\xef\xbb\xbfa\nb\r\0\0c"[..], LineEnding::Nul, 100);
        assert_eq!(lines.next().unwrap(), Some(text("\u{feff}a\nb\r")));
        assert_eq!(lines.next().unwrap(), Some(text("c")));
        assert_eq!((lines.next().unwrap(), lines.take_empty()), (None, 1));
    }

    #[test]
    fn a_failure_to_read_ends_the_lines() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut lines = Lines::new(
            io::BufReader::new(b"a\n".chain(Broken)),
            LineEnding::Newline,
            10,
        );
        assert_eq!(lines.next().expect("one line"), Some(text("a")));
        assert!(lines.next().is_err());
    }
}
