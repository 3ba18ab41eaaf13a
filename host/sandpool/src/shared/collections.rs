//! Dictionaries, lists and values: bytes that several tasks share.

use std::collections::{BTreeMap, VecDeque};

use super::SharedError;
use super::object::{Object, ObjectCell, ObjectState, Owner, Requester};
use sandpool_protocol::Violation;
use sandpool_protocol::request::{DictOp, Item, Kind, ListOp, Op, Reply, ValueOp};

/// The number of bytes that one dictionary, list or value holds at most, keys included. All
/// of it fits into one reply.
pub(crate) const MAX_COLLECTION_BYTES: usize = 64 * 1024 * 1024;

/// The memory in bytes that an entry costs beside its own bytes, about.
const DICT_ITEM_OVERHEAD: usize = 64;

/// The number of bytes in use, which refuses to grow too large.
#[derive(Default)]
struct Account(usize);

impl Account {
    /// Takes `more` in and lets `less` go.
    fn exchange(&mut self, more: usize, less: usize) -> Result<(), SharedError> {
        let after = self.0.saturating_sub(less).saturating_add(more);
        if after > MAX_COLLECTION_BYTES && more > less {
            return Err(SharedError::TooLarge);
        }
        self.0 = after;
        Ok(())
    }
}

fn reply(result: Result<Reply, SharedError>) -> Reply {
    result.unwrap_or_else(Reply::Failed)
}

/// A dictionary.
#[derive(Default)]
pub(crate) struct DictState {
    entries: BTreeMap<String, Item>,
    account: Account,
}

impl DictState {
    fn entry_cost(&self, key: &str) -> usize {
        let entry = self.entries.get(key);
        entry.map_or(0, |value| key.len() + value.len() + DICT_ITEM_OVERHEAD)
    }

    fn set(&mut self, key: String, value: Item) -> Result<Reply, SharedError> {
        let before = self.entry_cost(&key);
        self.account
            .exchange(key.len() + value.len() + DICT_ITEM_OVERHEAD, before)?;
        self.entries.insert(key, value);
        Ok(Reply::Done)
    }

    fn delete(&mut self, key: &str) -> bool {
        let before = self.entry_cost(key);
        let there = self.entries.remove(key).is_some();
        // Fewer bytes always fit.
        let _ = self.account.exchange(0, before);
        there
    }

    fn update(&mut self, items: Vec<(String, Item)>) -> Result<Reply, SharedError> {
        // All keys or none; a key that comes twice is counted twice, which only errs on the
        // safe side.
        let costs = items
            .iter()
            .map(|(key, value)| key.len() + value.len() + DICT_ITEM_OVERHEAD);
        let more: usize = costs.sum();
        if self.account.0.saturating_add(more) > MAX_COLLECTION_BYTES {
            return Err(SharedError::TooLarge);
        }
        for (key, value) in items {
            self.set(key, value)?;
        }
        Ok(Reply::Done)
    }

    fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<&Item>,
        replacement: Option<Item>,
    ) -> Result<Reply, SharedError> {
        if self.entries.get(&key) != expected {
            return Ok(Reply::Flag(false));
        }
        match replacement {
            Some(value) => self.set(key, value)?,
            None => Reply::Flag(self.delete(&key)),
        };
        Ok(Reply::Flag(true))
    }
}

impl ObjectState for DictState {
    type Op = DictOp;

    fn kind(&self) -> Kind {
        Kind::Dict
    }

    fn step(op: Op) -> Option<DictOp> {
        match op {
            Op::Dict(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: DictOp, requester: &Requester) {
        requester.answer(match op {
            DictOp::Get(key) => Reply::MaybeItem(self.entries.get(&key).cloned()),
            DictOp::Set(key, value) => reply(self.set(key, value)),
            DictOp::Delete(key) => Reply::Flag(self.delete(&key)),
            DictOp::Keys => Reply::Names(self.entries.keys().cloned().collect()),
            DictOp::Items => {
                let entries = self.entries.iter();
                Reply::Pairs(entries.map(|(k, v)| (k.clone(), v.clone())).collect())
            }
            DictOp::Len => Reply::Number(self.entries.len() as i64),
            DictOp::Contains(key) => Reply::Flag(self.entries.contains_key(&key)),
            DictOp::Update(items) => reply(self.update(items)),
            DictOp::CompareAndSet {
                key,
                expected,
                replacement,
            } => reply(self.compare_and_set(key, expected.as_ref(), replacement)),
        });
    }

    fn give_up(&mut self, _id: u64) {}

    fn leave(&mut self, _owner: Owner, _died: bool) {}
}

/// A list.
#[derive(Default)]
pub(crate) struct ListState {
    items: VecDeque<Item>,
    account: Account,
}

impl ListState {
    fn place(&self, index: i64) -> Result<usize, SharedError> {
        let len = self.items.len() as i64;
        let index = if index < 0 { index + len } else { index };
        match (0..len).contains(&index) {
            true => Ok(index as usize),
            false => Err(SharedError::OutOfRange),
        }
    }

    fn extend(&mut self, items: Vec<Item>) -> Result<Reply, SharedError> {
        let costs = items.iter().map(|item| item.len() + DICT_ITEM_OVERHEAD);
        self.account.exchange(costs.sum(), 0)?;
        self.items.extend(items);
        Ok(Reply::Done)
    }

    fn set(&mut self, index: i64, item: Item) -> Result<Reply, SharedError> {
        let place = self.place(index)?;
        self.account.exchange(item.len(), self.items[place].len())?;
        self.items[place] = item;
        Ok(Reply::Done)
    }

    fn pop(&mut self, index: Option<i64>) -> Result<Reply, SharedError> {
        let place = self.place(index.unwrap_or(-1))?;
        let item = self.items.remove(place).ok_or(SharedError::OutOfRange)?;
        self.account.exchange(0, item.len() + DICT_ITEM_OVERHEAD)?;
        Ok(Reply::Item(item))
    }
}

impl ObjectState for ListState {
    type Op = ListOp;

    fn kind(&self) -> Kind {
        Kind::List
    }

    fn step(op: Op) -> Option<ListOp> {
        match op {
            Op::List(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: ListOp, requester: &Requester) {
        requester.answer(match op {
            ListOp::Extend(items) => reply(self.extend(items)),
            ListOp::Get(index) => reply(
                self.place(index)
                    .map(|place| Reply::Item(self.items[place].clone())),
            ),
            ListOp::Set(index, item) => reply(self.set(index, item)),
            ListOp::Pop(index) => reply(self.pop(index)),
            ListOp::Len => Reply::Number(self.items.len() as i64),
            ListOp::Items => Reply::Items(self.items.iter().cloned().collect()),
        });
    }

    fn give_up(&mut self, _id: u64) {}

    fn leave(&mut self, _owner: Owner, _died: bool) {}
}

/// One value.
pub(crate) struct ValueState(pub(super) Item);

impl ValueState {
    fn add(&mut self, amount: i64) -> Result<Reply, SharedError> {
        let text = std::str::from_utf8(&self.0).map_err(|_| SharedError::NotANumber)?;
        let number: i64 = text.parse().map_err(|_| SharedError::NotANumber)?;
        let sum = number.checked_add(amount);
        let sum = sum.ok_or(SharedError::OutOfRange)?;
        self.0 = Item::from(sum.to_string().into_bytes());
        Ok(Reply::Number(sum))
    }
}

impl ObjectState for ValueState {
    type Op = ValueOp;

    fn kind(&self) -> Kind {
        Kind::Value
    }

    fn step(op: Op) -> Option<ValueOp> {
        match op {
            Op::Value(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: ValueOp, requester: &Requester) {
        requester.answer(match op {
            ValueOp::Get => Reply::Item(self.0.clone()),
            ValueOp::Set(item) if item.len() > MAX_COLLECTION_BYTES => {
                Reply::Failed(SharedError::TooLarge)
            }
            ValueOp::Set(item) => {
                self.0 = item;
                Reply::Done
            }
            ValueOp::Add(amount) => reply(self.add(amount)),
        });
    }

    fn give_up(&mut self, _id: u64) {}

    fn leave(&mut self, _owner: Owner, _died: bool) {}
}

/// States that need no more than [`ObjectState`].
macro_rules! objects {
    ($($state:ty),+) => {
        $(
            impl Object for ObjectCell<$state> {
                fn kind(&self) -> Kind {
                    self.lock().kind()
                }

                fn id(&self) -> u64 {
                    ObjectCell::id(self)
                }

                fn ask(&self, op: Op, wait: bool, requester: &Requester) -> Result<(), Violation> {
                    self.ask_state(op, wait, requester)
                }

                fn give_up(&self, id: u64) {
                    self.lock().give_up(id);
                }

                fn leave(&self, owner: Owner, died: bool) {
                    self.lock().leave(owner, died);
                }
            }
        )+
    };
}

objects!(DictState, ListState, ValueState);
objects!(super::lock::LockState, super::lock::ConditionState);
objects!(super::semaphore::SemaphoreState);
objects!(super::gates::EventState, super::gates::BarrierState);
