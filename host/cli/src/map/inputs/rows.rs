//! The rows of a table, one at a time and none longer than is bearable: a quote
//! that is never closed would else make one row of all that follows.

use std::io::{self, BufRead, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The separator of two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A comma; a cell with one in it stands in double quotes (RFC 4180).
    Comma,
    /// A tab; nothing is quoted, so no cell holds a tab or a line's end.
    Tab,
}

/// Reads rows. Empty lines are none; a byte order mark is no part of the first.
pub struct Rows<R> {
    input: R,
    parser: Reader,
    /// The first bytes, until it is known that they are no byte order mark. The
    /// parser knows one too, but takes one that comes alone for the end.
    first: Option<Vec<u8>>,
    longest: usize,
    /// The cells of the row, without anything between them.
    text: Vec<u8>,
    /// Where each cell ends.
    ends: Vec<usize>,
    /// The length of the row that was read last.
    length: usize,
    cells: usize,
}

/// Room for a row at first, and what is kept of a larger one's.
const ROOM: usize = 1 << 10;
const KEPT_CAPACITY: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl<R: BufRead> Rows<R> {
    pub fn new(input: R, separator: Separator, longest: usize) -> Self {
        let parser = ReaderBuilder::new()
            .delimiter(match separator {
                Separator::Comma => b',',
                Separator::Tab => b'\t',
            })
            .quoting(separator == Separator::Comma)
            .build();
        Rows {
            input,
            parser,
            first: None,
            longest,
            text: vec![0; ROOM],
            ends: vec![0; 16],
            length: 0,
            cells: 0,
        }
    }

    /// Reads the next row; `false` at the end.
    ///
    /// # Errors
    /// If the input cannot be read, or the row does not come to an end.
    pub fn read(&mut self) -> io::Result<bool> {
        if self.text.len() > KEPT_CAPACITY {
            self.text = vec![0; ROOM];
        }
        (self.length, self.cells) = (0, 0);
        if self.first.is_none() {
            let mut first = Vec::new();
            self.input.by_ref().take(3).read_to_end(&mut first)?;
            self.first = Some(
                first
                    .strip_prefix(BYTE_ORDER_MARK)
                    .unwrap_or(&first)
                    .to_vec(),
            );
        }
        loop {
            let first = self.first.as_mut().filter(|first| !first.is_empty());
            let chunk = match &first {
                Some(first) => first.as_slice(),
                None => self.input.fill_buf()?,
            };
            let (result, used, written, ended) = self.parser.read_record(
                chunk,
                &mut self.text[self.length..],
                &mut self.ends[self.cells..],
            );
            match first {
                Some(first) => drop(first.drain(..used)),
                None => self.input.consume(used),
            }
            self.length += written;
            self.cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
                _ if self.length + self.cells > self.longest => {
                    let text = format!(
                        "a row is longer than {} bytes; is a quote never closed?",
                        self.longest
                    );
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
                }
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    /// The cells of the row that was read last.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let ends = &self.ends[..self.cells];
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| &self.text[start..*end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn rows(text: &str, separator: Separator) -> Vec<Vec<String>> {
        // A small buffer, so that cells are longer than it.
        let input = BufReader::with_capacity(3, text.as_bytes());
        let mut rows = Rows::new(input, separator, 1 << 20);
        let mut all = Vec::new();
        while rows.read().expect("it can be read") {
            let cell = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            all.push(rows.cells().map(cell).collect());
        }
        all
    }

    #[test]
    fn quotes_mean_something_between_commas_and_nothing_between_tabs() {
        let text = "\u{feff}a,b\r\n\"x,\"\"y\"\"\n\",2\n\n3\n,";
        assert_eq!(
            rows(text, Separator::Comma),
            [
                vec!["a", "b"],
                vec!["x,\"y\"\n", "2"],
                vec!["3"],
                vec!["", ""]
            ]
        );
        assert_eq!(
            rows("a\tb,c\n\"x\t2\"\n", Separator::Tab),
            [["a", "b,c"], ["\"x", "2\""]]
        );
        assert!(rows("", Separator::Comma).is_empty());
    }

    #[test]
    fn rows_of_many_and_of_large_cells_come_whole() {
        let wide = vec!["x"; 1000].join(",");
        let large = "y".repeat(100_000);
        let read = rows(&format!("{wide}\n{large}\n{wide}"), Separator::Comma);
        assert_eq!((read[0].len(), read[2].len()), (1000, 1000));
        assert_eq!(read[1], [large]);
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let input = BufReader::new(b"a\n\"".chain(io::repeat(b'x')));
        let mut rows = Rows::new(input, Separator::Comma, 1 << 16);
        assert!(rows.read().expect("the header"));
        let error = rows.read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
