//! One line of the log, written and read.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandpool::Verdict;

use crate::map::ledger::Finished;
use crate::outcome::exit_code;

/// The columns, as the log's first line names them.
pub const COLUMNS: &str = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\
\tVerdict\tAttempts\tInput\tInputs\tOutput\n";

/// The record of a task.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    seq: u64,
    started: SystemTime,
    run_time: Duration,
    exit_code: u8,
    signal: i32,
    label: &'a str,
    verdict: Verdict,
    attempts: u32,
    hash: u64,
    prefix: u64,
    output: Option<u64>,
}

impl<'a> Entry<'a> {
    pub fn of(task: &'a Finished, output: Option<u64>) -> Self {
        let (note, outcome) = (&task.note, &task.outcome);
        Entry {
            seq: note.seq,
            started: note.read_at.unwrap_or(UNIX_EPOCH) + outcome.queue_wait,
            run_time: outcome.run_time.unwrap_or_default(),
            exit_code: exit_code(outcome.verdict, outcome.exit_code),
            signal: outcome.signal.unwrap_or(0),
            label: &note.label,
            verdict: outcome.verdict,
            attempts: outcome.attempts,
            hash: note.hash,
            prefix: note.prefix,
            output,
        }
    }

    /// Appends the line. `command` stands before the input.
    pub fn write(&self, command: &str, out: &mut Vec<u8>) {
        let started = self
            .started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let ran = self.run_time.as_millis();
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "{}\t:\t{}.{:03}\t{}.{:03}\t0\t0\t{}\t{}\t",
            self.seq + 1,
            started / 1000,
            started % 1000,
            ran / 1000,
            ran % 1000,
            self.exit_code,
            self.signal,
        );
        out.extend_from_slice(command.as_bytes());
        out.push(b' ');
        put_field(self.label, out);
        let _ = write!(
            out,
            "\t{}\t{}\t{:016x}\t{:016x}\t",
            self.verdict.name(),
            self.attempts,
            self.hash,
            self.prefix,
        );
        let _ = match self.output {
            Some(offset) => writeln!(out, "{offset}"),
            None => writeln!(out, "-"),
        };
    }
}

/// Appends a text in which nothing ends a field or a line.
fn put_field(text: &str, out: &mut Vec<u8>) {
    if !text.contains(|c: char| c == '\\' || c.is_control()) {
        return out.extend_from_slice(text.as_bytes());
    }
    for c in text.chars() {
        match c {
            '\\' => out.extend_from_slice(b"\\\\"),
            c if c.is_control() => out.extend(c.escape_default().map(|c| c as u8)),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The line of a task, with its result ending elsewhere in the file of results.
pub fn set_output(line: &str, offset: u64) -> String {
    let before = line.rsplit_once('\t').map_or(line, |(before, _)| before);
    format!("{before}\t{offset}")
}

/// A log of more is none of ours: nobody has memory for what is kept of each.
pub const MOST_INPUTS: u64 = 1 << 34;

/// The parts of a line that a resumed run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// From 0.
    pub seq: u64,
    pub ok: bool,
    pub prefix: u64,
    pub output: Option<u64>,
}

impl Logged {
    /// Reads a line, without its end.
    pub fn read(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let seq = fields.next()?.parse::<u64>().ok()?.checked_sub(1)?;
        if seq >= MOST_INPUTS {
            return None;
        }
        let verdict = fields.nth(8)?;
        let prefix = u64::from_str_radix(fields.nth(2)?, 16).ok()?;
        let output = match fields.next()? {
            "-" => None,
            offset => Some(offset.parse().ok()?),
        };
        let ends = fields.next().is_none();
        ends.then_some(Logged {
            seq,
            ok: verdict == Verdict::Ok.name(),
            prefix,
            output,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(label: &str) -> Entry<'_> {
        Entry {
            seq: 16,
            started: UNIX_EPOCH + Duration::from_millis(1_700_000_000_042),
            run_time: Duration::from_millis(1_205),
            exit_code: 124,
            signal: 0,
            label,
            verdict: Verdict::Timeout,
            attempts: 2,
            hash: 0xab,
            prefix: u64::MAX,
            output: Some(99),
        }
    }

    fn line(entry: &Entry<'_>) -> String {
        let mut out = Vec::new();
        entry.write("fib", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_a_field_for_each_column() {
        let line = line(&entry("30"));
        assert_eq!(
            line,
            "17\t:\t1700000000.042\t1.205\t0\t0\t124\t0\tfib 30\ttimeout\t2\t\
             00000000000000ab\tffffffffffffffff\t99\n"
        );
        assert_eq!(line.split('\t').count(), COLUMNS.split('\t').count());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut entry = entry("a\tb\nc\\d");
        let read = |entry: &Entry<'_>| Logged::read(line(entry).strip_suffix('\n')?);
        let logged = Logged {
            seq: 16,
            ok: false,
            prefix: u64::MAX,
            output: Some(99),
        };
        assert_eq!(read(&entry), Some(logged));
        (entry.verdict, entry.output) = (Verdict::Ok, None);
        let logged = Logged {
            ok: true,
            output: None,
            ..logged
        };
        assert_eq!(read(&entry), Some(logged));
    }

    #[test]
    fn no_input_can_forge_a_line_or_a_field() {
        let shown = line(&entry("a\tok\n1\t:\u{1b}\u{85}\\"));
        assert!(
            shown.contains("fib a\\tok\\n1\\t:\\u{1b}\\u{85}\\\\\ttimeout"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 1);
    }

    #[test]
    fn a_torn_line_is_none() {
        let whole = line(&entry("30"));
        for end in 0..whole.len() - 3 {
            assert_eq!(Logged::read(&whole[..end]), None, "{}", &whole[..end]);
        }
    }
}
