//! Semaphores: so many permits.

use std::collections::HashMap;

use super::SharedError;
use super::object::{Asker, Party, State, Waiters};
use sandpool_protocol::request::{Kind, Op, Reply, SemaphoreOp};

/// A number of permits.
pub(crate) struct SemaphoreState {
    permits: u64,
    /// More than these there must not be.
    most: Option<u64>,
    /// Permits that a party took and has not given back: a task that dies
    /// leaves them to the others.
    held: HashMap<Party, u64>,
    waiters: Waiters<()>,
}

impl SemaphoreState {
    pub(super) fn new(permits: u64, bounded: bool) -> Self {
        SemaphoreState {
            permits,
            most: bounded.then_some(permits),
            held: HashMap::new(),
            waiters: Waiters::new(),
        }
    }

    fn serve(&mut self) {
        while self.permits > 0 {
            let Some((asker, ())) = self.waiters.pop() else {
                return;
            };
            self.permits -= 1;
            *self.held.entry(asker.party).or_default() += 1;
            asker.answer(Reply::Done);
        }
    }

    fn release(&mut self, party: Party) -> Reply {
        if self.most.is_some_and(|most| self.permits >= most) || self.permits == u64::MAX {
            return Reply::Failed(SharedError::OverRelease);
        }
        if let Some(held) = self.held.get_mut(&party) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&party);
            }
        }
        self.permits += 1;
        self.serve();
        Reply::Done
    }
}

impl State for SemaphoreState {
    type Op = SemaphoreOp;

    fn kind(&self) -> Kind {
        Kind::Semaphore
    }

    fn step(op: Op) -> Option<SemaphoreOp> {
        match op {
            Op::Semaphore(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: SemaphoreOp, asker: &Asker) {
        match op {
            SemaphoreOp::Acquire => {
                self.waiters.push(asker, ());
                self.serve();
            }
            SemaphoreOp::Release => asker.answer(self.release(asker.party)),
            SemaphoreOp::Permits => {
                let permits = i64::try_from(self.permits).unwrap_or(i64::MAX);
                asker.answer(Reply::Number(permits));
            }
        }
    }

    fn give_up(&mut self, id: u64) {
        if let Some((asker, ())) = self.waiters.remove(id) {
            asker.answer(Reply::Failed(SharedError::Timeout));
        }
    }

    fn leave(&mut self, party: Party, died: bool) {
        self.waiters.remove_party(party);
        let held = self.held.remove(&party);
        if died {
            // Somebody else may have released on its behalf.
            let permits = self.permits.saturating_add(held.unwrap_or(0));
            self.permits = permits.min(self.most.unwrap_or(u64::MAX));
            self.serve();
        }
    }
}
