//! Hands a source's inputs to the pool, and notes each for when its task has
//! ended. Runs on the pool's feeder thread.

use sandpool::Input;

use super::finished::{Ledger, Note};
use super::inputs::Source;

/// The inputs as the pool pulls them.
pub struct Feed {
    source: Box<dyn Source>,
    ledger: Ledger,
    seq: u64,
}

impl Feed {
    pub fn new(source: Box<dyn Source>, ledger: Ledger) -> Self {
        Feed {
            source,
            ledger,
            seq: 0,
        }
    }
}

impl Iterator for Feed {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        let (item, failure) = match self.source.next() {
            Ok(item) => (item, None),
            Err(failure) => (None, Some(failure)),
        };
        let Some(item) = item else {
            self.ledger.end(self.source.blank_at_end(), failure);
            return None;
        };
        self.ledger.keep(Note {
            seq: self.seq,
            label: item.label,
            hash: item.hash,
            prefix: 0,
            blank: item.blank,
        });
        self.seq += 1;
        Some(item.input)
    }
}
