//! Hands a source's inputs to the pool, except those that a log excludes, and notes each
//! until its task has ended. Runs on the pool's feeder thread.

use std::collections::VecDeque;
use std::time::SystemTime;

use anyhow::anyhow;
use sandpool::Input;
use sandpool::value::quoted;
use xxhash_rust::xxh3::xxh3_64;

use super::inputs::Source;
use super::inputs::stream::Share;
use super::joblog::past::Past;
use super::ledger::{Ledger, Note};
use super::outputs::results::Results;
use super::outputs::results::naming::{Name, Naming};
use super::outputs::results::used_names::UsedNames;

/// The inputs as the pool pulls them.
pub struct Feed {
    source: Box<dyn Source>,
    ledger: Ledger,
    past: Past,
    /// `true` if the time at which each was read is noted.
    timed: bool,
    seq: u64,
    /// The fingerprint of all inputs so far.
    prefix: u64,
    /// The inputs that will be run, but only once it is known that the inputs are those of
    /// the log.
    held: VecDeque<(Note, Input)>,
    /// The number of inputs that are known to be those of the log.
    checked: u64,
    /// The form of the names of results that are named after inputs.
    naming: Naming,
    /// The folder of these results, if it exists already.
    results: Option<Results>,
    /// The names that are taken so far.
    used_names: UsedNames,
    ended: bool,
    /// `true` if all inputs are there to be read.
    is_finite: bool,
}

/// The number of inputs that are held back until it is known that all inputs are those of
/// the log. Beyond it tasks run, but none of an input that is not the log's: the log has
/// one soon behind it.
const MOST_HELD: usize = 1024;

impl Feed {
    /// Returns a feed of the inputs of a source that `past` leaves to be run. `share` tells
    /// the part of the source that was read.
    pub fn new(source: Box<dyn Source>, share: Share, past: Past, ledger: Ledger) -> Self {
        let is_finite = share.now().is_some();
        ledger.measure_by(share);
        if past.last().is_none() {
            ledger.run_all();
        }
        if let Some(most) = past.most() {
            ledger.count(most);
        }
        Feed {
            source,
            ledger,
            past,
            timed: false,
            seq: 0,
            prefix: 0,
            held: VecDeque::new(),
            checked: 0,
            naming: Naming::default(),
            results: None,
            used_names: UsedNames::default(),
            ended: false,
            is_finite,
        }
    }

    /// Makes results be named after inputs, each with a name of its own.
    pub fn named(mut self, naming: Naming, results: Option<Results>) -> Self {
        (self.naming, self.results) = (naming, results);
        self
    }

    /// Returns `true` if an input is to be run though it is done, since its files are lost:
    /// its line came to the log's disk before them, or somebody has removed them.
    fn is_lost(&self, name: Option<&Name>, seq: u64) -> bool {
        let Some(results) = &self.results else {
            return false;
        };
        let Some(bytes) = self.past.bytes_of_files(seq, results.place()) else {
            return false;
        };
        let there = match name {
            Some(Ok(name)) => results.bytes_of(name),
            Some(Err(_)) => return false,
            None => results.bytes_of(&seq.to_string()),
        };
        // A longer file is whole: somebody has appended to it.
        there.is_none_or(|there| there < bytes)
    }

    /// Returns the name of an input's result, or the reason why it can have none.
    fn name(&mut self, name: Option<Name>, seq: u64) -> Result<Option<Box<str>>, String> {
        let Some(name) = name else {
            return Ok(None);
        };
        let name = name?;
        let refused = |why: &str| {
            let shown = quoted(&self.naming.shown(&name));
            format!("its result would be {shown}, and {why}")
        };
        self.used_names.take(&name).map_err(refused)?;
        let Some(results) = &self.results else {
            return Ok(Some(name));
        };
        if self.past.wants(seq) && results.is_barred(&name) {
            return Err(refused(
                "there is already a file in the place of its folder",
            ));
        }
        // An input whose file the log knows, or that is not run, owns the file that is
        // there.
        let is_own = self.past.files.has(seq) || !self.past.wants(seq);
        match !is_own && results.has(&name) {
            true => Err(refused("a file of that name exists already")),
            false => Ok(Some(name)),
        }
    }

    /// Sets whether the time at which each was read is noted.
    pub fn timed(mut self, timed: bool) -> Self {
        self.timed = timed;
        self
    }

    /// Returns `true` if inputs that a log knows are still to come.
    fn within_the_past(&self) -> bool {
        self.past.last().is_some_and(|last| self.seq <= last.seq)
    }

    /// Returns `true` if the next input must wait until further ones were read.
    fn holds_back(&self) -> bool {
        let Some((next, _)) = self.held.front() else {
            return true;
        };
        self.within_the_past() && (self.held.len() < MOST_HELD || next.seq >= self.checked)
    }

    /// Reads one input; returns it if it is to be run.
    fn read(&mut self) -> anyhow::Result<Option<(Note, Input)>> {
        let next = match self.past.ends_at(self.seq) {
            true => None,
            false => self.source.next()?,
        };
        let Some(item) = next else {
            if self.within_the_past() {
                return Err(anyhow!(
                    "there are {} inputs, but the log names a later one: they are not the inputs of the log",
                    self.seq
                ));
            }
            self.ledger.end(self.seq, self.source.blank_at_end(), None);
            self.ended = true;
            return Ok(None);
        };
        self.prefix = chained(self.prefix, item.hash);
        let seq = self.seq;
        self.seq += 1;
        if let Some(expected) = self.past.checkpoint(seq) {
            if expected != self.prefix {
                return Err(anyhow!(
                    "the inputs have changed: the first {} are not all as the log has them",
                    self.seq
                ));
            }
            self.checked = self.seq;
        }
        let is_lost = self.is_lost(item.name.as_ref(), seq);
        let (name, input) = match (self.name(item.name, seq), item.input) {
            (Ok(name), input) => (name, input),
            // The input was invalid in any case.
            (Err(_), Input::Invalid(why)) | (Err(why), _) => (None, Input::Invalid(why)),
        };
        if is_lost {
            self.ledger.lose();
        } else if !self.past.wants(seq) {
            self.ledger.skip(self.past.of_skipped(seq));
            return Ok(None);
        }
        let note = Note {
            seq,
            label: item.label,
            hash: item.hash,
            prefix: self.prefix,
            blank: item.blank,
            read_at: self.timed.then(SystemTime::now),
            name,
            is_lost,
        };
        Ok(Some((note, input)))
    }

    fn hand_out(&self, (note, input): (Note, Input)) -> Input {
        self.ledger.keep(note);
        input
    }
}

/// The number of inputs counted at once, when they are only counted.
const COUNTED_AT_ONCE: u64 = 1 << 12;

impl Drop for Feed {
    /// Counts the inputs that were not asked for, if they are files, so that a run that is
    /// cut short can report the number of inputs that it left. This is done on the feeder's
    /// thread, and only a caller that wants the number waits for it.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut unread = self.held.len() as u64;
        if !self.is_finite {
            return self.ledger.count_unread(unread, false);
        }
        while !self.past.ends_at(self.seq) {
            match self.source.next() {
                Ok(Some(item)) => {
                    let is_lost = self.is_lost(item.name.as_ref(), self.seq);
                    unread += u64::from(is_lost || self.past.wants(self.seq));
                }
                Ok(None) => break,
                // A line that cannot be read is not an input.
                Err(_) => return self.ledger.count_unread(unread, false),
            }
            self.seq += 1;
            if unread >= COUNTED_AT_ONCE {
                self.ledger.count_unread(std::mem::take(&mut unread), false);
            }
        }
        self.ledger.count_unread(unread, true);
    }
}

impl Iterator for Feed {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        while !self.ended && self.holds_back() {
            let passes = self.held.is_empty() && !self.within_the_past();
            match self.read() {
                Ok(Some(next)) if passes => return Some(self.hand_out(next)),
                Ok(next) => self.held.extend(next),
                Err(failure) => {
                    self.ledger.end(self.seq, 0, Some(failure));
                    self.held.clear();
                    self.ended = true;
                }
            }
        }
        let next = self.held.pop_front()?;
        Some(self.hand_out(next))
    }
}

/// Returns the fingerprint of some inputs and one more.
fn chained(prefix: u64, next: u64) -> u64 {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&prefix.to_le_bytes());
    both[8..].copy_from_slice(&next.to_le_bytes());
    xxh3_64(&both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::inputs::Item;
    use crate::map::joblog::identity::Identity;
    use crate::map::joblog::past::{self, ResumeScope};

    struct Words(VecDeque<&'static str>);

    impl Source for Words {
        fn next(&mut self) -> anyhow::Result<Option<Item>> {
            Ok(self.0.pop_front().map(|word| Item {
                label: word.into(),
                hash: xxh3_64(word.as_bytes()),
                input: Input::Invalid(word.into()),
                name: None,
                blank: 0,
            }))
        }
    }

    fn words(words: &[&'static str]) -> Box<Words> {
        Box::new(Words(words.iter().copied().collect()))
    }

    /// Returns a log with these of the words, all ok but those with a `!`.
    fn past(all: &[&'static str], done: &[u64], scope: ResumeScope) -> Past {
        let mut log = Identity {
            module_hash: "ab".into(),
            ..Identity::default()
        }
        .head();
        let mut prefix = 0;
        for (seq, word) in (0..).zip(all) {
            prefix = chained(prefix, xxh3_64(word.as_bytes()));
            let verdict = if word.contains('!') { "trap" } else { "ok" };
            if done.contains(&seq) {
                log += &format!(
                    "{}\t:\t1.0\t1.0\t0\t0\t0\t0\tf\t{verdict}\t1\t0\t{prefix:x}\t-\n",
                    seq + 1
                );
            }
        }
        past::read(&mut log.as_bytes(), scope).unwrap().unwrap()
    }

    /// Runs the feed; returns the inputs that it handed out, and the error that ended
    /// it.
    fn feed(source: Box<Words>, past: Past) -> (Vec<String>, Option<String>) {
        let ledger = Ledger::default();
        let feed = Feed::new(source, Share::default(), past, ledger.clone());
        let run = feed.map(|input| match input {
            Input::Invalid(word) => word,
            _ => String::new(),
        });
        let run = run.collect();
        (run, ledger.failure().map(|failure| failure.to_string()))
    }

    const ALL: [&str; 5] = ["a", "b!", "c", "d", "e"];

    #[test]
    fn what_the_log_knows_is_skipped_and_keeps_its_number() {
        let past = past(&ALL, &[0, 1, 3], ResumeScope::Missing);
        let ledger = Ledger::default();
        let feed = Feed::new(words(&ALL), Share::default(), past, ledger.clone());
        assert_eq!(feed.count(), 2);
        assert_eq!([ledger.seq(0), ledger.seq(1)], [2, 4]);
        assert_eq!(ledger.extent().skipped, 3);
    }

    #[test]
    fn what_failed_is_run_again_with_the_rest_or_alone() {
        let ran = |scope| feed(words(&ALL), past(&ALL, &[0, 1, 2], scope)).0;
        assert_eq!(ran(ResumeScope::MissingAndFailed), ["b!", "d", "e"]);
        assert_eq!(ran(ResumeScope::Failed), ["b!"]);
    }

    #[test]
    fn nothing_runs_when_an_input_that_the_log_knows_has_changed() {
        let past = || past(&ALL, &[0, 3], ResumeScope::Missing);
        for changed in [
            ["x", "b!", "c", "d", "e"],
            ["a", "x", "c", "d", "e"],
            ["a", "b!", "c", "x", "e"],
        ] {
            let (ran, failure) = feed(words(&changed), past());
            assert!(ran.is_empty(), "{ran:?}");
            assert!(failure.unwrap().starts_with("the inputs have changed"));
        }
        let (ran, failure) = feed(words(&ALL[..3]), past());
        assert!(ran.is_empty() && failure.unwrap().contains("there are 3 inputs"));
        // The inputs after these are new to the log.
        let (ran, failure) = feed(words(&["a", "b!", "c", "d", "new"]), past());
        assert_eq!((ran.join(" "), failure), ("b! c new".into(), None));
    }

    #[test]
    fn however_many_are_run_again_none_is_of_an_input_that_has_changed() {
        let names: Vec<String> = (0..3_000).map(|n| format!("{n}!")).collect();
        let mut all: Vec<&'static str> = names.into_iter().map(|name| &*name.leak()).collect();
        let done: Vec<u64> = (0..3_000).collect();
        let past = past(&all, &done, ResumeScope::Failed);
        all[1_500] = "x";
        let (ran, failure) = feed(words(&all), past);
        let failure = failure.unwrap();
        assert!(
            failure.starts_with("the inputs have changed: the first 1536 "),
            "{failure}"
        );
        assert!(!ran.is_empty() && ran.len() < 1_500, "{}", ran.len());
    }
}
