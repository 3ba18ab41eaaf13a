//! The ledger of inputs and tasks: the facts about each input, on their way to the outputs
//! and the counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use compact_str::CompactString;
use sandpool::{Outcome, Value};

use super::inputs::stream::Share;

/// An input, as it is remembered until its task has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The input's number among all inputs, from 0, including those that a resumed run has
    /// skipped. It is the `index` of a result.
    pub seq: u64,
    pub label: CompactString,
    pub hash: u64,
    /// The fingerprint of all inputs up to this one.
    pub prefix: u64,
    /// The number of empty lines before it.
    pub blank: u64,
    /// The time at which it was read, if that is wanted.
    pub read_at: Option<SystemTime>,
    /// The name of its result, if results are named after inputs.
    pub name: Option<Box<str>>,
    /// `true` if it ended ok before, and the files of its result are lost.
    pub is_lost: bool,
}

/// A task that has ended.
#[derive(Debug)]
pub struct Finished {
    pub note: Note,
    /// The outcome; its index is that of the note.
    pub outcome: Outcome<Value>,
    /// The place of its result, if that is in a file and need not be repeated.
    pub stored: Option<Stored>,
}

/// The place of a task's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    File(String),
    Folder(String),
}

/// The extent to which the inputs have been read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    /// The number of inputs that the pool got.
    pub read: u64,
    /// The number of inputs that are not run, since they were run before or are not asked
    /// for.
    pub skipped: u64,
    /// The number of skipped inputs that were run before and failed.
    pub failed_before: u64,
    /// The number of skipped inputs that were not run before.
    pub left_out: u64,
    /// The total number of inputs, skipped ones included.
    pub total: Option<u64>,
    /// `true` if the total is a guess, by the part of the input that was read.
    pub is_about: bool,
}

impl Extent {
    /// Returns the number of inputs that were run before.
    pub fn done_before(&self) -> u64 {
        self.skipped.saturating_sub(self.left_out)
    }

    /// Returns the number of inputs that are run now or were run before, as far as it is
    /// known.
    pub fn all(&self) -> Option<u64> {
        Some(self.total?.saturating_sub(self.left_out))
    }
}

/// The reason why an input is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    Ok,
    Failed,
    LeftOut,
}

/// The messages from the thread that reads the inputs to the thread that takes the
/// outcomes.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Books>);

/// The books of the ledger. Each thread has a lock of its own that the other seldom takes:
/// a million inputs must not pass from hand to hand.
#[derive(Debug, Default)]
struct Books {
    /// The books of the thread that reads.
    read: Mutex<InputState>,
    /// The books of the thread that takes outcomes.
    under_way: Mutex<UnderWay>,
    /// Notified when the rest of the inputs was counted.
    counted: Condvar,
}

#[derive(Debug, Default)]
struct InputState {
    /// The notes that the other thread has not asked for yet.
    notes: VecDeque<Note>,
    /// The differences between `seq` and the pool's index: from this index on, `seq` is
    /// larger by that number. Only the last ones are kept, since they serve to name running
    /// tasks.
    leaps: VecDeque<(u64, u64)>,
    extent: Extent,
    /// The part of the total that was counted before the last input was read.
    counted: Option<u64>,
    share: Share,
    blank_at_end: u64,
    failure: Option<anyhow::Error>,
    /// The number of inputs that were done before, and whose files are lost.
    lost: u64,
    /// The number of inputs that the pool did not get, as far as they were counted.
    unread: u64,
    /// `true` if all of them were counted.
    counted_all: bool,
    /// `true` if no input is left out because of a log.
    runs_all: bool,
}

/// The number of leaps that are kept: tasks under way are among them.
const MOST_LEAPS: usize = 1 << 16;

/// The notes of inputs under way, by the index that the pool gave them.
#[derive(Debug, Default)]
struct UnderWay {
    /// The index of the first of `notes`.
    first: u64,
    /// The notes of the inputs that were read last, each until its task has ended.
    notes: VecDeque<Option<Note>>,
    /// The notes of tasks that take much longer than others.
    late: BTreeMap<u64, Note>,
}

/// The number of places for the inputs that were read last, ended ones in between included:
/// the number of inputs that the pool reads ahead.
const LAST: usize = 1 << 14;

impl UnderWay {
    fn add(&mut self, notes: &mut VecDeque<Note>) {
        self.notes.extend(notes.drain(..).map(Some));
        while self.notes.len() > LAST {
            if let Some(note) = self.notes.pop_front().flatten() {
                self.late.insert(self.first, note);
            }
            self.first += 1;
        }
    }

    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first)?).ok()
    }

    fn get(&self, index: u64) -> Option<&Note> {
        match self.place(index) {
            Some(place) => self.notes.get(place)?.as_ref(),
            None => self.late.get(&index),
        }
    }

    fn take(&mut self, index: u64) -> Option<Note> {
        let Some(place) = self.place(index) else {
            return self.late.remove(&index);
        };
        let note = self.notes.get_mut(place)?.take();
        while self.notes.pop_front_if(|note| note.is_none()).is_some() {
            self.first += 1;
        }
        note
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, InputState> {
        locked(&self.0.read)
    }

    /// Returns the notes of inputs under way, at least with this one's.
    fn under_way(&self, index: u64) -> MutexGuard<'_, UnderWay> {
        let mut under_way = locked(&self.0.under_way);
        let known = under_way.first + under_way.notes.len() as u64;
        if index >= known {
            under_way.add(&mut self.state().notes);
        }
        under_way
    }

    /// Sets the source of the share of all inputs that was read.
    pub fn measure_by(&self, share: Share) {
        self.state().share = share;
    }

    /// Sets the number of inputs, at most.
    pub fn count(&self, inputs: u64) {
        let mut state = self.state();
        let counted = state.counted.map_or(inputs, |most| most.min(inputs));
        state.counted = Some(counted);
    }

    /// Notes that an input is not run, and why.
    pub fn skip(&self, was: Skipped) {
        let extent = &mut self.state().extent;
        extent.skipped += 1;
        extent.failed_before += u64::from(was == Skipped::Failed);
        extent.left_out += u64::from(was == Skipped::LeftOut);
    }

    /// Notes that an input that was done before is run, since its files are lost.
    pub fn lose(&self) {
        self.state().lost += 1;
    }

    /// Returns the number of inputs that are run again because their files are lost.
    pub fn lost(&self) -> u64 {
        self.state().lost
    }

    /// Takes the note of an input that the pool got.
    pub fn take(&self, index: u64) -> Option<Note> {
        self.under_way(index).take(index)
    }

    /// Keeps the note of the next input that the pool gets.
    pub fn keep(&self, note: Note) {
        let mut state = self.state();
        let index = state.extent.read;
        let ahead = note.seq - index;
        if state.leaps.back().map_or(0, |(_, ahead)| *ahead) != ahead {
            state.leaps.push_back((index, ahead));
            if state.leaps.len() > MOST_LEAPS {
                state.leaps.pop_front();
            }
        }
        state.extent.read += 1;
        state.extent.skipped = state.extent.skipped.max(ahead);
        state.notes.push_back(note);
    }

    /// Joins an outcome with its note, which is taken out. Returns `None` if it is of none
    /// of the inputs.
    pub fn finish(&self, outcome: Outcome<Value>) -> Option<Finished> {
        let note = self.take(outcome.index)?;
        let mut task = Finished {
            note,
            outcome,
            stored: None,
        };
        task.outcome.index = task.note.seq;
        Some(task)
    }

    /// Returns the number that a task of the pool's has among all inputs.
    pub fn seq(&self, index: u64) -> u64 {
        let state = self.state();
        let place = state.leaps.partition_point(|(from, _)| *from <= index);
        let leap = place.checked_sub(1).and_then(|at| state.leaps.get(at));
        index + leap.map_or(0, |(_, ahead)| *ahead)
    }

    /// Returns the label of the input of a running task.
    pub fn label(&self, index: u64) -> Option<String> {
        Some(self.under_way(index).get(index)?.label.to_string())
    }

    /// Notes that the inputs have ended, and their number.
    pub fn end(&self, seq: u64, blank: u64, failure: Option<anyhow::Error>) {
        let mut state = self.state();
        state.extent.total = Some(seq);
        state.extent.skipped = seq.saturating_sub(state.extent.read);
        state.blank_at_end = blank;
        state.failure = failure;
    }

    /// Notes that every input is to be run, as no log knows one.
    pub fn run_all(&self) {
        self.state().runs_all = true;
    }

    /// Counts further inputs that nobody runs any more.
    pub fn count_unread(&self, inputs: u64, all: bool) {
        let mut state = self.state();
        state.unread += inputs;
        state.counted_all |= all;
        drop(state);
        self.0.counted.notify_all();
    }

    /// Returns the number of inputs to run, including those that were not read, and `true`
    /// if that number is exact. For a run that was cut short: waits for up to `wait` until
    /// the thread that reads them has counted the rest.
    pub fn inputs_to_run(&self, wait: Duration) -> (u64, bool) {
        let state = self.state();
        if let Some(counted) = state.counted.filter(|_| state.runs_all) {
            return (counted.max(state.extent.read), true);
        }
        let whole = |state: &InputState| state.counted_all || state.extent.total.is_some();
        let is_countable = state.share.now().is_some();
        let wait = if is_countable { wait } else { Duration::ZERO };
        let waited = self
            .0
            .counted
            .wait_timeout_while(state, wait, |state| !whole(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (state.extent.read + state.unread, whole(&state))
    }

    pub fn extent(&self) -> Extent {
        let state = self.state();
        let so_far = state.extent.read + state.extent.skipped;
        // The count is less than the inputs read only if a file grows.
        let counted = state.counted.filter(|counted| *counted >= so_far);
        let exact = state.extent.total.or(counted);
        let share = state.share.now().filter(|share| *share > 0.0);
        let guess = share.map(|share| ((so_far as f64 / share) as u64).max(so_far));
        Extent {
            total: exact.or(guess),
            is_about: exact.is_none(),
            ..state.extent
        }
    }

    pub fn blank_at_end(&self) -> u64 {
        self.state().blank_at_end
    }

    /// Takes the reason why the inputs could not be read to their end.
    pub fn failure(&self) -> Option<anyhow::Error> {
        self.state().failure.take()
    }
}

#[cfg(test)]
impl Note {
    pub fn of(seq: u64, label: &str) -> Self {
        Note {
            seq,
            label: label.into(),
            hash: 0,
            prefix: 0,
            blank: 0,
            read_at: None,
            name: None,
            is_lost: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_keep_the_numbers_of_their_inputs_where_some_were_skipped() {
        let ledger = Ledger::default();
        for seq in [0, 1, 5, 6, 9] {
            ledger.keep(Note::of(seq, &seq.to_string()));
        }
        let seqs: Vec<_> = (0..5).map(|index| ledger.seq(index)).collect();
        assert_eq!(seqs, [0, 1, 5, 6, 9]);
        assert_eq!(ledger.label(3).as_deref(), Some("6"));
        ledger.end(12, 0, None);
        let extent = Extent {
            read: 5,
            skipped: 7,
            total: Some(12),
            ..Extent::default()
        };
        assert_eq!(ledger.extent(), extent);
    }

    #[test]
    fn a_task_that_takes_long_keeps_its_note_and_holds_no_others() {
        let ledger = Ledger::default();
        let ended = |index| {
            let mut under_way = ledger.under_way(index);
            let seq = under_way.take(index).map(|note| note.seq);
            (seq, under_way.notes.len(), under_way.late.len())
        };
        let last = 3 * LAST as u64;
        for seq in 0..=last {
            ledger.keep(Note::of(seq, &seq.to_string()));
            if seq % 2 == 1 {
                assert_eq!(ended(seq).0, Some(seq), "out of order");
                assert!(seq == 1 || ended(seq - 1).0 == Some(seq - 1));
            }
        }
        assert_eq!(ledger.label(0).as_deref(), Some("0"));
        assert_eq!(ended(0), (Some(0), 0, 0));
        assert_eq!(ended(0).0, None, "it is told once");
        assert_eq!(ended(last), (Some(last), 0, 0));
        assert_eq!(ended(last + 1).0, None);
    }

    #[test]
    fn what_was_not_asked_for_is_neither_done_nor_to_be_done() {
        let ledger = Ledger::default();
        for was in [Skipped::Ok, Skipped::Failed, Skipped::LeftOut] {
            ledger.skip(was);
        }
        ledger.keep(Note::of(3, "3"));
        ledger.count(4);
        let extent = ledger.extent();
        assert_eq!((extent.read, extent.skipped), (1, 3));
        assert_eq!((extent.done_before(), extent.failed_before), (2, 1));
        assert_eq!(extent.all(), Some(3));
    }

    #[test]
    fn how_many_there_are_is_guessed_by_how_much_was_read() {
        let ledger = Ledger::default();
        ledger.keep(Note::of(9, ""));
        assert_eq!(ledger.extent().total, None);
        ledger.measure_by(Share::read(1, 10));
        assert_eq!(ledger.extent().total, Some(100));
        assert!(ledger.extent().is_about);
        ledger.count(12);
        assert_eq!(
            (ledger.extent().total, ledger.extent().is_about),
            (Some(12), false)
        );
        ledger.count(13);
        assert_eq!(ledger.extent().total, Some(12), "at most");
        ledger.end(10, 0, None);
        assert_eq!(ledger.extent().total, Some(10));
    }
}
