//! The locks and the condition.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::{Reference, Step, Told, play, step};
use crate::shared::SharedError;
use crate::shared::lock::{ConditionState, LockState};
use sandpool_protocol::request::{ConditionOp, LockOp, Op, Reply};

/// A lock with its waiting room, which a plain lock does not use.
#[derive(Default)]
struct Lock {
    reentrant: bool,
    /// The holder, and the number of times that he took it.
    holder: Option<(usize, u64)>,
    abandoned: bool,
    waiting: VecDeque<Waiting>,
    room: VecDeque<Waiting>,
}

struct Waiting {
    who: usize,
    id: u64,
    /// Once he was in the room: was he notified?
    notified: Option<bool>,
    depth: u64,
}

impl Lock {
    fn pass_on(&mut self, told: &mut Told) {
        if self.holder.is_some() {
            return;
        }
        let Some(next) = self.waiting.pop_front() else {
            return;
        };
        self.holder = Some((next.who, next.depth));
        let reply = match next.notified {
            Some(notified) => Reply::Flag(notified),
            None => Reply::Acquired {
                abandoned: std::mem::take(&mut self.abandoned),
            },
        };
        told.insert(next.id, reply);
    }

    fn acquire(&mut self, who: usize, id: u64, told: &mut Told) {
        match &mut self.holder {
            Some((holder, depth)) if *holder == who && self.reentrant => {
                *depth += 1;
                told.insert(id, Reply::Acquired { abandoned: false });
            }
            _ => self.waiting.push_back(Waiting {
                who,
                id,
                notified: None,
                depth: 1,
            }),
        }
    }

    fn release(&mut self, who: usize) -> Reply {
        match &mut self.holder {
            None => Reply::Failed(SharedError::OverRelease),
            Some((holder, _)) if *holder != who && self.reentrant => {
                Reply::Failed(SharedError::NotOwner)
            }
            Some((_, depth)) => {
                *depth -= 1;
                self.holder.take_if(|(_, depth)| *depth == 0);
                Reply::Done
            }
        }
    }

    fn wait(&mut self, who: usize, id: u64, told: &mut Told) {
        match self.holder {
            Some((holder, depth)) if holder == who => {
                self.holder = None;
                let notified = Some(false);
                let waiting = Waiting {
                    who,
                    id,
                    notified,
                    depth,
                };
                self.room.push_back(waiting);
            }
            _ => {
                told.insert(id, Reply::Failed(SharedError::NotOwner));
            }
        }
    }

    fn notify(&mut self, who: usize, count: u32) -> Reply {
        if self.holder.is_none_or(|(holder, _)| holder != who) {
            return Reply::Failed(SharedError::NotOwner);
        }
        let count = self.room.len().min(count as usize);
        for waiting in self.room.drain(..count) {
            self.waiting.push_back(Waiting {
                notified: Some(true),
                ..waiting
            });
        }
        Reply::Done
    }
}

impl Reference for Lock {
    fn ask(&mut self, who: usize, id: u64, op: Op, told: &mut Told) {
        match op {
            Op::Lock(LockOp::Acquire) | Op::Condition(ConditionOp::Acquire) => {
                self.acquire(who, id, told);
            }
            Op::Condition(ConditionOp::Wait) => self.wait(who, id, told),
            Op::Condition(ConditionOp::Notify(count)) => {
                let reply = self.notify(who, count);
                told.insert(id, reply);
            }
            _ => {
                let reply = self.release(who);
                told.insert(id, reply);
            }
        }
        self.pass_on(told);
    }

    fn give_up(&mut self, id: u64, told: &mut Told) {
        if let Some(place) = self.room.iter().position(|waiting| waiting.id == id) {
            // He waits for the lock before he is told.
            self.waiting.extend(self.room.remove(place));
            return self.pass_on(told);
        }
        let before = self.waiting.len();
        self.waiting
            .retain(|waiting| waiting.id != id || waiting.notified.is_some());
        if self.waiting.len() < before {
            told.insert(id, Reply::Failed(SharedError::Timeout));
        }
    }

    fn leave(&mut self, who: usize, died: bool, told: &mut Told) {
        self.waiting.retain(|waiting| waiting.who != who);
        self.room.retain(|waiting| waiting.who != who);
        let holds = self.holder.is_some_and(|(holder, _)| holder == who);
        if holds && (died || self.reentrant) {
            self.holder = None;
            self.abandoned = true;
        }
        self.pass_on(told);
    }
}

fn lock_steps() -> impl Strategy<Value = Vec<Step>> {
    let op = prop::sample::select(vec![LockOp::Acquire, LockOp::Release]);
    prop::collection::vec(step(op.prop_map(Op::Lock)), 0..120)
}

fn condition_steps() -> impl Strategy<Value = Vec<Step>> {
    let op = prop_oneof![
        4 => Just(ConditionOp::Acquire),
        2 => Just(ConditionOp::Release),
        3 => Just(ConditionOp::Wait),
        2 => (0u32..3).prop_map(ConditionOp::Notify),
        1 => Just(ConditionOp::Notify(u32::MAX)),
    ];
    prop::collection::vec(step(op.prop_map(Op::Condition)), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_lock_tells_everybody_what_a_plain_one_would(
        reentrant in any::<bool>(),
        steps in lock_steps(),
    ) {
        let reference = Lock { reentrant, ..Lock::default() };
        play(LockState::new(reentrant), reference, steps);
    }

    #[test]
    fn a_condition_tells_everybody_what_a_plain_one_would(steps in condition_steps()) {
        let reference = Lock { reentrant: true, ..Lock::default() };
        play(ConditionState::new(), reference, steps);
    }
}
