//! Locks, semaphores, events, conditions and barriers as a host program uses
//! them.

use std::sync::Arc;
use std::time::Duration;

use super::SharedError;
use super::ask::{ask, ask_as, awaited, taken};
use super::manager::{Barrier, Condition, Event, Lock, Semaphore, flag, number};
use super::object::{Object, Owner};
use super::queues::{done, failure};
use sandpool_protocol::request::{BarrierOp, ConditionOp, EventOp, LockOp, Op, Reply, SemaphoreOp};

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// In good order.
    Clean,
    /// The task that held it died or failed; what it guards may be half done.
    /// The lock is held now all the same.
    Abandoned,
}

fn acquired(reply: &Reply) -> Result<Acquired, SharedError> {
    match reply {
        Reply::Acquired { abandoned: true } => Ok(Acquired::Abandoned),
        Reply::Acquired { abandoned: false } => Ok(Acquired::Clean),
        other => Err(failure(other)),
    }
}

impl Lock {
    /// Takes the lock, waiting for `timeout` at most; `None` is without end.
    ///
    /// # Errors
    /// `Timeout`.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<Acquired, SharedError> {
        acquired(&ask(
            &*self.object,
            Op::Lock(LockOp::Acquire),
            timeout.into(),
        ))
    }

    /// Takes the lock, waiting without blocking the thread, until the guard is
    /// dropped. A future that is dropped has taken nothing.
    ///
    /// A future belongs to no thread, so each is a holder of its own, also of an
    /// `rlock`: to take one again while its guard is there waits for ever.
    ///
    /// # Errors
    /// None now.
    pub async fn acquire_async(&self) -> Result<LockGuard, SharedError> {
        let object = Arc::clone(&self.object);
        let back = move |owner, reply| {
            if let Reply::Acquired { .. } = reply {
                ask_as(&*object, owner, Op::Lock(LockOp::Release));
            }
        };
        let (owner, reply) = taken(&self.object, Op::Lock(LockOp::Acquire), back).await;
        let acquired = acquired(&reply)?;
        Ok(LockGuard {
            object: Arc::clone(&self.object),
            owner,
            acquired,
        })
    }

    /// Releases the lock once.
    ///
    /// # Errors
    /// `OverRelease` if nobody holds it; `NotOwner` if it is an `rlock` that
    /// this thread does not hold.
    pub fn release(&self) -> Result<(), SharedError> {
        done(ask(&*self.object, Op::Lock(LockOp::Release), None))
    }
}

/// A [`Lock`] that was taken by [`Lock::acquire_async`]; it is released when this is
/// dropped, on whatever thread.
#[must_use = "the lock is released when its guard is dropped"]
pub struct LockGuard {
    object: Arc<dyn Object>,
    owner: Owner,
    acquired: Acquired,
}

impl LockGuard {
    /// How the lock was got.
    #[must_use]
    pub fn acquired(&self) -> Acquired {
        self.acquired
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        ask_as(&*self.object, self.owner, Op::Lock(LockOp::Release));
    }
}

impl std::fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockGuard")
            .field("acquired", &self.acquired)
            .finish_non_exhaustive()
    }
}

impl Semaphore {
    /// Takes a permit, waiting for `timeout` at most.
    ///
    /// # Errors
    /// `Timeout`.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<(), SharedError> {
        let op = Op::Semaphore(SemaphoreOp::Acquire);
        done(ask(&*self.object, op, timeout.into()))
    }

    /// Takes a permit, waiting without blocking the thread. A future that is
    /// dropped has taken none.
    ///
    /// # Errors
    /// None now.
    pub async fn acquire_async(&self) -> Result<(), SharedError> {
        done(awaited(&self.object, Op::Semaphore(SemaphoreOp::Acquire)).await)
    }

    /// Gives a permit back.
    ///
    /// # Errors
    /// `OverRelease` if it is bounded and all permits are there.
    pub fn release(&self) -> Result<(), SharedError> {
        done(ask(
            &*self.object,
            Op::Semaphore(SemaphoreOp::Release),
            None,
        ))
    }

    /// How many permits there are now.
    #[must_use]
    pub fn permits(&self) -> u64 {
        let reply = ask(&*self.object, Op::Semaphore(SemaphoreOp::Permits), None);
        number(&reply).map_or(0, i64::unsigned_abs)
    }
}

impl Event {
    fn ask(&self, op: EventOp, timeout: Option<Duration>) -> Reply {
        ask(&*self.object, Op::Event(op), timeout)
    }

    /// Raises the flag, and wakes all who wait for it.
    pub fn set(&self) {
        self.ask(EventOp::Set, None);
    }

    /// Lowers the flag.
    pub fn clear(&self) {
        self.ask(EventOp::Clear, None);
    }

    /// Whether the flag is raised.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.ask(EventOp::IsSet, None) == Reply::Flag(true)
    }

    /// Waits until the flag is raised, for `timeout` at most; false if that
    /// passed first.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> bool {
        self.ask(EventOp::Wait, timeout.into()) == Reply::Flag(true)
    }

    /// Waits until the flag is raised, without blocking the thread.
    pub async fn wait_async(&self) {
        awaited(&self.object, Op::Event(EventOp::Wait)).await;
    }
}

impl Condition {
    fn ask(&self, op: ConditionOp, timeout: Option<Duration>) -> Reply {
        ask(&*self.object, Op::Condition(op), timeout)
    }

    /// Takes the lock, waiting for `timeout` at most.
    ///
    /// # Errors
    /// `Timeout`.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<Acquired, SharedError> {
        acquired(&self.ask(ConditionOp::Acquire, timeout.into()))
    }

    /// Releases the lock once.
    ///
    /// # Errors
    /// `NotOwner`, `OverRelease`.
    pub fn release(&self) -> Result<(), SharedError> {
        done(self.ask(ConditionOp::Release, None))
    }

    /// Releases the lock, waits to be notified, for `timeout` at most, and
    /// takes the lock again, however long that takes; false if the timeout
    /// passed first.
    ///
    /// # Errors
    /// `NotOwner` if this thread does not hold the lock.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<bool, SharedError> {
        flag(&self.ask(ConditionOp::Wait, timeout.into()))
    }

    /// Wakes so many of those who wait, the longest waiting first.
    ///
    /// # Errors
    /// `NotOwner` if this thread does not hold the lock.
    pub fn notify(&self, count: u32) -> Result<(), SharedError> {
        done(self.ask(ConditionOp::Notify(count), None))
    }

    /// Wakes all who wait.
    ///
    /// # Errors
    /// As [`Condition::notify`].
    pub fn notify_all(&self) -> Result<(), SharedError> {
        self.notify(u32::MAX)
    }
}

impl Barrier {
    fn ask(&self, op: BarrierOp, timeout: Option<Duration>) -> Reply {
        ask(&*self.object, Op::Barrier(op), timeout)
    }

    /// Waits until all owners are there, and returns this one's place among
    /// them, counted from 0. Whoever gives up breaks the barrier for all.
    ///
    /// # Errors
    /// `Broken`.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<usize, SharedError> {
        number(&self.ask(BarrierOp::Wait, timeout.into())).map(|place| place as usize)
    }

    /// The same, without blocking the thread. A future that is dropped breaks
    /// the barrier, if it has begun to wait.
    ///
    /// # Errors
    /// `Broken`.
    pub async fn wait_async(&self) -> Result<usize, SharedError> {
        let reply = awaited(&self.object, Op::Barrier(BarrierOp::Wait)).await;
        number(&reply).map(|place| place as usize)
    }

    /// Empties the barrier and mends it; who waits fails with `Broken`.
    pub fn reset(&self) {
        self.ask(BarrierOp::Reset, None);
    }

    /// Breaks the barrier until it is reset.
    pub fn abort(&self) {
        self.ask(BarrierOp::Abort, None);
    }

    /// How many pass together.
    #[must_use]
    pub fn owners(&self) -> usize {
        number(&self.ask(BarrierOp::Parties, None)).map_or(0, |n| n as usize)
    }

    /// How many wait now.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        number(&self.ask(BarrierOp::Waiting, None)).map_or(0, |n| n as usize)
    }

    /// Whether it is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.ask(BarrierOp::Broken, None) == Reply::Flag(true)
    }
}
