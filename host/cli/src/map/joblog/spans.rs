//! The position of the last result of each input in the file of results.
//!
//! A log says where each result ends, in the order in which they were written, so
//! the file is known without reading it. Of an input that was run again it has
//! several, until the file [shrinks](super::Joblog::shrunk_to) to the last ones.
//!
//! The log is read twice, a line at a time. What is kept is a bit for each input,
//! and two numbers for each that was run again.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::ops::Range;

use super::entry::Logged;
use super::past::Marks;

/// A line that says where the results of a run begin.
const AT: &str = "# results at ";
/// A line that says which task leaves files, numbered as in the log.
const FILES: &str = "# files of ";
/// A line that says how large the file will be without what was superseded.
const SHRINK: &str = "# results shrink to ";

/// A line of a log, as far as it tells of places and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogNote {
    /// The results of a run begin here.
    At(u64),
    /// The file shrinks to this many bytes; its size, or the beginning of the next run, tells
    /// whether it did.
    Shrink(u64),
    /// This task leaves files, of so many bytes in all, if it is to have some.
    Files { seq: u64, bytes: Option<u64> },
}

impl LogNote {
    pub fn read(line: &str) -> Option<Self> {
        let number = |prefix: &str| line.strip_prefix(prefix)?.parse::<u64>().ok();
        let files = || {
            let rest = line.strip_prefix(FILES)?;
            let (number, bytes) = match rest.split_once(": ") {
                Some((number, bytes)) => (number, Some(bytes.strip_suffix(" bytes")?)),
                None => (rest, None),
            };
            Some(LogNote::Files {
                seq: number.parse::<u64>().ok()?.checked_sub(1)?,
                bytes: bytes.map(str::parse).transpose().ok()?,
            })
        };
        number(AT)
            .map(LogNote::At)
            .or_else(|| number(SHRINK).map(LogNote::Shrink))
            .or_else(files)
    }

    pub fn write(self) -> String {
        match self {
            LogNote::At(offset) => format!("{AT}{offset}\n"),
            LogNote::Shrink(size) => format!("{SHRINK}{size}\n"),
            LogNote::Files { seq, bytes } => match bytes {
                Some(bytes) => format!("{FILES}{}: {bytes} bytes\n", seq + 1),
                None => format!("{FILES}{}\n", seq + 1),
            },
        }
    }
}

/// The number of results of inputs that were run again.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Before the file last shrank; all but the last of these are gone from it.
    before: u32,
    after: u32,
}

/// The span of the file of results that a line of the log stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultSpan {
    /// The bytes before all results.
    BeforeAll(Range<u64>),
    /// The result of this input.
    Result {
        seq: u64,
        range: Range<u64>,
        /// It is the input's last.
        stays: bool,
    },
    /// Nothing: it is of no result, or of one that was taken out.
    Nowhere,
}

/// The result of a first reading of a log.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    repeated: HashMap<u64, Counts>,
    /// The size to which the file was to be compacted, where the log does not tell
    /// whether it did.
    pub may_have_shrunk_to: Option<u64>,
    /// The line behind the last shrinking that came about.
    shrunk_by: u64,
}

impl Spans {
    pub fn of(log: impl BufRead) -> io::Result<Self> {
        let mut spans = Spans::default();
        let mut seen = Marks::default();
        let mut shrinks_to: Option<u64> = None;
        each_line(log, |number, line| {
            if let Some(entry) = Logged::read(line) {
                if seen.has(entry.seq) {
                    let first = Counts {
                        before: 0,
                        after: 1,
                    };
                    spans.repeated.entry(entry.seq).or_insert(first).after += 1;
                }
                seen.set(entry.seq, true);
            }
            match LogNote::read(line) {
                Some(LogNote::Shrink(size)) => shrinks_to = Some(size),
                Some(LogNote::At(offset)) if shrinks_to.take() == Some(offset) => {
                    spans.shrunk_by = number;
                    for counts in spans.repeated.values_mut() {
                        counts.before += std::mem::take(&mut counts.after);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        spans.may_have_shrunk_to = shrinks_to;
        Ok(spans)
    }

    /// Reads the log again, and gives each piece of the file, in order, with
    /// whether it stays: what stands before all results, then each result.
    pub fn each(
        self,
        log: impl BufRead,
        mut piece: impl FnMut(Range<u64>, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        self.lines(log, |_, stands| match stands {
            ResultSpan::BeforeAll(range) => piece(range, true),
            ResultSpan::Result { range, stays, .. } => piece(range, stays),
            ResultSpan::Nowhere => Ok(()),
        })
    }

    /// Reads the log again, and gives each of its lines with what stands in the file for
    /// it.
    pub fn lines(
        mut self,
        log: impl BufRead,
        mut take: impl FnMut(&str, ResultSpan) -> io::Result<()>,
    ) -> io::Result<()> {
        // Where the log says that we are, and where we are since the file shrank.
        let (mut logged, mut at) = (0, 0);
        let mut begun = false;
        each_line(log, |number, line| {
            if let Some(LogNote::At(offset)) = LogNote::read(line) {
                logged = offset;
                if !begun {
                    begun = true;
                    at = offset;
                    return take(line, ResultSpan::BeforeAll(0..at));
                }
            }
            let Some(Logged {
                seq,
                output: Some(end),
                ..
            }) = Logged::read(line)
            else {
                return take(line, ResultSpan::Nowhere);
            };
            begun = true;
            let start = std::mem::replace(&mut logged, end);
            let size = end.checked_sub(start).ok_or_else(disorder)?;
            let (is_there, stays) = self.pass(seq, number);
            if !is_there {
                return take(line, ResultSpan::Nowhere);
            }
            let range = at..at + size;
            at = range.end;
            take(line, ResultSpan::Result { seq, range, stays })
        })
    }

    /// Returns whether the result of this entry is in the file, and whether it stays.
    fn pass(&mut self, seq: u64, line: u64) -> (bool, bool) {
        let Some(counts) = self.repeated.get_mut(&seq) else {
            return (true, true);
        };
        // The first of several may be counted with those behind.
        if line < self.shrunk_by && counts.before > 0 {
            counts.before -= 1;
            let is_there = counts.before == 0;
            (is_there, is_there && counts.after == 0)
        } else {
            // Of a log that somebody has changed meanwhile, sizes will not fit.
            counts.after = counts.after.saturating_sub(1);
            (true, counts.after == 0)
        }
    }

    /// Returns whether an input has more than one result in the file.
    pub fn has_superseded(&self) -> bool {
        let several = |counts: &Counts| counts.before.min(1) + counts.after > 1;
        self.repeated.values().any(several)
    }
}

fn disorder() -> io::Error {
    io::Error::other("the log says that a result ends before it begins")
}

/// Hands on each whole line that is text, with its number.
fn each_line(
    mut log: impl BufRead,
    mut take: impl FnMut(u64, &str) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 0.. {
        line.clear();
        log.read_until(b'\n', &mut line)?;
        let Some((b'\n', text)) = line.split_last() else {
            break;
        };
        if let Ok(text) = std::str::from_utf8(text) {
            take(number, text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of a file, and the file. `+3 5` is a result of 5 bytes of input 3,
    /// `shrink` one that came about, `killed` one that did not.
    #[derive(Default)]
    struct Run {
        /// Bytes that stand before all results.
        head: u64,
        log: String,
        /// The input of each result in the file, and its number.
        file: Vec<(u64, u64)>,
        size: u64,
        results: u64,
    }

    impl Run {
        fn begin(&mut self) {
            self.log += &LogNote::At(self.size).write();
        }

        fn result(&mut self, seq: u64) {
            self.results += 1;
            // Of a size of its own each.
            self.size += self.results;
            self.file.push((seq, self.results));
            self.log += &format!(
                "{}\t:\t1.0\t1.0\t0\t0\t0\t0\tf\tok\t1\t0\t0\t{}\n",
                seq + 1,
                self.size
            );
        }

        fn last_ones(&self) -> Vec<(u64, u64)> {
            let is_last = |at: usize| !self.file[at + 1..].iter().any(|r| r.0 == self.file[at].0);
            let all = 0..self.file.len();
            all.filter(|at| is_last(*at))
                .map(|at| self.file[at])
                .collect()
        }

        fn shrink(&mut self, comes_about: bool) {
            let last = self.last_ones();
            let size = self.head + last.iter().map(|result| result.1).sum::<u64>();
            self.log += &LogNote::Shrink(size).write();
            if comes_about {
                (self.file, self.size) = (last, size);
            }
            self.begin();
        }

        /// The sizes of the results that stay, as the log has it.
        fn spans(&self) -> Vec<u64> {
            let spans = Spans::of(self.log.as_bytes()).unwrap();
            assert_eq!(
                spans.has_superseded(),
                self.last_ones().len() < self.file.len()
            );
            let (mut sizes, mut at) = (Vec::new(), 0);
            let each = |piece: Range<u64>, stays: bool| {
                assert_eq!(piece.start, at, "without a gap");
                at = piece.end;
                if stays {
                    sizes.push(piece.end - piece.start);
                }
                Ok(())
            };
            spans.each(self.log.as_bytes(), each).unwrap();
            assert_eq!(at, self.size, "all of the file");
            sizes
        }

        fn check(&self) {
            let last = self.last_ones();
            let expected = [self.head]
                .into_iter()
                .chain(last.iter().map(|result| result.1));
            assert_eq!(self.spans(), expected.collect::<Vec<_>>(), "{}", self.log);
        }
    }

    #[test]
    fn the_last_result_of_each_input_stays_however_often_the_file_shrank() {
        let mut random = 1_u64;
        for round in 0..300 {
            let head = round % 2 * 7;
            let mut run = Run {
                head,
                size: head,
                ..Run::default()
            };
            run.begin();
            for _ in 0..40 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                match (random >> 33) % 9 {
                    0 => run.shrink(true),
                    1 => run.shrink(false),
                    2 => run.begin(),
                    seq => run.result(seq),
                }
                run.check();
            }
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let files = |bytes| LogNote::Files { seq: 7, bytes };
        let all = [
            LogNote::At(0),
            LogNote::Shrink(u64::MAX),
            files(None),
            files(Some(0)),
            files(Some(u64::MAX)),
        ];
        for line in all {
            assert_eq!(LogNote::read(line.write().trim_end()), Some(line));
        }
        for other in [
            "# results at",
            "# results at x",
            "# results",
            "1\t:",
            "# files of 0",
            "# files of 1: ",
            "# files of 1: x bytes",
            "# files of 1: 7",
        ] {
            assert_eq!(LogNote::read(other), None);
        }
    }
}
