//! Tables: comma-separated values and tab-separated ones, each row an input.
//!
//! The header names parameters, or a template's placeholders. It is checked
//! before anything runs; a row that does not fit costs itself alone.

use std::collections::VecDeque;

use sandpool::Input;

use super::rows::{Rows, Separator};
use super::stream::{Stream, Taken, unreadable};
use super::{Item, LONGEST, Source, fingerprint, label};
use crate::cli::map::job::{Job, Named};
use crate::cli::report::{Failure, Kind};

/// The rows of a stream.
type StreamRows = Rows<Taken>;

/// An opened table, of which the header has been read.
pub struct Table {
    name: String,
    rows: StreamRows,
    /// Empty where there is no header.
    header: Vec<String>,
}

impl Table {
    /// Opens a table. With a `header`, its first row names the columns.
    pub fn open(stream: Stream, separator: Separator, header: bool) -> Result<Self, Failure> {
        let name = stream.name().to_owned();
        let mut rows = Rows::new(stream.buffered(), separator, LONGEST);
        let header = match header {
            true => read_header(&name, &mut rows)?,
            false => Vec::new(),
        };
        Ok(Table { name, rows, header })
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// That the columns of this table are those of the first one.
    pub fn continues(&self, first: &Table) -> Result<(), Failure> {
        match self.header == first.header {
            true => Ok(()),
            false => Err(Failure::unusable(format!(
                "the header of {} is not that of {}",
                self.name, first.name
            ))),
        }
    }

    /// That the function can be called with these columns.
    pub fn fits(&self, job: &Job) -> Result<(), Failure> {
        job.takes_columns(&self.header).map_err(|error| {
            let text = format!("the header of {} does not fit the function", self.name);
            Failure::new(Kind::Unusable, error.context(text))
        })
    }
}

fn read_header(name: &str, rows: &mut StreamRows) -> Result<Vec<String>, Failure> {
    let found = rows
        .read()
        .map_err(|error| Failure::new(Kind::Unusable, unreadable(name, error)))?;
    if !found {
        return Err(Failure::unusable(format!(
            "the input, {name}, has no header: its first row is to name the columns"
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
    tables: VecDeque<Table>,
    header: Vec<String>,
    job: Named,
    /// The number of the last input, from 1.
    number: u64,
}

impl TableSource {
    pub fn new(tables: Vec<Table>, job: Named) -> Self {
        let header = tables
            .first()
            .map_or_else(Vec::new, |table| table.header.clone());
        TableSource {
            tables: tables.into(),
            header,
            job,
            number: 0,
        }
    }
}

fn input(header: &[String], cells: &[&str], number: u64, job: &Job) -> Input {
    if header.is_empty() {
        return job.texts(cells, number);
    }
    if cells.len() != header.len() {
        return Input::Invalid(format!(
            "the row has {} columns, and the header {}",
            cells.len(),
            header.len()
        ));
    }
    job.row(header, cells, number)
}

impl Source for TableSource {
    fn next(&mut self) -> anyhow::Result<Option<Item>> {
        while let Some(table) = self.tables.front_mut() {
            let found = table.rows.read();
            if !found.map_err(|error| unreadable(&table.name, error))? {
                self.tables.pop_front();
                continue;
            }
            self.number += 1;
            let hash = fingerprint(table.rows.cells());
            let cells: Result<Vec<_>, _> = table.rows.cells().map(std::str::from_utf8).collect();
            let (text, input, name) = match cells {
                Ok(cells) => (
                    cells.join(" "),
                    input(&self.header, &cells, self.number, &self.job),
                    self.job.naming.of(&cells, self.number),
                ),
                Err(_) => {
                    let why = "the row is not UTF-8".to_owned();
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

    fn open(text: &'static str) -> Result<Table, Failure> {
        Table::open(Stream::of(text.as_bytes()), Separator::Comma, true)
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
