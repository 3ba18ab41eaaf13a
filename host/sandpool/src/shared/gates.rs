//! Events and barriers: places where one waits for others.

use super::SharedError;
use super::object::{ObjectState, Owner, Requester, Waiters};
use sandpool_protocol::request::{BarrierOp, EventOp, Kind, Op, Reply};

/// A flag that can be waited for.
pub(crate) struct EventState {
    raised: bool,
    waiters: Waiters<()>,
}

impl EventState {
    pub(super) fn new() -> Self {
        EventState {
            raised: false,
            waiters: Waiters::new(),
        }
    }
}

impl ObjectState for EventState {
    type Op = EventOp;

    fn kind(&self) -> Kind {
        Kind::Event
    }

    fn step(op: Op) -> Option<EventOp> {
        match op {
            Op::Event(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: EventOp, requester: &Requester) {
        match op {
            EventOp::Set => {
                self.raised = true;
                self.waiters.answer_all(&Reply::Flag(true));
                requester.answer(Reply::Done);
            }
            EventOp::Clear => {
                self.raised = false;
                requester.answer(Reply::Done);
            }
            EventOp::IsSet => requester.answer(Reply::Flag(self.raised)),
            EventOp::Wait if self.raised => requester.answer(Reply::Flag(true)),
            EventOp::Wait => self.waiters.push(requester, ()),
        }
    }

    fn give_up(&mut self, id: u64) {
        if let Some((requester, ())) = self.waiters.remove(id) {
            requester.answer(Reply::Flag(false));
        }
    }

    fn leave(&mut self, owner: Owner, _died: bool) {
        self.waiters.remove_owner(owner);
    }
}

/// Lets owners pass when all of them are there.
pub(crate) struct BarrierState {
    owners: usize,
    waiters: Waiters<()>,
    broken: bool,
}

impl BarrierState {
    pub(super) fn new(owners: usize) -> Self {
        BarrierState {
            owners,
            waiters: Waiters::new(),
            broken: false,
        }
    }

    fn wait(&mut self, requester: &Requester) {
        if self.broken {
            return requester.answer(Reply::Failed(SharedError::Broken));
        }
        self.waiters.push(requester, ());
        if self.waiters.len() < self.owners {
            return;
        }
        let mut place = 0;
        while let Some((requester, ())) = self.waiters.pop() {
            requester.answer(Reply::Number(place));
            place += 1;
        }
    }

    fn turn_away(&mut self) {
        self.waiters.answer_all(&Reply::Failed(SharedError::Broken));
    }

    fn break_it(&mut self) {
        self.broken = true;
        self.turn_away();
    }
}

impl ObjectState for BarrierState {
    type Op = BarrierOp;

    fn kind(&self) -> Kind {
        Kind::Barrier
    }

    fn step(op: Op) -> Option<BarrierOp> {
        match op {
            Op::Barrier(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: BarrierOp, requester: &Requester) {
        requester.answer(match op {
            BarrierOp::Wait => return self.wait(requester),
            BarrierOp::Reset => {
                self.turn_away();
                self.broken = false;
                Reply::Done
            }
            BarrierOp::Abort => {
                self.break_it();
                Reply::Done
            }
            BarrierOp::Parties => Reply::Number(self.owners as i64),
            BarrierOp::Waiting => Reply::Number(self.waiters.len() as i64),
            BarrierOp::Broken => Reply::Flag(self.broken),
        });
    }

    fn give_up(&mut self, id: u64) {
        if let Some((requester, ())) = self.waiters.remove(id) {
            requester.answer(Reply::Failed(SharedError::Broken));
            self.break_it();
        }
    }

    fn leave(&mut self, owner: Owner, _died: bool) {
        if self.waiters.remove_owner(owner) {
            self.break_it();
        }
    }
}
