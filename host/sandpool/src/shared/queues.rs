//! Queues as a host program uses them.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SharedError;
use super::ask::{Asking, ask, awaited};
use super::handle::{Handle, Share};
use super::json::{from_json, to_json};
use super::object::{Object, ObjectCell};
use super::queue::{Capacity, QueueCell, QueueState};
use sandpool_protocol::request::{Item, Op, QueueOp, Reply};

/// The number of bytes that a queue holds, unless it is made otherwise.
const DEFAULT_MAX_BYTES: usize = 256 * 1024 * 1024;

/// A queue: multiprocessing's `Queue`. First in, first out, for several threads, tasks and
/// pools at once. Cloning it makes another handle to one queue. The queue lives in this
/// process and is gone with its last handle. An item that was put is visible to all at once
/// (there is no feeder thread to wait for).
///
/// Defaults: any number of items, 64 MiB an item, 256 MiB in all.
///
/// # Items
///
/// Items travel as JSON (see [`Queue::put_bytes`] for bytes), and come back as they were
/// put: serde's usual form, except that an option that holds a value that JSON writes as
/// `null` is `{"some":null}`, one that holds an option is `{"some":...}`, and floats that
/// are no numbers are `"NaN"`, `"Infinity"` and `"-Infinity"`. (Where a type asks serde to
/// look at the JSON first, by `untagged`, `flatten` or a tag, serde does not know the
/// wrapped options, and `get` fails.) `put` refuses values that JSON cannot hold, such as
/// maps with keys that are no text, or nesting beyond 127 levels.
///
/// # Order
///
/// A consumer gets the oldest items that no other consumer has in hand. A guest that needs
/// less than 64 us for an item is handed some more with it, about a millisecond's worth.
/// Items that it has not received by then go to the next consumer that asks, and at once if
/// there is nothing else. So a single consumer sees all items in the order in which they
/// were put, and several that take longer for each take them in this order too. Several
/// quick guests may overtake each other, and the host's threads, by a millisecond's worth.
/// No consumer waits while there is an item that no other has received.
pub struct Queue<T> {
    object: Arc<QueueCell>,
    item: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue {
            object: Arc::clone(&self.object),
            item: PhantomData,
        }
    }
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl<T> Share for Queue<T> {
    fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.object) as _)
    }
}

impl<T> Queue<T> {
    /// Makes a queue for `maxsize` items; 0 for any number.
    #[must_use]
    pub fn new(maxsize: usize) -> Self {
        Self::with_bytes(maxsize, DEFAULT_MAX_BYTES)
    }

    /// Makes a queue for `maxsize` items and `bytes` bytes in all \[256 MiB\], where each
    /// item counts 32 bytes more than it has. A larger item is refused; others wait for
    /// room.
    #[must_use]
    pub fn with_bytes(maxsize: usize, bytes: usize) -> Self {
        Self::make(maxsize, bytes, false)
    }

    fn make(maxsize: usize, bytes: usize, joinable: bool) -> Self {
        let capacity = Capacity {
            items: (maxsize > 0).then_some(maxsize),
            bytes,
        };
        Queue {
            object: ObjectCell::new(QueueState::new(capacity, joinable)),
            item: PhantomData,
        }
    }

    fn ask(&self, op: QueueOp, timeout: Option<Duration>) -> Reply {
        ask(&*self.object, Op::Queue(op), timeout)
    }

    /// Puts bytes as they are. Waits for room for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns `Full` after the timeout, `Closed` if the queue is closed, and `TooLarge`
    /// for more than 64 MiB, or more than the queue holds.
    pub fn put_bytes(
        &self,
        bytes: impl Into<Vec<u8>>,
        timeout: Option<Duration>,
    ) -> Result<(), SharedError> {
        self.put_items(vec![Item::from(bytes.into())], timeout)
            .map(drop)
    }

    fn put_items(&self, items: Vec<Item>, timeout: Option<Duration>) -> Result<usize, SharedError> {
        match self.ask(QueueOp::Put(items), timeout) {
            Reply::Number(count) => Ok(count as usize),
            other => Err(failure(&other)),
        }
    }

    /// Puts bytes as they are, waiting for room without blocking the thread.
    ///
    /// # Errors
    ///
    /// Returns `Closed` or `TooLarge` as [`Queue::put_bytes`] does.
    pub async fn put_bytes_async(&self, bytes: impl Into<Vec<u8>>) -> Result<(), SharedError> {
        let items = vec![Item::from(bytes.into())];
        self.put_items_async(items).await.map(drop)
    }

    async fn put_items_async(&self, items: Vec<Item>) -> Result<usize, SharedError> {
        match self.asking(QueueOp::Put(items), |_| {}).await {
            Reply::Number(count) => Ok(count as usize),
            other => Err(failure(&other)),
        }
    }

    fn asking(&self, op: QueueOp, back: impl FnOnce(Reply) + Send + 'static) -> Asking {
        Asking::new(Arc::clone(&self.object) as _, Op::Queue(op), back)
    }

    /// Takes the bytes of the oldest item. Waits for one for `timeout` at most; `None`
    /// waits for ever.
    ///
    /// # Errors
    ///
    /// Returns `Empty` after the timeout, and `Closed` when nothing is left and nothing can
    /// come.
    pub fn get_bytes(&self, timeout: Option<Duration>) -> Result<Vec<u8>, SharedError> {
        let items = items_of(self.ask(QueueOp::Get(1), timeout))?;
        let first = items.into_iter().next();
        first.map(Item::into_vec).ok_or(SharedError::Empty)
    }

    /// Takes the bytes of the oldest item, waiting without blocking the thread. Dropping
    /// the future has taken nothing.
    ///
    /// # Errors
    ///
    /// Returns `Closed` when nothing is left and nothing can come.
    pub async fn get_bytes_async(&self) -> Result<Vec<u8>, SharedError> {
        let items = self.get_items_async(1).await?;
        let first = items.into_iter().next();
        first.map(Item::into_vec).ok_or(SharedError::Empty)
    }

    async fn get_items_async(&self, max: u32) -> Result<Vec<Item>, SharedError> {
        let queue = Arc::clone(&self.object);
        let back = move |reply| {
            if let Reply::Items(items) = reply {
                queue.unget(items);
            }
        };
        items_of(self.asking(QueueOp::Get(max), back).await)
    }

    /// Returns the number of items in the queue.
    #[must_use]
    pub fn qsize(&self) -> usize {
        match self.ask(QueueOp::Size, None) {
            Reply::Number(size) => size as usize,
            _ => 0,
        }
    }

    /// Returns `true` if there is no item in the queue.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.qsize() == 0
    }

    /// Returns `true` if there is no room for another item.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.ask(QueueOp::Full, None) == Reply::Flag(true)
    }

    /// Returns the maximum number of items; 0 for any number.
    #[must_use]
    pub fn maxsize(&self) -> usize {
        match self.ask(QueueOp::MaxSize, None) {
            Reply::Number(size) => size as usize,
            _ => 0,
        }
    }

    /// Closes the queue for all: no item can be put any more, neither here nor in a guest.
    /// Items in the queue can still be taken; then `get` fails with `Closed`.
    pub fn close(&self) {
        self.ask(QueueOp::Close, None);
    }
}

impl<T: Serialize> Queue<T> {
    /// Puts an item. Waits for room, without end.
    ///
    /// # Errors
    ///
    /// Returns `Closed` if the queue is closed, `TooLarge` for more than 64 MiB, or more
    /// than the queue holds, and `Json` for a value that JSON cannot hold.
    pub fn put(&self, item: &T) -> Result<(), SharedError> {
        self.put_timeout(item, None)
    }

    /// Puts an item. Waits for room for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put`] does, and `Full` after the timeout.
    pub fn put_timeout(
        &self,
        item: &T,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<(), SharedError> {
        self.put_items(vec![to_json(item)?], timeout.into())
            .map(drop)
    }

    /// Puts an item if there is room now: `put_nowait`.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put_timeout`] does.
    pub fn try_put(&self, item: &T) -> Result<(), SharedError> {
        self.put_timeout(item, Duration::ZERO)
    }

    /// Puts many items, in order; returns the number of items that went in, which is
    /// smaller only if the timeout passed or the queue was closed.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put_timeout`] does, if no item went in.
    pub fn put_many<'a>(
        &self,
        items: impl IntoIterator<Item = &'a T>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<usize, SharedError>
    where
        T: 'a,
    {
        let items: Result<Vec<Item>, SharedError> = items.into_iter().map(to_json).collect();
        self.put_items(items?, timeout.into())
    }

    /// Puts an item, waiting for room without blocking the thread. Dropping the future has
    /// put the item or not.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put`] does.
    pub async fn put_async(&self, item: &T) -> Result<(), SharedError> {
        self.put_items_async(vec![to_json(item)?]).await.map(drop)
    }

    /// Puts many items, in order, as [`Queue::put_async`] puts one; returns the number of
    /// items that went in, which is smaller only if the queue was closed. Items that went
    /// in before the future is dropped stay in the queue.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put`] does, if no item went in.
    pub async fn put_many_async<'a>(
        &self,
        items: impl IntoIterator<Item = &'a T>,
    ) -> Result<usize, SharedError>
    where
        T: 'a,
    {
        let items: Result<Vec<Item>, SharedError> = items.into_iter().map(to_json).collect();
        self.put_items_async(items?).await
    }
}

impl<T: DeserializeOwned> Queue<T> {
    /// Takes the oldest item. Waits for one, without end.
    ///
    /// # Errors
    ///
    /// Returns `Closed` when nothing is left and nothing can come, and `Json` for an item
    /// that is no `T` (which stays taken: [`Queue::get_bytes`] reads any item).
    pub fn get(&self) -> Result<T, SharedError> {
        self.get_timeout(None)
    }

    /// Takes the oldest item. Waits for one for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get`] does, and `Empty` after the timeout.
    pub fn get_timeout(&self, timeout: impl Into<Option<Duration>>) -> Result<T, SharedError> {
        from_json(&self.get_bytes(timeout.into())?)
    }

    /// Takes the oldest item if there is one now: `get_nowait`.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get_timeout`] does.
    pub fn try_get(&self) -> Result<T, SharedError> {
        self.get_timeout(Duration::ZERO)
    }

    /// Takes the oldest items, `max` at most. Waits for the first one only.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get_timeout`] does.
    pub fn get_many(
        &self,
        max: usize,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Vec<T>, SharedError> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        let items = items_of(self.ask(QueueOp::Get(max), timeout.into()))?;
        items.iter().map(|item| from_json(item)).collect()
    }

    /// Takes the oldest item, waiting without blocking the thread. Dropping the future has
    /// taken nothing.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get`] does.
    pub async fn get_async(&self) -> Result<T, SharedError> {
        from_json(&self.get_bytes_async().await?)
    }

    /// Takes the oldest items, `max` at most, as [`Queue::get_async`] takes one. Waits for
    /// the first one only.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get`] does.
    pub async fn get_many_async(&self, max: usize) -> Result<Vec<T>, SharedError> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        let items = self.get_items_async(max).await?;
        items.iter().map(|item| from_json(item)).collect()
    }
}

/// A queue that counts the items that are not dealt with yet: multiprocessing's
/// `JoinableQueue`. It has all methods of a [`Queue`], and
/// [`task_done`](JoinableQueue::task_done) and [`join`](JoinableQueue::join).
#[derive(Debug)]
pub struct JoinableQueue<T>(Queue<T>);

impl<T> Clone for JoinableQueue<T> {
    fn clone(&self) -> Self {
        JoinableQueue(self.0.clone())
    }
}

impl<T> std::ops::Deref for JoinableQueue<T> {
    type Target = Queue<T>;

    fn deref(&self) -> &Queue<T> {
        &self.0
    }
}

impl<T> Share for JoinableQueue<T> {
    fn handle(&self) -> Handle {
        self.0.handle()
    }
}

impl<T> JoinableQueue<T> {
    /// Makes a queue for `maxsize` items; 0 for any number.
    #[must_use]
    pub fn new(maxsize: usize) -> Self {
        JoinableQueue(Queue::make(maxsize, DEFAULT_MAX_BYTES, true))
    }

    /// Notes that an item that was taken is dealt with.
    ///
    /// # Errors
    ///
    /// Returns `OverRelease` when all items are dealt with already.
    pub fn task_done(&self) -> Result<(), SharedError> {
        done(self.0.ask(QueueOp::TaskDone, None))
    }

    /// Waits until every item that was put is dealt with, for `timeout` at most; `None`
    /// waits for ever.
    ///
    /// # Errors
    ///
    /// Returns `Timeout` after the timeout.
    pub fn join(&self, timeout: impl Into<Option<Duration>>) -> Result<(), SharedError> {
        done(self.0.ask(QueueOp::Join, timeout.into()))
    }

    /// Waits as [`JoinableQueue::join`] does, without a timeout and without blocking the
    /// thread.
    ///
    /// # Errors
    ///
    /// Returns no error now.
    pub async fn join_async(&self) -> Result<(), SharedError> {
        let object: Arc<dyn Object> = Arc::clone(&self.0.object) as _;
        done(awaited(&object, Op::Queue(QueueOp::Join)).await)
    }
}

/// A queue with nothing but `put`, `get` and `empty`: multiprocessing's `SimpleQueue`.
#[derive(Debug)]
pub struct SimpleQueue<T>(Queue<T>);

impl<T> Clone for SimpleQueue<T> {
    fn clone(&self) -> Self {
        SimpleQueue(self.0.clone())
    }
}

impl<T> Default for SimpleQueue<T> {
    fn default() -> Self {
        SimpleQueue(Queue::new(0))
    }
}

impl<T> Share for SimpleQueue<T> {
    fn handle(&self) -> Handle {
        self.0.handle()
    }
}

impl<T> SimpleQueue<T> {
    /// Makes an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns `true` if there is no item in the queue.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Closes the queue for all: no item can be put any more.
    pub fn close(&self) {
        self.0.close();
    }
}

impl<T: Serialize> SimpleQueue<T> {
    /// Puts an item. Waits for room, without end.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put`] does.
    pub fn put(&self, item: &T) -> Result<(), SharedError> {
        self.0.put(item)
    }

    /// Puts an item, waiting for room without blocking the thread.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::put`] does.
    pub async fn put_async(&self, item: &T) -> Result<(), SharedError> {
        self.0.put_async(item).await
    }
}

impl<T: DeserializeOwned> SimpleQueue<T> {
    /// Takes the oldest item. Waits for one, without end.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get`] does.
    pub fn get(&self) -> Result<T, SharedError> {
        self.0.get()
    }

    /// Takes the oldest item, waiting without blocking the thread. Dropping the future has
    /// taken nothing.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Queue::get`] does.
    pub async fn get_async(&self) -> Result<T, SharedError> {
        self.0.get_async().await
    }
}

/// Returns the error in a reply. A reply of another kind than was asked for does not come
/// from our own objects.
pub(super) fn failure(reply: &Reply) -> SharedError {
    match reply {
        Reply::Failed(error) => *error,
        _ => SharedError::Closed,
    }
}

pub(super) fn done(reply: Reply) -> Result<(), SharedError> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(failure(&other)),
    }
}

pub(super) fn items_of(reply: Reply) -> Result<Vec<Item>, SharedError> {
    match reply {
        Reply::Items(items) => Ok(items),
        other => Err(failure(&other)),
    }
}
