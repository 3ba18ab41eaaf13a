//! Every state beside a plain reference, under many interleavings.
//!
//! A test makes steps at random: parties ask, give up, leave or die, workers
//! claim what they were handed and put on credit. After each step the state
//! must have told everybody what the reference tells them, nothing more and
//! nothing less; so nobody waits who could be served, and nothing is given
//! twice. `threads` does the same with real threads, where only what holds for
//! any order can be asked.

mod clock;
mod gates;
mod locks;
mod prefetch;
mod queue;
mod threads;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::object::{ObjectState, Owner, ReplySink, Requester};
use sandpool_protocol::request::{Op, Reply};

/// Those who ask.
const PEOPLE: usize = 4;

/// The replies since the last look, by question.
type Told = BTreeMap<u64, Reply>;

/// Notes what was told.
#[derive(Default)]
struct ReplyLog(Mutex<Vec<(u64, Reply)>>);

impl ReplyLog {
    fn take(&self) -> Told {
        let mut all = Told::new();
        for (id, reply) in self.0.lock().expect("no panic").drain(..) {
            assert_eq!(all.insert(id, reply), None, "somebody is told twice");
        }
        all
    }
}

impl ReplySink for ReplyLog {
    fn answer(&self, id: u64, reply: Reply) {
        self.0.lock().expect("no panic").push((id, reply));
    }
}

/// The reference implementation of an object.
trait Reference {
    fn ask(&mut self, who: usize, id: u64, op: Op, told: &mut Told);
    fn give_up(&mut self, id: u64, told: &mut Told);
    fn leave(&mut self, who: usize, died: bool, told: &mut Told);
}

#[derive(Clone, Debug)]
enum Step {
    Ask { who: usize, op: Op },
    GiveUp { who: usize },
    Leave { who: usize, died: bool },
}

fn step(op: impl Strategy<Value = Op>) -> impl Strategy<Value = Step> {
    let who = || 0..PEOPLE;
    prop_oneof![
        10 => (who(), op).prop_map(|(who, op)| Step::Ask { who, op }),
        2 => who().prop_map(|who| Step::GiveUp { who }),
        1 => (who(), any::<bool>()).prop_map(|(who, died)| Step::Leave { who, died }),
    ]
}

/// Plays the same steps to a state and to its reference. Who waits asks nothing
/// else; who left is somebody else when he comes again.
fn play<S: ObjectState>(mut state: S, mut reference: impl Reference, steps: Vec<Step>) {
    let replies = Arc::new(ReplyLog::default());
    let mut owners = [(); PEOPLE].map(|()| Owner::new());
    let mut numbers: [usize; PEOPLE] = std::array::from_fn(|who| who);
    let mut waiting = [None; PEOPLE];
    for (moment, step) in steps.into_iter().enumerate() {
        let mut expected = Told::new();
        match step {
            Step::Ask { who, op } if waiting[who].is_none() => {
                let requester = Requester::new(owners[who], Arc::clone(&replies) as _);
                waiting[who] = Some(requester.id);
                state.ask(S::step(op.clone()).expect("its own step"), &requester);
                reference.ask(numbers[who], requester.id, op, &mut expected);
            }
            Step::Ask { .. } => {}
            Step::GiveUp { who } => {
                if let Some(id) = waiting[who] {
                    state.give_up(id);
                    reference.give_up(id, &mut expected);
                }
            }
            Step::Leave { who, died } => {
                state.leave(owners[who], died);
                reference.leave(numbers[who], died, &mut expected);
                owners[who] = Owner::new();
                numbers[who] = PEOPLE * (moment + 1) + who;
                waiting[who] = None;
            }
        }
        assert_eq!(replies.take(), expected, "step {moment}");
        for waiting in &mut waiting {
            waiting.take_if(|id| expected.contains_key(id));
        }
    }
}
