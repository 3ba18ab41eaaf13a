//! Semaphores: a number of permits.

use std::collections::HashMap;

use super::SharedError;
use super::object::{ObjectState, Owner, Requester, Waiters};
use sandpool_protocol::request::{Kind, Op, Reply, SemaphoreOp};

/// A number of permits.
pub(crate) struct SemaphoreState {
    permits: u64,
    /// The highest number of permits; `None` if the semaphore is not bounded.
    most: Option<u64>,
    /// The permits that each owner took and has not given back: a task that dies leaves
    /// them to others.
    held: HashMap<Owner, u64>,
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
            let Some((requester, ())) = self.waiters.pop() else {
                return;
            };
            self.permits -= 1;
            *self.held.entry(requester.owner).or_default() += 1;
            requester.answer(Reply::Done);
        }
    }

    fn release(&mut self, owner: Owner) -> Reply {
        if self.most.is_some_and(|most| self.permits >= most) || self.permits == u64::MAX {
            return Reply::Failed(SharedError::OverRelease);
        }
        if let Some(held) = self.held.get_mut(&owner) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&owner);
            }
        }
        self.permits += 1;
        self.serve();
        Reply::Done
    }
}

impl ObjectState for SemaphoreState {
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

    fn ask(&mut self, op: SemaphoreOp, requester: &Requester) {
        match op {
            SemaphoreOp::Acquire => {
                self.waiters.push(requester, ());
                self.serve();
            }
            SemaphoreOp::Release => requester.answer(self.release(requester.owner)),
            SemaphoreOp::Permits => {
                let permits = i64::try_from(self.permits).unwrap_or(i64::MAX);
                requester.answer(Reply::Number(permits));
            }
        }
    }

    fn give_up(&mut self, id: u64) {
        if let Some((requester, ())) = self.waiters.remove(id) {
            requester.answer(Reply::Failed(SharedError::Timeout));
        }
    }

    fn leave(&mut self, owner: Owner, died: bool) {
        self.waiters.remove_owner(owner);
        let held = self.held.remove(&owner);
        if died {
            // Another owner may have released on its behalf.
            let permits = self.permits.saturating_add(held.unwrap_or(0));
            self.permits = permits.min(self.most.unwrap_or(u64::MAX));
            self.serve();
        }
    }
}
