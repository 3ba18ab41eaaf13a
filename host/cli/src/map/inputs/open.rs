//! The flags that say where inputs come from and what they are, and the source
//! that they make.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sandpool::value::{LineFormat, Utf8};

use super::blocks::BlockSource;
use super::combinations::{CombinationSource, Combinations};
use super::counting::{Counting, Unit};
use super::lines::{LineEnding, LineSource};
use super::reading::Reading;
use super::rows::Separator;
use super::stream::{self, Share, Stream};
use super::table::{InputTable, TableSource};
use super::words::{self, Values};
use super::{Shape, Source};
use crate::apply::utf8;
use crate::map::job::Named;
use crate::parse::{self, OrNone};
use crate::report::Failure;

/// Where inputs come from, and what they are.
#[derive(Args, Debug)]
pub struct InputFlags {
    /// Read inputs from this file; several files are read one after the other [default:
    /// stdin]
    #[arg(short, long, value_name = "FILE", help_heading = "Inputs")]
    input: Vec<PathBuf>,
    /// The form of the inputs
    #[arg(long, value_enum, default_value_t = InputFormat::Auto, help_heading = "Inputs")]
    from: InputFormat,
    /// Read a line as JSON and spread it over the parameters, even if there is only one
    /// parameter
    #[arg(long, help_heading = "Inputs")]
    spread: bool,
    /// Lines end with NUL, as in the output of `find -print0`
    #[arg(short = '0', long, help_heading = "Inputs")]
    null: bool,
    /// The table has no header: its first row is an input, and its columns are the
    /// parameters in order
    #[arg(long, help_heading = "Inputs")]
    no_header: bool,
    /// Ignore the columns of a table that match no parameter
    #[arg(long, help_heading = "Inputs")]
    ignore_columns: bool,
    /// Replace bytes that are not valid UTF-8 in text inputs and text files
    #[arg(long, help_heading = "Inputs")]
    lossy: bool,
    /// Pass each line to the command on stdin
    #[arg(long, conflicts_with = "pipe", help_heading = "Inputs")]
    stdin_each: bool,
    /// Pass the input in blocks of lines: to a command on stdin, to a function as its
    /// argument
    #[arg(long, help_heading = "Inputs")]
    pipe: bool,
    /// Approximate size of a block [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, requires = "pipe", help_heading = "Inputs")]
    block: Option<OrNone<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// A line is JSON, or plain text for a function of one string
    Auto,
    /// A line is always JSON
    Jsonl,
    /// A line is always text, and is the only argument
    Lines,
    /// A row is an input; the header names the parameters, or the {NAME}s of a template
    Csv,
    /// Like `csv`, but separated by tabs and without quotes
    Tsv,
    /// A line names a file; the contents of the file are the argument, or the command's
    /// stdin
    Files,
}

/// The name of stdin among files.
const STDIN: &str = "/dev/stdin";

/// Bytes of a block of `--pipe`.
const BLOCK: usize = 1 << 20;

/// Opened inputs, of which nothing has been read but headers.
pub struct Inputs {
    origin: InputSource,
    ending: LineEnding,
    reading: Reading,
    ignore_columns: bool,
    utf8: Utf8,
    share: Share,
    total: Total,
    files: Vec<PathBuf>,
}

/// The number of inputs, as far as it is known beforehand.
pub enum Total {
    Unknown,
    Known(u64),
    /// It takes a reading of all files.
    Counted(Counting),
}

enum InputSource {
    Lines(Vec<Stream>),
    Tables(Vec<InputTable>),
    Combinations(Combinations),
    Blocks(Vec<Stream>, usize),
}

impl InputFlags {
    /// Opens what the flags name, or what stood behind `:::`.
    pub fn open(&self, values: Vec<Values>, quiet: bool) -> Result<Inputs, Failure> {
        self.check(&values)?;
        let ending = match self.null {
            true => LineEnding::Nul,
            false => LineEnding::Newline,
        };
        let files = self.files(&values);
        let words = !values.is_empty();
        let mut share = Share::default();
        let mut total = Total::Unknown;
        let origin = if words && self.separator().is_none() {
            let combinations = Combinations::open(values, ending, utf8(self.lossy), quiet)?;
            total = combinations.len().map_or(total, Total::Known);
            InputSource::Combinations(combinations)
        } else {
            let streams = self.streams(&values, quiet)?;
            share = Share::of(&streams);
            let files = stream::files(&streams);
            let counting = files.and_then(|files| Counting::of(self.unit(ending), files));
            total = counting.map_or(total, Total::Counted);
            match (self.separator(), self.pipe) {
                (Some(separator), _) => InputSource::Tables(self.tables(streams, separator)?),
                (None, true) => InputSource::Blocks(streams, self.block_size()?),
                (None, false) => InputSource::Lines(streams),
            }
        };
        Ok(Inputs {
            origin,
            ending,
            reading: self.reading(words),
            ignore_columns: self.ignore_columns,
            utf8: utf8(self.lossy),
            share,
            total,
            files,
        })
    }

    /// Returns the unit of input of a stream.
    fn unit(&self, ending: LineEnding) -> Unit {
        match self.separator() {
            Some(separator) => Unit::Row(separator, !self.no_header),
            // A size that is none is refused elsewhere.
            None if self.pipe => Unit::Block(ending, self.block_size().unwrap_or(BLOCK)),
            None => Unit::Line(ending),
        }
    }

    /// The files that inputs are read from.
    fn files(&self, values: &[Values]) -> Vec<PathBuf> {
        let stdin = || PathBuf::from(STDIN);
        if values.is_empty() && self.input.is_empty() {
            return vec![stdin()];
        }
        let lists = values.iter().filter_map(|values| match &values.origin {
            words::ValuesSource::Lines(path) => Some(path),
            words::ValuesSource::Words(_) => None,
        });
        let named = lists.chain(&self.input);
        named
            .map(|path| match path.as_os_str() == "-" {
                true => stdin(),
                false => path.clone(),
            })
            .collect()
    }

    /// Refuses flags that contradict each other in ways that clap cannot know.
    fn check(&self, values: &[Values]) -> Result<(), Failure> {
        let refused = |text: &str| Err(Failure::usage(text));
        if !values.is_empty() {
            if !self.input.is_empty() {
                return refused("give inputs either after `:::` or with `--input`, not both");
            }
            if self.pipe {
                return refused("values after `:::` cannot be read in blocks (`--pipe`)");
            }
            if values.len() > 1 && self.separator().is_some() {
                return refused("the rows of a table are not combined: give them after one `:::`");
            }
            if values.len() > 1
                && (self.from != InputFormat::Auto || self.spread || self.stdin_each)
            {
                return refused(
                    "values of several `:::` are arguments as they are: leave out `--from`, \
                     `--spread` and `--stdin-each`",
                );
            }
        }
        if self.separator().is_some() {
            if self.null || self.pipe || self.stdin_each || self.spread {
                return refused(
                    "a table is read by rows: leave out `-0`, `--pipe`, `--stdin-each` and \
                     `--spread`",
                );
            }
        } else if self.no_header || self.ignore_columns {
            return refused(
                "`--no-header` and `--ignore-columns` are for `--from csv` and `--from tsv`",
            );
        }
        if (self.pipe || self.stdin_each) && (self.from != InputFormat::Auto || self.spread) {
            return refused("stdin gets the input unchanged: leave out `--from` and `--spread`");
        }
        Ok(())
    }

    /// Refuses flags that mean nothing for a script, whose only argument is its input.
    pub fn check_for_script(&self) -> Result<(), Failure> {
        let flag = match self {
            InputFlags { spread: true, .. } => "`--spread`",
            InputFlags {
                ignore_columns: true,
                ..
            } => "`--ignore-columns`",
            InputFlags {
                stdin_each: true, ..
            } => "`--stdin-each`",
            _ => return Ok(()),
        };
        Err(Failure::usage(format!(
            "{flag} has no meaning for a script: all of an input is its variable `input`"
        )))
    }

    fn separator(&self) -> Option<Separator> {
        match self.from {
            InputFormat::Csv => Some(Separator::Comma),
            InputFormat::Tsv => Some(Separator::Tab),
            _ => None,
        }
    }

    fn reading(&self, words: bool) -> Reading {
        match self.from {
            _ if self.stdin_each => Reading::Stdin,
            InputFormat::Files => Reading::File,
            InputFormat::Lines => Reading::Text,
            InputFormat::Auto if words && !self.spread => Reading::Word,
            InputFormat::Auto if !self.spread => Reading::Line(LineFormat::Auto),
            _ => Reading::Line(LineFormat::Jsonl {
                spread: self.spread,
            }),
        }
    }

    fn streams(&self, values: &[Values], quiet: bool) -> Result<Vec<Stream>, Failure> {
        match values.first().map(|values| &values.origin) {
            Some(words::ValuesSource::Words(rows)) => return Ok(vec![Stream::words(rows)]),
            Some(words::ValuesSource::Lines(path)) => return Ok(vec![Stream::open(path, quiet)?]),
            None => {}
        }
        let stdin = PathBuf::from("-");
        let paths = match self.input.as_slice() {
            [] => std::slice::from_ref(&stdin),
            paths => paths,
        };
        let open = |path: &PathBuf| Stream::open(path, quiet);
        paths.iter().map(open).collect()
    }

    fn tables(
        &self,
        streams: Vec<Stream>,
        separator: Separator,
    ) -> Result<Vec<InputTable>, Failure> {
        let open = |stream| InputTable::open(stream, separator, !self.no_header, utf8(self.lossy));
        let tables: Vec<_> = streams
            .into_iter()
            .map(open)
            .collect::<Result<_, Failure>>()?;
        if let Some((first, others)) = tables.split_first() {
            others.iter().try_for_each(|table| table.continues(first))?;
        }
        Ok(tables)
    }

    fn block_size(&self) -> Result<usize, Failure> {
        match self.block {
            None => Ok(BLOCK),
            Some(OrNone(Some(size @ 1..))) => {
                usize::try_from(size).map_err(|_| Failure::usage("`--block` is too large"))
            }
            Some(_) => Err(Failure::usage("`--block` is a size, as in `1M`")),
        }
    }
}

impl Inputs {
    /// Returns the treatment of text that is not UTF-8.
    pub fn utf8(&self) -> Utf8 {
        self.utf8
    }

    /// The files that they are read from, by their names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Returns whether some of them are read from stdin.
    pub fn read_stdin(&self) -> bool {
        self.files().any(|path| path == Path::new(STDIN))
    }

    /// Describes the form of the inputs, in words: for a log, whose inputs have to be
    /// read as they were before.
    pub fn describe(&self) -> String {
        let form = self.describe_form();
        match self.utf8 {
            Utf8::Strict => form,
            Utf8::Lossy => format!("{form}, lossy"),
        }
    }

    fn describe_form(&self) -> String {
        let form = match &self.origin {
            InputSource::Tables(tables) => {
                let header = tables.first().map_or(&[][..], InputTable::header);
                return format!("table {}", header.join(" "));
            }
            InputSource::Blocks(_, size) => return format!("blocks of {size}"),
            InputSource::Combinations(combinations) => format!("::: {}", combinations.width()),
            InputSource::Lines(_) => "lines".to_owned(),
        };
        let reading = match self.reading {
            Reading::Line(LineFormat::Auto) => "auto",
            Reading::Line(LineFormat::Jsonl { spread: false }) => "jsonl",
            Reading::Line(LineFormat::Jsonl { spread: true }) => "spread jsonl",
            Reading::Word => "words",
            Reading::Text => "text",
            Reading::File => "files",
            Reading::Stdin => "stdin",
        };
        format!("{form}, {reading}")
    }

    /// Returns the values that a template's placeholders can stand for.
    pub fn shape(&self) -> Shape {
        let (values, columns) = match &self.origin {
            InputSource::Lines(_) => (1, Vec::new()),
            InputSource::Blocks(..) => (0, Vec::new()),
            InputSource::Combinations(combinations) => (combinations.width(), Vec::new()),
            InputSource::Tables(tables) => {
                let header = tables.first().map_or(&[][..], InputTable::header);
                (tables.first().map_or(0, InputTable::width), header.to_vec())
            }
        };
        let on_stdin = match self.reading {
            Reading::Stdin | Reading::File => true,
            _ => matches!(self.origin, InputSource::Blocks(..)),
        };
        Shape {
            values: if self.reading == Reading::Stdin {
                0
            } else {
                values
            },
            columns,
            on_stdin,
        }
    }

    /// Returns the share of the inputs that was taken so far; for a source that is yet
    /// to be made.
    pub fn share(&self) -> Share {
        self.share.clone()
    }

    /// Returns the number of inputs, as far as it is known; told once.
    pub fn take_total(&mut self) -> Total {
        std::mem::replace(&mut self.total, Total::Unknown)
    }

    /// The inputs as tasks of this job.
    pub fn source(self, job: Named) -> Result<Box<dyn Source>, Failure> {
        match &self.origin {
            InputSource::Combinations(combinations) if self.reading == Reading::Word => {
                job.takes_values(combinations.width(), "`:::`")?;
            }
            InputSource::Blocks(..) => job.takes_values(1, "`--pipe`")?,
            InputSource::Tables(tables) => {
                let fits = |table: &InputTable| table.fits(&job, self.ignore_columns);
                tables.iter().try_for_each(fits)?;
            }
            _ => match self.reading {
                Reading::Text => job.takes_values(1, "`--from lines`")?,
                Reading::File => job.takes_values(1, "`--from files`")?,
                Reading::Stdin => job.takes_stdin()?,
                Reading::Word | Reading::Line(_) => {}
            },
        }
        let (ending, reading, utf8) = (self.ending, self.reading, self.utf8);
        Ok(match self.origin {
            InputSource::Lines(streams) => {
                Box::new(LineSource::new(streams, ending, reading, utf8, job))
            }
            InputSource::Tables(tables) => {
                Box::new(TableSource::new(tables, self.ignore_columns, utf8, job))
            }
            InputSource::Combinations(combinations) => {
                Box::new(CombinationSource::new(combinations, reading, utf8, job))
            }
            InputSource::Blocks(streams, size) => {
                Box::new(BlockSource::new(streams, ending, size, utf8, job))
            }
        })
    }
}
