//! Reconciliation of a log with its file of results.
//!
//! Results are written before the lines that know them. But no system promises that what
//! was written first is on the disk first: after a power cut the file may be shorter
//! than the log says, or hold zeros where results should be, while the log knows them.
//! Then the log is cut to the results that are there, and the rest is run again.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use super::entry::set_output;
use super::spans::{LogNote, ResultSpan, Spans};
use crate::map::atomic_file::AtomicFile;

/// The look of results: by this it is known whether one is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultFormat {
    /// A line of JSON that begins with the input's index.
    Objects,
    /// A row that begins with it.
    Rows,
    /// Lines of text.
    Lines,
    /// Any bytes.
    Raw,
}

impl ResultFormat {
    /// Returns the beginning of an input's result.
    fn begin(self, seq: u64) -> String {
        match self {
            ResultFormat::Objects => format!("{{\"index\":{seq},"),
            ResultFormat::Rows => format!("{seq},"),
            ResultFormat::Lines | ResultFormat::Raw => String::new(),
        }
    }

    /// Returns whether a NUL can stand in it.
    fn may_have_nul(self) -> bool {
        matches!(self, ResultFormat::Rows | ResultFormat::Raw)
    }

    /// Returns whether it ends as a line does.
    fn is_line(self) -> bool {
        self != ResultFormat::Raw
    }
}

/// The size of a page that a power cut may leave out.
const PAGE: u64 = 4096;

/// Cuts the log to the results that are whole in their file. Says whether the log had to
/// be changed.
pub fn reconcile(log: &Path, results: &Path, format: ResultFormat) -> io::Result<bool> {
    let Some(found) = whole_results(log, results, format)? else {
        return Ok(false);
    };
    // A log that is a link stays one: the file that it names is replaced.
    let log = &fs::canonicalize(log)?;
    let mut atomic = AtomicFile::near(log)?;
    let mut out = BufWriter::new(atomic.file());
    let mut has_begun = false;
    found.spans.lines(open(log)?, |line, stands| {
        match stands {
            ResultSpan::BeforeAll(range) if range.end <= found.end && !has_begun => {
                has_begun = true;
                out.write_all(LogNote::At(range.end).write().as_bytes())
            }
            ResultSpan::Result { range, .. } if range.end <= found.end => {
                has_begun = true;
                writeln!(out, "{}", set_output(line, range.end))
            }
            // A line about the run itself; lines about positions are written anew.
            ResultSpan::Nowhere if !is_of_a_result(line) => writeln!(out, "{line}"),
            _ => Ok(()),
        }
    })?;
    out.flush()?;
    drop(out);
    atomic.put(log).or_else(|_| atomic.write_into(log))?;
    Ok(true)
}

fn is_of_a_result(line: &str) -> bool {
    let of_a_place = matches!(
        LogNote::read(line),
        Some(LogNote::At(_) | LogNote::Shrink(_))
    );
    // Lines that tell whose a file is stay true.
    line.starts_with(|c: char| c.is_ascii_digit()) || of_a_place
}

fn open(log: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(64 << 10, File::open(log)?))
}

/// The end of the whole results, if that is not as far as the log says.
struct WholeResults {
    spans: Spans,
    end: u64,
}

fn whole_results(
    log: &Path,
    results: &Path,
    format: ResultFormat,
) -> io::Result<Option<WholeResults>> {
    let spans = Spans::of(open(log)?)?;
    let Some(size) = spans.may_have_shrunk_to else {
        let (end, known) = check(&spans, open(log)?, results, format)?;
        return Ok((end < known).then_some(WholeResults { spans, end }));
    };
    // The file tells if it was compacted.
    let after = LogNote::At(size).write();
    let shrunk = Spans::of(open(log)?.chain(after.as_bytes()))?;
    let (end_if_shrunk, known_if_shrunk) = check(&shrunk, open(log)?, results, format)?;
    let is_shrunk = File::open(results)?.metadata()?.len() == size;
    if is_shrunk && end_if_shrunk == known_if_shrunk {
        return Ok(None);
    }
    let (end, known) = check(&spans, open(log)?, results, format)?;
    if end == known {
        return Ok(None);
    }
    Ok(Some(match end_if_shrunk > end {
        true => WholeResults {
            spans: shrunk,
            end: end_if_shrunk,
        },
        false => WholeResults { spans, end },
    }))
}

/// Where the results end that are whole, and where they should.
fn check(
    spans: &Spans,
    log: impl BufRead,
    results: &Path,
    format: ResultFormat,
) -> io::Result<(u64, u64)> {
    let mut results = ResultReader::open(results, format)?;
    let mut known = 0;
    spans.clone().lines(log, |_, stands| {
        let (range, seq) = match stands {
            ResultSpan::BeforeAll(range) => (range, None),
            ResultSpan::Result { range, seq, .. } => (range, Some(seq)),
            ResultSpan::Nowhere => return Ok(()),
        };
        known = range.end;
        results.pass(range, seq)
    })?;
    Ok((results.end, known))
}

/// The file of results, read once.
struct ResultReader {
    file: BufReader<File>,
    format: ResultFormat,
    /// Where zeros begin that go on to its end.
    zeros_from: u64,
    /// Where the last result ends that is whole, as all before it are.
    end: u64,
    is_whole: bool,
    /// Zeros that were just read.
    zeros: u64,
    piece: Vec<u8>,
}

impl ResultReader {
    fn open(path: &Path, format: ResultFormat) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let zeros_from = end_without_zeros(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(ResultReader {
            file: BufReader::with_capacity(64 << 10, file),
            format,
            zeros_from,
            end: 0,
            is_whole: true,
            zeros: 0,
            piece: vec![0; 64 << 10],
        })
    }

    /// Looks at the next result, or what stands before all of them.
    fn pass(&mut self, range: Range<u64>, seq: Option<u64>) -> io::Result<()> {
        if self.is_whole {
            self.is_whole = range.end <= self.zeros_from && self.is_next_whole(&range, seq)?;
            if self.is_whole {
                self.end = range.end;
            }
        }
        Ok(())
    }

    fn is_next_whole(&mut self, range: &Range<u64>, seq: Option<u64>) -> io::Result<bool> {
        let begins = seq.map_or_else(String::new, |seq| self.format.begin(seq));
        let mut at = range.start;
        let mut last = None;
        while at < range.end {
            let length = usize::try_from(range.end - at)
                .map_or(self.piece.len(), |left| left.min(self.piece.len()));
            // A file that is shorter than its size said was cut meanwhile.
            let read = self.file.read(&mut self.piece[..length])?;
            let bytes = &self.piece[..read];
            // A buffer may end within it; then so much is enough.
            let begin = &begins.as_bytes()[..begins.len().min(read)];
            if read == 0 || at == range.start && !bytes.starts_with(begin) {
                return Ok(false);
            }
            let is_lost = match self.format.may_have_nul() {
                true => has_lost_page(bytes, at, &mut self.zeros),
                false => bytes.contains(&0),
            };
            if is_lost {
                return Ok(false);
            }
            last = bytes.last().copied();
            at += read as u64;
        }
        Ok(!self.format.is_line() || matches!(last, None | Some(b'\n')))
    }
}

/// Returns whether a whole page of these bytes, which stand at this place, is zeros. A
/// task may have printed it: then it does so again.
fn has_lost_page(bytes: &[u8], mut at: u64, zeros: &mut u64) -> bool {
    for byte in bytes {
        at += 1;
        match byte {
            0 => *zeros += 1,
            _ => *zeros = 0,
        }
        if at.is_multiple_of(PAGE) && *zeros >= PAGE {
            return true;
        }
    }
    false
}

/// Where a file would end without the zeros at its end.
fn end_without_zeros(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut piece = vec![0; 64 << 10];
    while end > 0 {
        let start = end.saturating_sub(piece.len() as u64);
        // It fits: a piece is no longer than the buffer.
        let piece = &mut piece[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
