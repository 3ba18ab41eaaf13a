//! Events and barriers: places where one waits for others.

use super::SharedError;
use super::object::{Asker, Party, State, Waiters};
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

impl State for EventState {
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

    fn ask(&mut self, op: EventOp, asker: &Asker) {
        match op {
            EventOp::Set => {
                self.raised = true;
                self.waiters.answer_all(&Reply::Flag(true));
                asker.answer(Reply::Done);
            }
            EventOp::Clear => {
                self.raised = false;
                asker.answer(Reply::Done);
            }
            EventOp::IsSet => asker.answer(Reply::Flag(self.raised)),
            EventOp::Wait if self.raised => asker.answer(Reply::Flag(true)),
            EventOp::Wait => self.waiters.push(asker, ()),
        }
    }

    fn give_up(&mut self, id: u64) {
        if let Some((asker, ())) = self.waiters.remove(id) {
            asker.answer(Reply::Flag(false));
        }
    }

    fn leave(&mut self, party: Party, _died: bool) {
        self.waiters.remove_party(party);
    }
}

/// Lets parties pass when all of them are there.
pub(crate) struct BarrierState {
    parties: usize,
    waiters: Waiters<()>,
    broken: bool,
}

impl BarrierState {
    pub(super) fn new(parties: usize) -> Self {
        BarrierState {
            parties,
            waiters: Waiters::new(),
            broken: false,
        }
    }

    fn wait(&mut self, asker: &Asker) {
        if self.broken {
            return asker.answer(Reply::Failed(SharedError::Broken));
        }
        self.waiters.push(asker, ());
        if self.waiters.len() < self.parties {
            return;
        }
        let mut place = 0;
        while let Some((asker, ())) = self.waiters.pop() {
            asker.answer(Reply::Number(place));
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

impl State for BarrierState {
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

    fn ask(&mut self, op: BarrierOp, asker: &Asker) {
        asker.answer(match op {
            BarrierOp::Wait => return self.wait(asker),
            BarrierOp::Reset => {
                self.turn_away();
                self.broken = false;
                Reply::Done
            }
            BarrierOp::Abort => {
                self.break_it();
                Reply::Done
            }
            BarrierOp::Parties => Reply::Number(self.parties as i64),
            BarrierOp::Waiting => Reply::Number(self.waiters.len() as i64),
            BarrierOp::Broken => Reply::Flag(self.broken),
        });
    }

    fn give_up(&mut self, id: u64) {
        if let Some((asker, ())) = self.waiters.remove(id) {
            asker.answer(Reply::Failed(SharedError::Broken));
            self.break_it();
        }
    }

    fn leave(&mut self, party: Party, _died: bool) {
        if self.waiters.remove_party(party) {
            self.break_it();
        }
    }
}
