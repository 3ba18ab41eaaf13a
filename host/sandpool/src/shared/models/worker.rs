//! A worker as a queue sees it, without a process: it claims what it was
//! handed, and puts on credit.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use crate::shared::object::{Ahead, ReplySink};
use sandpool_protocol::request::{Item, Reply};

#[derive(Default)]
pub(super) struct Worker(Mutex<WorkerState>);

#[derive(Default)]
pub(super) struct WorkerState {
    /// The question that it waits for an answer to.
    pub(super) asked: Option<u64>,
    pub(super) told: Option<Reply>,
    /// The items that it was handed and has not claimed; the first `owed` of it were
    /// asked for.
    pub(super) handed: VecDeque<Item>,
    pub(super) owed: usize,
    /// Items that it may still put on credit, and those that it has put.
    pub(super) credit: u32,
    used: u32,
}

impl Worker {
    pub(super) fn state(&self) -> MutexGuard<'_, WorkerState> {
        self.0.lock().expect("no panic")
    }

    /// Claims some of what it was handed.
    pub(super) fn claim(&self, most: usize) -> Vec<Item> {
        let mut state = self.state();
        let count = most.min(state.handed.len());
        state.owed = state.owed.saturating_sub(count);
        state.handed.drain(..count).collect()
    }

    /// Uses credit for one item, if there is some.
    pub(super) fn use_credit(&self) -> bool {
        let mut state = self.state();
        let there = state.credit > 0;
        if there {
            state.credit -= 1;
            state.used += 1;
        }
        there
    }
}

impl ReplySink for Worker {
    fn answer(&self, id: u64, reply: Reply) {
        let mut state = self.state();
        if state.asked == Some(id) {
            state.asked = None;
            state.told = Some(reply);
        }
    }

    fn ahead(&self) -> Option<&dyn Ahead> {
        Some(self)
    }
}

impl Ahead for Worker {
    fn hand(&self, id: u64, items: VecDeque<Item>, owed: usize) -> Result<(), VecDeque<Item>> {
        let mut state = self.state();
        if state.asked != Some(id) {
            return Err(items);
        }
        assert!((1..=items.len()).contains(&owed), "{owed}");
        assert_eq!(state.handed.len(), 0, "what it was handed last is lost");
        state.asked = None;
        state.handed = items;
        state.owed = owed;
        Ok(())
    }

    fn take_back(&self) -> VecDeque<Item> {
        let mut state = self.state();
        let owed = state.owed;
        state.handed.split_off(owed)
    }

    fn take_back_all(&self) -> VecDeque<Item> {
        std::mem::take(&mut self.state().handed)
    }

    fn give_credit(&self, items: u32) {
        let mut state = self.state();
        assert_eq!(state.credit, 0, "the last credit was not withdrawn");
        state.credit = items;
        state.used = 0;
    }

    fn withdraw_credit(&self) -> u32 {
        let mut state = self.state();
        state.credit = 0;
        state.used
    }
}
