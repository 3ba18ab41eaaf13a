//! Tables: comma-separated values and tab-separated ones, each row an input.
//!
//! The header names parameters, or a template's placeholders. It is checked
//! before anything runs; a row that does not fit costs itself alone.

use std::borrow::Cow;
use std::collections::VecDeque;

use sandpool::Input;
use sandpool::value::Utf8;

use super::rows::{Rows, Separator};
use super::stream::{CountedStream, Stream, unreadable};
use super::{Item, MAX_INPUT_LEN, Source, fingerprint, label};
use crate::apply::NOT_TEXT;
use crate::map::job::{Job, Named};
use crate::report::{Failure, Kind};
use crate::show;

/// The rows of a stream.
type StreamRows = Rows<CountedStream>;

/// An opened table, of which the header has been read.
pub struct InputTable {
    name: String,
    rows: StreamRows,
    /// Empty where there is no header.
    header: Vec<String>,
    /// The number of cells of a row: those of the first.
    width: usize,
    /// True if the first row was read, and is yet to become an input.
    has_row: bool,
}

impl InputTable {
    /// Opens a table. With a `header`, its first row names the columns. Opens a table;
    /// bytes that are not UTF-8 are refused, or replaced in the rows.
    pub fn open(
        stream: Stream,
        separator: Separator,
        header: bool,
        utf8: Utf8,
    ) -> Result<Self, Failure> {
        let name = stream.name().to_owned();
        let mut rows = Rows::new(stream.decoded(utf8).buffered(), separator, MAX_INPUT_LEN);
        let (header, has_row) = match header {
            true => (read_header(&name, &mut rows)?, false),
            false => (Vec::new(), read_first(&name, &mut rows)?),
        };
        let width = rows.cells().count();
        Ok(InputTable {
            name,
            rows,
            header,
            width,
            has_row,
        })
    }

    /// Returns the number of values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Reads the next row; `false` at the end.
    fn read(&mut self) -> anyhow::Result<bool> {
        if std::mem::take(&mut self.has_row) {
            return Ok(true);
        }
        self.rows
            .read()
            .map_err(|error| unreadable(&self.name, error))
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Checks that the columns of this table are those of the first one.
    pub fn continues(&self, first: &InputTable) -> Result<(), Failure> {
        match self.header == first.header {
            true => Ok(()),
            false => Err(Failure::unusable(format!(
                "the header of {} differs from the header of {}",
                self.name, first.name
            ))),
        }
    }

    /// Checks that the function can be called with these columns, except for those that are
    /// to be ignored.
    pub fn fits(&self, job: &Job, ignore: bool) -> Result<(), Failure> {
        if self.header.is_empty() {
            return match self.has_row {
                true => job.takes_cells(self.width, &format!("a row of {}", self.name), ignore),
                false => Ok(()),
            };
        }
        let text = || format!("the header of {} does not fit the function", self.name);
        job.takes_columns(&self.header, ignore)
            .map_err(|failure| failure.context(text()))
    }
}

fn read_first(name: &str, rows: &mut StreamRows) -> Result<bool, Failure> {
    rows.read()
        .map_err(|error| Failure::new(Kind::Unusable, unreadable(name, error)))
}

fn read_header(name: &str, rows: &mut StreamRows) -> Result<Vec<String>, Failure> {
    if !read_first(name, rows)? {
        return Err(Failure::unusable(format!(
            "the input, {name}, has no header: its first row must name the columns"
        ))
        .hint("`--no-header` takes the columns in order"));
    }
    let column = |cell: &[u8]| {
        let text = String::from_utf8(cell.to_vec()).ok()?;
        Some(text.trim().to_owned())
    };
    let header: Option<Vec<_>> = rows.cells().map(column).collect();
    let header =
        header.ok_or_else(|| Failure::unusable(format!("the header of {name} is not UTF-8")))?;
    let twice = |(index, column): (usize, &String)| header[..index].contains(column);
    match header.iter().enumerate().find(|named| twice(*named)) {
        Some((_, column)) => Err(Failure::unusable(format!(
            "the header of {name} has the column `{column}` twice"
        ))),
        None => Ok(header),
    }
}

/// Each row of some tables, one after the other, is an input.
pub struct TableSource {
    tables: VecDeque<InputTable>,
    header: Vec<String>,
    ignore: bool,
    utf8: Utf8,
    job: Named,
    /// The number of the last input, from 1.
    number: u64,
}

impl TableSource {
    /// With `ignore`, cells without a parameter are left out.
    pub fn new(tables: Vec<InputTable>, ignore: bool, utf8: Utf8, job: Named) -> Self {
        let header = tables
            .first()
            .map_or_else(Vec::new, |table| table.header.clone());
        TableSource {
            tables: tables.into(),
            header,
            ignore,
            utf8,
            job,
            number: 0,
        }
    }
}

impl TableSource {
    /// Returns the input that the cells of a row make.
    fn input(&self, cells: &[&str]) -> Input {
        let header = &self.header;
        if header.is_empty() {
            return self.job.cells(cells, self.number, self.ignore);
        }
        if cells.len() != header.len() {
            return Input::Invalid(format!(
                "the row has {}, and the header {}",
                show::counted(cells.len() as u64, "column"),
                show::count(header.len() as u64)
            ));
        }
        self.job.row(header, cells, self.number)
    }
}

/// A cell's text; `None` if it is not UTF-8 and that is refused.
fn text(cell: &[u8], utf8: Utf8) -> Option<Cow<'_, str>> {
    match utf8 {
        Utf8::Strict => std::str::from_utf8(cell).ok().map(Cow::Borrowed),
        Utf8::Lossy => Some(String::from_utf8_lossy(cell)),
    }
}

impl Source for TableSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        while let Some(table) = self.tables.front_mut() {
            if !table.read()? {
                self.tables.pop_front();
                continue;
            }
            self.number += 1;
            let Some(table) = self.tables.front() else {
                break;
            };
            let hash = fingerprint(table.rows.cells());
            let cells = table.rows.cells().map(|cell| text(cell, self.utf8));
            let cells: Option<Vec<_>> = cells.collect();
            let (text, input, name) = match &cells {
                Some(cells) => {
                    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
                    let name = self.job.naming.of(&cells, self.number);
                    (cells.join(" "), self.input(&cells), name)
                }
                None => {
                    let why = format!("the row is not UTF-8 ({NOT_TEXT})");
                    (why.clone(), Input::Invalid(why), None)
                }
            };
            return Ok(Some(Item {
                label: label(&text),
                hash,
                input,
                name,
                blank: 0,
            }));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &'static str) -> Result<InputTable, Failure> {
        let stream = Stream::of(text.as_bytes());
        InputTable::open(stream, Separator::Comma, true, Utf8::Strict)
    }

    #[test]
    fn a_header_has_to_be_there_and_to_name_each_column_once() {
        assert!(open("").is_err());
        assert!(open("a,b,a\n1,2,3\n").is_err());
        let padded = open(" a , b\n1,2").unwrap();
        assert_eq!(padded.header(), ["a", "b"]);
        let first = open("a,b\n").unwrap();
        let other = open("b,a\n").unwrap();
        assert!(other.continues(&first).is_err());
    }
}
