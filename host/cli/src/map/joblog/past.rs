//! The history of earlier runs in a log, and what is left to be run.
//!
//! Two bits are kept for each input, and a fingerprint for some hundreds of them,
//! however long the log is.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read};

use super::entry::{COLUMNS, Logged, MOST_INPUTS};
use super::identity::Identity;
use super::spans::LogNote;
use crate::map::ledger::Skipped;

/// The inputs that a resumed run runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeScope {
    /// The inputs that are not in the log.
    Missing,
    /// The inputs that are not in the log, and those that did not end ok.
    MissingAndFailed,
    /// Only the inputs that did not end ok.
    Failed,
}

/// The beginning of a line that says where later result files are.
pub const FILES_IN: &str = "# files in ";

/// The beginning of the last line of the log's head.
const LAST_OF_HEAD: &str = "# output";

/// Inputs of which one, if it is in the log, tells whether all before it are the
/// same.
const BETWEEN_CHECKPOINTS: u64 = 256;

/// The history of earlier runs.
#[derive(Debug)]
pub struct Past {
    scope: ResumeScope,
    pub identity: Identity,
    ok: Marks,
    failed: Marks,
    last: Option<Last>,
    /// The last logged input of each block of inputs of one size.
    checkpoints: Vec<Option<Last>>,
    /// Where the results that the log knows end, in their file, if they are in
    /// one.
    output: Option<u64>,
    /// Where they end if the file shrank before the run that was to do that
    /// ended.
    shrinks_to: Option<u64>,
    /// The inputs whose tasks may have left files.
    pub files: Marks,
    /// The sizes of the files that tasks left in `files_in`.
    bytes_of_files: HashMap<u64, u64>,
    /// Where files were put, and under which names.
    files_in: String,
    /// Bytes of the log that are whole lines.
    pub good_bytes: u64,
    /// True if all is there that a log says before its first task.
    pub has_head: bool,
    /// The number of inputs in the log whose results are not in their file.
    pub lost: u64,
}

/// Of some inputs in the log, the one that comes last among all inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    pub seq: u64,
    /// Fingerprint of all inputs up to it.
    pub prefix: u64,
}

impl Past {
    /// Nothing was done before.
    pub fn none() -> Self {
        Past::new(ResumeScope::MissingAndFailed)
    }

    fn new(scope: ResumeScope) -> Self {
        Past {
            scope,
            identity: Identity::default(),
            ok: Marks::default(),
            failed: Marks::default(),
            last: None,
            checkpoints: Vec::new(),
            // Of none, nothing is there.
            output: Some(0),
            shrinks_to: None,
            files: Marks::default(),
            bytes_of_files: HashMap::new(),
            files_in: String::new(),
            good_bytes: 0,
            has_head: false,
            lost: 0,
        }
    }

    /// Returns the number of inputs in the log.
    pub fn known(&self) -> u64 {
        self.ok.count() + self.failed.count()
    }

    /// Where the results that the log knows end in their file, which is so large
    /// now; `None` if they are in none.
    pub fn ends_in_a_file_of(&self, size: u64) -> Option<u64> {
        self.shrinks_to
            .filter(|shrunk| *shrunk == size)
            .or(self.output)
    }

    pub fn last(&self) -> Option<Last> {
        self.last
    }

    /// The fingerprint that all inputs up to this one have to have; `None` if only
    /// that of a later one is known.
    pub fn checkpoint(&self, seq: u64) -> Option<u64> {
        let at = usize::try_from(seq / BETWEEN_CHECKPOINTS).ok()?;
        let last = self.checkpoints.get(at)?.as_ref()?;
        (last.seq == seq).then_some(last.prefix)
    }

    /// Returns whether an input is to be run.
    pub fn wants(&self, seq: u64) -> bool {
        let (ok, failed) = (self.ok.has(seq), self.failed.has(seq));
        match self.scope {
            ResumeScope::Missing => !ok && !failed,
            ResumeScope::MissingAndFailed => !ok,
            ResumeScope::Failed => failed,
        }
    }

    /// Returns the size of the files of an input that is skipped because it ended ok,
    /// if those are known and in this place.
    pub fn bytes_of_files(&self, seq: u64, place: &str) -> Option<u64> {
        // `--retry-failed` runs nothing else.
        let is_done =
            self.scope != ResumeScope::Failed && self.ok.has(seq) && self.files_in == place;
        let bytes = self.bytes_of_files.get(&seq);
        bytes.copied().filter(|_| is_done)
    }

    /// Returns whether the files that the log knows last are in this place.
    pub fn has_files_in(&self, place: &str) -> bool {
        self.files_in == place
    }

    /// Returns the earlier ending of an input that is skipped.
    pub fn of_skipped(&self, seq: u64) -> Skipped {
        match (self.ok.has(seq), self.failed.has(seq)) {
            (true, _) => Skipped::Ok,
            (false, true) => Skipped::Failed,
            (false, false) => Skipped::LeftOut,
        }
    }

    /// The most inputs that are read, if not all are.
    pub fn most(&self) -> Option<u64> {
        let last = self.last.map_or(0, |last| last.seq + 1);
        (self.scope == ResumeScope::Failed).then_some(last)
    }

    /// Returns whether no input behind this one is to be run.
    pub fn ends_at(&self, seq: u64) -> bool {
        self.scope == ResumeScope::Failed && self.last.is_none_or(|last| seq > last.seq)
    }

    fn add(&mut self, line: Logged) {
        // A task that was run again has several lines, and the last counts.
        self.ok.set(line.seq, line.ok);
        self.failed.set(line.seq, !line.ok);
        let last = Last {
            seq: line.seq,
            prefix: line.prefix,
        };
        // As for the bits, there is memory for so many.
        let at = usize::try_from(line.seq / BETWEEN_CHECKPOINTS).unwrap_or(usize::MAX);
        if at >= self.checkpoints.len() {
            self.checkpoints.resize(at + 1, None);
        }
        for place in [&mut self.last, &mut self.checkpoints[at]] {
            if place.is_none_or(|known| last.seq >= known.seq) {
                *place = Some(last);
            }
        }
        self.output = line.output;
    }

    /// Learns from a line that is of no input.
    fn learn(&mut self, line: &str) {
        match LogNote::read(line) {
            Some(LogNote::At(offset)) => (self.output, self.shrinks_to) = (Some(offset), None),
            Some(LogNote::Shrink(size)) => self.shrinks_to = Some(size),
            Some(LogNote::Files { seq, bytes }) if seq < MOST_INPUTS => {
                self.files.set(seq, true);
                match bytes {
                    Some(bytes) => self.bytes_of_files.insert(seq, bytes),
                    None => self.bytes_of_files.remove(&seq),
                };
            }
            Some(LogNote::Files { .. }) => {}
            None if line.starts_with(FILES_IN) => {
                let place = &line[FILES_IN.len()..];
                if self.files_in != place {
                    self.bytes_of_files.clear();
                    place.clone_into(&mut self.files_in);
                }
            }
            None => {
                self.identity.learn(line);
                self.has_head |= line.starts_with(LAST_OF_HEAD);
            }
        }
    }
}

/// Reads a log up to where a kill, or a power cut, has left a line in pieces or zeros.
/// `Err` within says why it is none.
pub fn read(file: &mut impl Read, scope: ResumeScope) -> io::Result<Result<Past, String>> {
    let mut past = Past::new(scope);
    let mut lines = BufReader::with_capacity(64 << 10, file);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)?;
        // No line has a NUL in it: it is what a power cut left of a page, and nothing is
        // known of what stands behind it.
        let is_damaged = line.last() != Some(&b'\n') || line.contains(&0);
        if is_damaged && number == 1 && !is_begun(&line) {
            return Ok(Err(NOT_OURS.into()));
        }
        if read == 0 || is_damaged {
            break;
        }
        let Ok(text) = std::str::from_utf8(&line[..read - 1]) else {
            return Ok(Err(format!("line {number} is not UTF-8")));
        };
        match number {
            1 if text != COLUMNS.trim_end() => {
                return Ok(Err(NOT_OURS.into()));
            }
            1 => {}
            _ if text.starts_with('#') => past.learn(text),
            _ => match Logged::read(text) {
                Some(logged) => past.add(logged),
                None => return Ok(Err(format!("line {number} is not a line of a log"))),
            },
        }
        past.good_bytes += read as u64;
    }
    Ok(Ok(past))
}

const NOT_OURS: &str = "its first line does not name sandpool's columns";

/// Returns whether it is what can be left of a log's first line.
fn is_begun(line: &[u8]) -> bool {
    let end = line.iter().position(|byte| *byte == 0);
    COLUMNS
        .as_bytes()
        .starts_with(&line[..end.unwrap_or(line.len())])
}

/// A bit for each input.
#[derive(Clone, Debug, Default)]
pub struct Marks(Vec<u64>);

impl Marks {
    fn place(seq: u64) -> (usize, u64) {
        // More inputs than there is memory for do not come.
        (
            usize::try_from(seq / 64).unwrap_or(usize::MAX),
            1 << (seq % 64),
        )
    }

    pub fn has(&self, seq: u64) -> bool {
        let (word, bit) = Marks::place(seq);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Returns the number of marks.
    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub fn set(&mut self, seq: u64, marked: bool) {
        let (word, bit) = Marks::place(seq);
        match (self.0.get_mut(word), marked) {
            (Some(word), true) => *word |= bit,
            (Some(word), false) => *word &= !bit,
            (None, false) => {}
            (None, true) => {
                self.0.resize(word + 1, 0);
                self.0[word] = bit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[(u64, &str)]) -> String {
        let identity = Identity {
            module_hash: "ab".repeat(32),
            job: "fib".into(),
            ..Identity::default()
        };
        let mut log = identity.head();
        for (at, (seq, verdict)) in lines.iter().enumerate() {
            log += &format!(
                "{seq}\t:\t1.000\t0.001\t0\t0\t0\t0\tfib x\t{verdict}\t1\t0a\t{seq:x}\t{at}\n"
            );
        }
        log
    }

    fn past(log: &str, scope: ResumeScope) -> Result<Past, String> {
        read(&mut log.as_bytes(), scope).unwrap()
    }

    #[test]
    fn each_way_to_resume_runs_what_it_says() {
        let log = log(&[(1, "ok"), (3, "trap"), (4, "timeout"), (4, "ok")]);
        let wanted = |scope| {
            let past = past(&log, scope).unwrap();
            (0..6).filter(|seq| past.wants(*seq)).collect::<Vec<_>>()
        };
        assert_eq!(wanted(ResumeScope::Missing), [1, 4, 5]);
        assert_eq!(wanted(ResumeScope::MissingAndFailed), [1, 2, 4, 5]);
        assert_eq!(wanted(ResumeScope::Failed), [2]);
        let past = past(&log, ResumeScope::Failed).unwrap();
        assert!(past.ends_at(4) && !past.ends_at(3));
    }

    #[test]
    fn the_last_input_and_the_last_line_are_not_the_same() {
        let past = past(&log(&[(9, "ok"), (2, "ok")]), ResumeScope::Missing).unwrap();
        assert_eq!(past.last(), Some(Last { seq: 8, prefix: 9 }));
        assert_eq!(past.ends_in_a_file_of(9), Some(1));
    }

    #[test]
    fn a_file_that_was_to_shrink_ends_where_its_size_says() {
        let mut log = log(&[(1, "ok"), (1, "ok")]) + &LogNote::At(90).write();
        log += &LogNote::Shrink(70).write();
        let ends = |log: &str, size| {
            let past = past(log, ResumeScope::Missing).unwrap();
            past.ends_in_a_file_of(size)
        };
        assert_eq!([ends(&log, 70), ends(&log, 90)], [Some(70), Some(90)]);
        // The size that the next run has found.
        log += &LogNote::At(90).write();
        assert_eq!([ends(&log, 70), ends(&log, 95)], [Some(90), Some(90)]);
    }

    #[test]
    fn files_of_another_place_are_nothing_to_go_by() {
        let files = |seq, bytes| LogNote::Files { seq, bytes }.write();
        let mut log = log(&[(1, "ok"), (2, "ok"), (3, "trap")]) + FILES_IN + "a\n";
        log += &(files(0, Some(7)) + &files(1, Some(0)) + &files(2, Some(5)));
        let bytes = |log: &str, scope| {
            let past = past(log, scope).unwrap();
            [0, 1, 2, 3].map(|seq| past.bytes_of_files(seq, "a"))
        };
        let known = [Some(7), Some(0), None, None];
        assert_eq!(bytes(&log, ResumeScope::Missing), known);
        assert_eq!(bytes(&log, ResumeScope::Failed), [None; 4]);
        let same = log.clone() + FILES_IN + "a\n";
        assert_eq!(bytes(&same, ResumeScope::Missing), known);
        let none_left = log.clone() + &files(0, None);
        assert_eq!(bytes(&none_left, ResumeScope::Missing)[0], None);
        let moved = log + FILES_IN + "b\n";
        assert_eq!(bytes(&moved, ResumeScope::Missing), [None; 4]);
        let back = moved + &files(0, Some(1)) + FILES_IN + "a\n" + &files(1, Some(3));
        assert_eq!(
            bytes(&back, ResumeScope::Missing),
            [None, Some(3), None, None]
        );
    }

    #[test]
    fn a_torn_last_line_is_as_if_it_were_not_there() {
        let whole = log(&[(1, "ok")]);
        let torn = log(&[(1, "ok"), (2, "ok")]);
        for end in whole.len()..torn.len() {
            let past = past(&torn[..end], ResumeScope::Missing).unwrap();
            assert_eq!(past.good_bytes, whole.len() as u64);
            assert!(past.wants(1) && !past.wants(0));
        }
    }

    #[test]
    fn zeros_are_where_a_log_ends_whatever_is_behind_them() {
        let whole = log(&[(1, "ok")]);
        let more = log(&[(1, "ok"), (2, "ok"), (3, "ok")]);
        for zeros in [whole.len()..more.len(), whole.len() + 9..whole.len() + 12] {
            let mut damaged = more.clone().into_bytes();
            damaged[zeros].fill(0);
            let past = read(&mut damaged.as_slice(), ResumeScope::Missing).unwrap();
            let past = past.unwrap();
            assert_eq!(past.good_bytes, whole.len() as u64);
            assert_eq!((past.known(), past.wants(1)), (1, true));
        }
    }

    #[test]
    fn a_log_without_all_of_its_head_knows_nothing() {
        let whole = log(&[]);
        for end in 0..whole.len() {
            let cut = past(&whole[..end], ResumeScope::Missing).unwrap();
            assert!(!cut.has_head, "{}", &whole[..end]);
            let zeros = whole[..end].to_owned() + &"\0".repeat(whole.len() - end);
            assert!(!past(&zeros, ResumeScope::Missing).unwrap().has_head);
        }
        assert!(past(&whole, ResumeScope::Missing).unwrap().has_head);
    }

    #[test]
    fn what_is_no_log_is_none() {
        let none = |text: &str| past(text, ResumeScope::Missing).unwrap_err();
        assert_eq!(
            none("hello\n"),
            "its first line does not name sandpool's columns"
        );
        assert_eq!(none("Seq\tof\tsomething"), none("hello\n"));
        let spoiled = log(&[(1, "ok")]).replace("\tok\t", "\t");
        assert_eq!(none(&spoiled), "line 11 is not a line of a log");
    }
}
