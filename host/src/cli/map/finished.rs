//! What is known of an input while its task is under way, and of a task that
//! has ended: what flows from the inputs to all that is written and counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sandpool::{Outcome, Value};

/// An input, as it is remembered until its task has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Its number among all inputs, from 0, also of those that a resumed run
    /// has skipped. It is the `index` of what is written.
    pub seq: u64,
    pub label: String,
    pub hash: u64,
    /// Of all inputs up to this one.
    pub prefix: u64,
    /// Empty lines before it.
    pub blank: u64,
}

/// A task that has ended.
#[derive(Debug)]
pub struct Finished {
    pub note: Note,
    /// Its index is that of the note.
    pub outcome: Outcome<Value>,
}

/// What the thread that reads the inputs tells the one that takes the outcomes.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Inputs under way, by the index that the pool gave them.
    notes: HashMap<u64, Note>,
    read: u64,
    blank_at_end: u64,
    failure: Option<anyhow::Error>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the note of the next input that the pool gets.
    pub fn keep(&self, note: Note) {
        let mut state = self.state();
        let index = state.read;
        state.read += 1;
        state.notes.insert(index, note);
    }

    /// The task with its note, which is forgotten here.
    pub fn finish(&self, mut outcome: Outcome<Value>) -> Finished {
        let note = self.state().notes.remove(&outcome.index);
        // There is one for each, unless the inputs panicked.
        let note = note.unwrap_or_else(|| Note {
            seq: outcome.index,
            ..Note::default()
        });
        outcome.index = note.seq;
        Finished { note, outcome }
    }

    /// The inputs have ended.
    pub fn end(&self, blank: u64, failure: Option<anyhow::Error>) {
        let mut state = self.state();
        state.blank_at_end = blank;
        state.failure = failure;
    }

    pub fn blank_at_end(&self) -> u64 {
        self.state().blank_at_end
    }

    /// Why the inputs could not be read to their end; told once.
    pub fn failure(&self) -> Option<anyhow::Error> {
        self.state().failure.take()
    }
}
