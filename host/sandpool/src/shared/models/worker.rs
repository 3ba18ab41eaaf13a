//! A worker as a queue sees it, without a process: it claims what it was
//! handed, and puts on credit.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use crate::shared::object::{Ahead, ReplySink};
use sandpool_protocol::request::{Item, Reply};

#[derive(Default)]
pub(super) struct Worker(Mutex<Desk>);

#[derive(Default)]
pub(super) struct Desk {
    /// The question that it waits for an answer to.
    pub(super) asked: Option<u64>,
    pub(super) told: Option<Reply>,
    /// What it was handed and has not claimed; the first `owed` of it were
    /// asked for.
    pub(super) handed: VecDeque<Item>,
    pub(super) owed: usize,
    /// Items that it may still put on credit, and those that it has put.
    pub(super) credit: u32,
    used: u32,
}

impl Worker {
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().expect("no panic")
    }

    /// Claims some of what it was handed.
    pub(super) fn claim(&self, most: usize) -> Vec<Item> {
        let mut desk = self.desk();
        let count = most.min(desk.handed.len());
        desk.owed = desk.owed.saturating_sub(count);
        desk.handed.drain(..count).collect()
    }

    /// Uses credit for one item, if there is some.
    pub(super) fn use_credit(&self) -> bool {
        let mut desk = self.desk();
        let there = desk.credit > 0;
        if there {
            desk.credit -= 1;
            desk.used += 1;
        }
        there
    }
}

impl ReplySink for Worker {
    fn answer(&self, id: u64, reply: Reply) {
        let mut desk = self.desk();
        if desk.asked == Some(id) {
            desk.asked = None;
            desk.told = Some(reply);
        }
    }

    fn ahead(&self) -> Option<&dyn Ahead> {
        Some(self)
    }
}

impl Ahead for Worker {
    fn hand(&self, id: u64, items: VecDeque<Item>, owed: usize) -> Result<(), VecDeque<Item>> {
        let mut desk = self.desk();
        if desk.asked != Some(id) {
            return Err(items);
        }
        assert!((1..=items.len()).contains(&owed), "{owed}");
        assert_eq!(desk.handed.len(), 0, "what it was handed last is lost");
        desk.asked = None;
        desk.handed = items;
        desk.owed = owed;
        Ok(())
    }

    fn take_back(&self) -> VecDeque<Item> {
        let mut desk = self.desk();
        let owed = desk.owed;
        desk.handed.split_off(owed)
    }

    fn take_back_all(&self) -> VecDeque<Item> {
        std::mem::take(&mut self.desk().handed)
    }

    fn give_credit(&self, items: u32) {
        let mut desk = self.desk();
        assert_eq!(desk.credit, 0, "the last credit was not withdrawn");
        desk.credit = items;
        desk.used = 0;
    }

    fn withdraw_credit(&self) -> u32 {
        let mut desk = self.desk();
        desk.credit = 0;
        desk.used
    }
}
