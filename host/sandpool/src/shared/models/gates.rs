//! The semaphore, the barrier and the event.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Reference, Step, Told, play, step};
use crate::shared::SharedError;
use crate::shared::gates::{BarrierState, EventState};
use crate::shared::semaphore::SemaphoreState;
use sandpool_protocol::request::{BarrierOp, EventOp, Op, Reply, SemaphoreOp};

struct Semaphore {
    permits: u64,
    most: Option<u64>,
    held: HashMap<usize, u64>,
    waiting: Vec<(u64, usize)>,
}

impl Semaphore {
    fn serve(&mut self, told: &mut Told) {
        while self.permits > 0 && !self.waiting.is_empty() {
            let (id, who) = self.waiting.remove(0);
            self.permits -= 1;
            *self.held.entry(who).or_default() += 1;
            told.insert(id, Reply::Done);
        }
        assert!(self.most.is_none_or(|most| self.permits <= most));
    }
}

impl Reference for Semaphore {
    fn ask(&mut self, who: usize, id: u64, op: Op, told: &mut Told) {
        match op {
            Op::Semaphore(SemaphoreOp::Acquire) => self.waiting.push((id, who)),
            Op::Semaphore(SemaphoreOp::Permits) => {
                told.insert(id, Reply::Number(self.permits as i64));
            }
            _ if self.most.is_some_and(|most| self.permits == most) => {
                told.insert(id, Reply::Failed(SharedError::OverRelease));
            }
            _ => {
                let held = self.held.entry(who).or_default();
                *held = held.saturating_sub(1);
                self.permits += 1;
                told.insert(id, Reply::Done);
            }
        }
        self.serve(told);
    }

    fn give_up(&mut self, id: u64, told: &mut Told) {
        let before = self.waiting.len();
        self.waiting.retain(|(known, _)| *known != id);
        if self.waiting.len() < before {
            told.insert(id, Reply::Failed(SharedError::Timeout));
        }
    }

    fn leave(&mut self, who: usize, died: bool, told: &mut Told) {
        self.waiting.retain(|(_, known)| *known != who);
        let held = self.held.remove(&who).unwrap_or(0);
        if died {
            self.permits += held;
            self.permits = self.permits.min(self.most.unwrap_or(u64::MAX));
        }
        self.serve(told);
    }
}

struct Barrier {
    owners: usize,
    waiting: Vec<(u64, usize)>,
    broken: bool,
}

impl Barrier {
    fn turn_away(&mut self, told: &mut Told) {
        for (id, _) in self.waiting.drain(..) {
            told.insert(id, Reply::Failed(SharedError::Broken));
        }
    }
}

impl Reference for Barrier {
    fn ask(&mut self, who: usize, id: u64, op: Op, told: &mut Told) {
        let Op::Barrier(op) = op else { return };
        let reply = match op {
            BarrierOp::Wait if self.broken => Reply::Failed(SharedError::Broken),
            BarrierOp::Wait => {
                self.waiting.push((id, who));
                if self.waiting.len() == self.owners {
                    // A generation passes as a whole, and the next begins.
                    for (place, (id, _)) in (0..).zip(self.waiting.drain(..)) {
                        told.insert(id, Reply::Number(place));
                    }
                }
                return;
            }
            BarrierOp::Reset => {
                self.turn_away(told);
                self.broken = false;
                Reply::Done
            }
            BarrierOp::Abort => {
                self.turn_away(told);
                self.broken = true;
                Reply::Done
            }
            BarrierOp::Parties => Reply::Number(self.owners as i64),
            BarrierOp::Waiting => Reply::Number(self.waiting.len() as i64),
            BarrierOp::Broken => Reply::Flag(self.broken),
        };
        told.insert(id, reply);
    }

    fn give_up(&mut self, id: u64, told: &mut Told) {
        if self.waiting.iter().any(|(known, _)| *known == id) {
            self.turn_away(told);
            self.broken = true;
        }
    }

    fn leave(&mut self, who: usize, _died: bool, told: &mut Told) {
        let before = self.waiting.len();
        self.waiting.retain(|(_, known)| *known != who);
        if self.waiting.len() < before {
            self.turn_away(told);
            self.broken = true;
        }
    }
}

#[derive(Default)]
struct Event {
    raised: bool,
    waiting: Vec<(u64, usize)>,
}

impl Reference for Event {
    fn ask(&mut self, who: usize, id: u64, op: Op, told: &mut Told) {
        let Op::Event(op) = op else { return };
        let reply = match op {
            EventOp::Wait if !self.raised => return self.waiting.push((id, who)),
            EventOp::Wait | EventOp::IsSet => Reply::Flag(self.raised),
            EventOp::Set | EventOp::Clear => {
                self.raised = op == EventOp::Set;
                Reply::Done
            }
        };
        told.insert(id, reply);
        if self.raised {
            for (id, _) in self.waiting.drain(..) {
                told.insert(id, Reply::Flag(true));
            }
        }
    }

    fn give_up(&mut self, id: u64, told: &mut Told) {
        let before = self.waiting.len();
        self.waiting.retain(|(known, _)| *known != id);
        if self.waiting.len() < before {
            told.insert(id, Reply::Flag(false));
        }
    }

    fn leave(&mut self, who: usize, _died: bool, _told: &mut Told) {
        self.waiting.retain(|(_, known)| *known != who);
    }
}

fn semaphore_steps() -> impl Strategy<Value = Vec<Step>> {
    use SemaphoreOp::{Acquire, Permits, Release};
    let op = prop_oneof![3 => Just(Acquire), 2 => Just(Release), 1 => Just(Permits)];
    prop::collection::vec(step(op.prop_map(Op::Semaphore)), 0..120)
}

fn barrier_steps() -> impl Strategy<Value = Vec<Step>> {
    use BarrierOp::{Abort, Broken, Parties, Reset, Wait, Waiting};
    let others = prop::sample::select(vec![Abort, Broken, Parties, Reset, Reset, Waiting]);
    let op = prop_oneof![5 => Just(Wait), 1 => others];
    prop::collection::vec(step(op.prop_map(Op::Barrier)), 0..120)
}

fn event_steps() -> impl Strategy<Value = Vec<Step>> {
    use EventOp::{Clear, IsSet, Set, Wait};
    let op = prop::sample::select(vec![Wait, Wait, Wait, Set, Clear, IsSet]);
    prop::collection::vec(step(op.prop_map(Op::Event)), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_semaphore_tells_everybody_what_a_plain_one_would(
        permits in 0u64..4,
        bounded in any::<bool>(),
        steps in semaphore_steps(),
    ) {
        let reference = Semaphore {
            permits,
            most: bounded.then_some(permits),
            held: HashMap::new(),
            waiting: Vec::new(),
        };
        play(SemaphoreState::new(permits, bounded), reference, steps);
    }

    #[test]
    fn a_barrier_tells_everybody_what_a_plain_one_would(
        owners in 1usize..5,
        steps in barrier_steps(),
    ) {
        let reference = Barrier { owners, waiting: Vec::new(), broken: false };
        play(BarrierState::new(owners), reference, steps);
    }

    #[test]
    fn an_event_tells_everybody_what_a_plain_one_would(steps in event_steps()) {
        play(EventState::new(), Event::default(), steps);
    }
}
