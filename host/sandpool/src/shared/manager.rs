//! Managed objects as a host program uses them: their manager, and the objects that
//! hold something. Locks and their like are in `guards`.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SharedError;
use super::ask::ask;
use super::collections::{DictState, ListState, MAX_COLLECTION_BYTES, ValueState};
use super::gates::{BarrierState, EventState};
use super::handle::{Handle, Share};
use super::json::{from_json, to_json};
use super::lock::{ConditionState, LockState};
use super::object::{Object, ObjectCell};
use super::queues::{JoinableQueue, Queue, done, failure, items_of};
use super::semaphore::SemaphoreState;
use sandpool_protocol::request::{DictOp, Item, ListOp, Op, Reply, ValueOp};

/// Makes objects that threads, tasks and pools share: multiprocessing's `Manager()`.
///
/// There is no process behind it. Objects live in this process, each is gone with its last
/// handle, and each step on one is seen whole or not at all. Every handle can be cloned,
/// and granted to guests.
///
/// Dictionaries, lists and values hold JSON, 64 MiB each at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manager(());

impl Manager {
    /// Returns a manager.
    #[must_use]
    pub fn new() -> Self {
        Manager(())
    }

    /// Makes an empty dictionary.
    #[must_use]
    pub fn dict<T>(&self) -> Dict<T> {
        Dict::of(ObjectCell::new(DictState::default()))
    }

    /// Makes an empty list.
    #[must_use]
    pub fn list<T>(&self) -> List<T> {
        List::of(ObjectCell::new(ListState::default()))
    }

    /// Makes a shared value.
    ///
    /// # Errors
    ///
    /// Returns `Json` for a value that JSON cannot hold, and `TooLarge` for more than 64
    /// MiB.
    pub fn value<T: Serialize>(&self, value: &T) -> Result<SharedValue<T>, SharedError> {
        let item = to_json(value)?;
        match item.len() > MAX_COLLECTION_BYTES {
            true => Err(SharedError::TooLarge),
            false => Ok(SharedValue::of(ObjectCell::new(ValueState(item)))),
        }
    }

    /// Makes a lock that one thread or task holds at a time. Taking it twice waits for
    /// ever.
    #[must_use]
    pub fn lock(&self) -> Lock {
        Lock::of(ObjectCell::new(LockState::new(false)))
    }

    /// Makes a lock that its holder, a thread or a task, may take again.
    #[must_use]
    pub fn rlock(&self) -> Lock {
        Lock::of(ObjectCell::new(LockState::new(true)))
    }

    /// Makes a semaphore with this number of permits \[multiprocessing's default: 1\].
    #[must_use]
    pub fn semaphore(&self, permits: u64) -> Semaphore {
        Semaphore::of(ObjectCell::new(SemaphoreState::new(permits, false)))
    }

    /// Makes a semaphore as [`Manager::semaphore`] does, which refuses to be released more
    /// often than acquired.
    #[must_use]
    pub fn bounded_semaphore(&self, permits: u64) -> Semaphore {
        Semaphore::of(ObjectCell::new(SemaphoreState::new(permits, true)))
    }

    /// Makes an event, whose flag is not raised.
    #[must_use]
    pub fn event(&self) -> Event {
        Event::of(ObjectCell::new(EventState::new()))
    }

    /// Makes a condition with a lock of its own, which its holder may take again.
    #[must_use]
    pub fn condition(&self) -> Condition {
        Condition::of(ObjectCell::new(ConditionState::new()))
    }

    /// Makes a barrier for this number of parties; 0 counts as 1.
    #[must_use]
    pub fn barrier(&self, parties: usize) -> Barrier {
        Barrier::of(ObjectCell::new(BarrierState::new(parties.max(1))))
    }

    /// Makes a queue for `maxsize` items; 0 for any number.
    #[must_use]
    pub fn queue<T>(&self, maxsize: usize) -> Queue<T> {
        Queue::new(maxsize)
    }

    /// Makes a joinable queue for `maxsize` items; 0 for any number.
    #[must_use]
    pub fn joinable_queue<T>(&self, maxsize: usize) -> JoinableQueue<T> {
        JoinableQueue::new(maxsize)
    }
}

/// The handles to managed objects, each with the type of its content.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident $(<$item:ident>)?, $held:ty;)+) => {
        $(
            $(#[$doc])*
            pub struct $name$(<$item>)? {
                pub(super) object: Arc<dyn Object>,
                item: PhantomData<fn() -> $held>,
            }

            impl$(<$item>)? $name$(<$item>)? {
                fn of(object: Arc<dyn Object>) -> Self {
                    $name { object, item: PhantomData }
                }
            }

            impl$(<$item>)? Clone for $name$(<$item>)? {
                fn clone(&self) -> Self {
                    Self::of(Arc::clone(&self.object))
                }
            }

            impl$(<$item>)? std::fmt::Debug for $name$(<$item>)? {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name)).finish_non_exhaustive()
                }
            }

            impl$(<$item>)? Share for $name$(<$item>)? {
                fn handle(&self) -> Handle {
                    Handle::new(Arc::clone(&self.object))
                }
            }
        )+
    };
}

handles! {
    /// A dictionary with text keys, in their order, and values that are JSON.
    Dict<T>, T;
    /// A list of values that are JSON. Negative indices count from the end.
    List<T>, T;
    /// One value that is JSON.
    SharedValue<T>, T;
    /// A lock, which its holder may take again if it is an `rlock`. A task that dies or
    /// fails gives it back, and the next holder is told that it was abandoned.
    Lock, ();
    /// A number of permits. A task that dies or fails gives its own back.
    Semaphore, ();
    /// A flag that can be waited for.
    Event, ();
    /// A lock with a waiting room.
    Condition, ();
    /// A place where threads and tasks wait for each other.
    Barrier, ();
}

pub(super) fn flag(reply: &Reply) -> Result<bool, SharedError> {
    match reply {
        Reply::Flag(flag) => Ok(*flag),
        other => Err(failure(other)),
    }
}

pub(super) fn number(reply: &Reply) -> Result<i64, SharedError> {
    match reply {
        Reply::Number(number) => Ok(*number),
        other => Err(failure(other)),
    }
}

fn item(reply: Reply) -> Result<Item, SharedError> {
    match reply {
        Reply::Item(item) => Ok(item),
        other => Err(failure(&other)),
    }
}

impl<T> Dict<T> {
    fn ask(&self, op: DictOp) -> Reply {
        ask(&*self.object, Op::Dict(op), None)
    }

    /// Removes a key; returns `true` if it was there.
    pub fn delete(&self, key: &str) -> bool {
        self.ask(DictOp::Delete(key.into())) == Reply::Flag(true)
    }

    /// Returns all keys, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self.ask(DictOp::Keys) {
            Reply::Names(names) => names,
            _ => Vec::new(),
        }
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        number(&self.ask(DictOp::Len)).map_or(0, |len| len as usize)
    }

    /// Returns `true` if the dictionary is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if the dictionary has this key.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.ask(DictOp::Contains(key.into())) == Reply::Flag(true)
    }
}

impl<T: Serialize> Dict<T> {
    /// Sets the value of a key.
    ///
    /// # Errors
    ///
    /// Returns `TooLarge` if the dictionary would hold more than 64 MiB, and `Json` for a
    /// value that JSON cannot hold.
    pub fn set(&self, key: &str, value: &T) -> Result<(), SharedError> {
        done(self.ask(DictOp::Set(key.into(), to_json(value)?)))
    }

    /// Sets many keys in one step.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Dict::set`] does; then no key was set.
    pub fn update<'a, K: Into<String>>(
        &self,
        items: impl IntoIterator<Item = (K, &'a T)>,
    ) -> Result<(), SharedError>
    where
        T: 'a,
    {
        let items = items.into_iter();
        let items: Result<_, SharedError> = items
            .map(|(key, value)| Ok((key.into(), to_json(value)?)))
            .collect();
        done(self.ask(DictOp::Update(items?)))
    }

    /// Replaces the value of a key by `replacement` (`None` removes the key) if its bytes
    /// are those of `expected` (`None`: the key is not there); returns `true` if it did.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Dict::set`] does.
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&T>,
        replacement: Option<&T>,
    ) -> Result<bool, SharedError> {
        flag(&self.ask(DictOp::CompareAndSet {
            key: key.into(),
            expected: expected.map(to_json).transpose()?,
            replacement: replacement.map(to_json).transpose()?,
        }))
    }
}

impl<T: DeserializeOwned> Dict<T> {
    /// Returns the value of this key, if it is there.
    ///
    /// # Errors
    ///
    /// Returns `Json` for a value that is no `T`.
    pub fn get(&self, key: &str) -> Result<Option<T>, SharedError> {
        match self.ask(DictOp::Get(key.into())) {
            Reply::MaybeItem(value) => value.map(|value| from_json(&value)).transpose(),
            other => Err(failure(&other)),
        }
    }

    /// Returns all keys with their values.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Dict::get`] does.
    pub fn items(&self) -> Result<BTreeMap<String, T>, SharedError> {
        match self.ask(DictOp::Items) {
            Reply::Pairs(pairs) => {
                let pairs = pairs.into_iter();
                pairs
                    .map(|(key, value)| Ok((key, from_json(&value)?)))
                    .collect()
            }
            other => Err(failure(&other)),
        }
    }
}

impl<T> List<T> {
    fn ask(&self, op: ListOp) -> Reply {
        ask(&*self.object, Op::List(op), None)
    }

    /// Returns the number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        number(&self.ask(ListOp::Len)).map_or(0, |len| len as usize)
    }

    /// Returns `true` if the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Serialize> List<T> {
    /// Adds an item at the end.
    ///
    /// # Errors
    ///
    /// Returns `TooLarge` if the list would hold more than 64 MiB, and `Json` for a value
    /// that JSON cannot hold.
    pub fn append(&self, item: &T) -> Result<(), SharedError> {
        self.extend([item])
    }

    /// Adds items at the end, in one step.
    ///
    /// # Errors
    ///
    /// Returns an error as [`List::append`] does; then no item was added.
    pub fn extend<'a>(&self, items: impl IntoIterator<Item = &'a T>) -> Result<(), SharedError>
    where
        T: 'a,
    {
        let items: Result<_, SharedError> = items.into_iter().map(to_json).collect();
        done(self.ask(ListOp::Extend(items?)))
    }

    /// Replaces the item at this index.
    ///
    /// # Errors
    ///
    /// Returns `OutOfRange` if there is no such item, and other errors as [`List::append`]
    /// does.
    pub fn set(&self, index: i64, item: &T) -> Result<(), SharedError> {
        done(self.ask(ListOp::Set(index, to_json(item)?)))
    }
}

impl<T: DeserializeOwned> List<T> {
    /// Returns the item at this index.
    ///
    /// # Errors
    ///
    /// Returns `OutOfRange` if there is no such item, and `Json` for an item that is no
    /// `T`.
    pub fn get(&self, index: i64) -> Result<T, SharedError> {
        from_json(&item(self.ask(ListOp::Get(index)))?)
    }

    /// Removes and returns the item at this index; `None` is the last.
    ///
    /// # Errors
    ///
    /// Returns an error as [`List::get`] does.
    pub fn pop(&self, index: impl Into<Option<i64>>) -> Result<T, SharedError> {
        from_json(&item(self.ask(ListOp::Pop(index.into())))?)
    }

    /// Returns all items.
    ///
    /// # Errors
    ///
    /// Returns an error as [`List::get`] does.
    pub fn items(&self) -> Result<Vec<T>, SharedError> {
        let items = items_of(self.ask(ListOp::Items))?;
        items.iter().map(|item| from_json(item)).collect()
    }
}

impl<T> SharedValue<T> {
    fn ask(&self, op: ValueOp) -> Reply {
        ask(&*self.object, Op::Value(op), None)
    }

    /// Adds to a value that is a whole number, in one step, and returns the sum.
    ///
    /// # Errors
    ///
    /// Returns `NotANumber` for another value, and `OutOfRange` if the sum is no 64-bit
    /// number.
    pub fn add(&self, amount: i64) -> Result<i64, SharedError> {
        number(&self.ask(ValueOp::Add(amount)))
    }
}

impl<T: Serialize> SharedValue<T> {
    /// Replaces the value.
    ///
    /// # Errors
    ///
    /// Returns `TooLarge` for more than 64 MiB, and `Json` for a value that JSON cannot
    /// hold.
    pub fn set(&self, value: &T) -> Result<(), SharedError> {
        done(self.ask(ValueOp::Set(to_json(value)?)))
    }
}

impl<T: DeserializeOwned> SharedValue<T> {
    /// Returns the current value.
    ///
    /// # Errors
    ///
    /// Returns `Json` for a value that is no `T`.
    pub fn get(&self) -> Result<T, SharedError> {
        from_json(&item(self.ask(ValueOp::Get))?)
    }
}
