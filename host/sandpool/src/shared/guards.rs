//! Locks, semaphores, events, conditions and barriers as a host program uses them.

use std::sync::Arc;
use std::time::Duration;

use super::SharedError;
use super::ask::{ask, ask_as, awaited, taken};
use super::manager::{Barrier, Condition, Event, Lock, Semaphore, flag, number};
use super::object::{Object, Owner};
use super::queues::{done, failure};
use sandpool_protocol::request::{BarrierOp, ConditionOp, EventOp, LockOp, Op, Reply, SemaphoreOp};

/// The state in which a lock was found when it was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The lock was released properly by its last holder.
    Clean,
    /// The task that held it died or failed, so the guarded data may be inconsistent.
    /// The caller holds the lock now.
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
    /// Acquires the lock, waiting for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns `Timeout` after the timeout.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<Acquired, SharedError> {
        acquired(&ask(
            &*self.object,
            Op::Lock(LockOp::Acquire),
            timeout.into(),
        ))
    }

    /// Acquires the lock until the guard is dropped, waiting without blocking the thread.
    /// Dropping the future before has acquired nothing.
    ///
    /// A future belongs to no thread, so each is a holder of its own, even of an `rlock`:
    /// acquiring it again while its guard exists waits for ever.
    ///
    /// # Errors
    ///
    /// Returns no error now.
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
    ///
    /// Returns `OverRelease` if nobody holds it, and `NotOwner` if it is an `rlock` that
    /// this thread does not hold.
    pub fn release(&self) -> Result<(), SharedError> {
        done(ask(&*self.object, Op::Lock(LockOp::Release), None))
    }
}

/// A [`Lock`] that [`Lock::acquire_async`] has acquired. Dropping the guard, on any thread,
/// releases the lock.
#[must_use = "the lock is released when its guard is dropped"]
pub struct LockGuard {
    object: Arc<dyn Object>,
    owner: Owner,
    acquired: Acquired,
}

impl LockGuard {
    /// Returns the state in which the lock was found.
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
    /// Acquires a permit, waiting for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns `Timeout` after the timeout.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<(), SharedError> {
        let op = Op::Semaphore(SemaphoreOp::Acquire);
        done(ask(&*self.object, op, timeout.into()))
    }

    /// Acquires a permit, waiting without blocking the thread. Dropping the future has
    /// acquired nothing.
    ///
    /// # Errors
    ///
    /// Returns no error now.
    pub async fn acquire_async(&self) -> Result<(), SharedError> {
        done(awaited(&self.object, Op::Semaphore(SemaphoreOp::Acquire)).await)
    }

    /// Releases a permit.
    ///
    /// # Errors
    ///
    /// Returns `OverRelease` if the semaphore is bounded and all its permits are free.
    pub fn release(&self) -> Result<(), SharedError> {
        done(ask(
            &*self.object,
            Op::Semaphore(SemaphoreOp::Release),
            None,
        ))
    }

    /// Returns the number of free permits.
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

    /// Raises the flag, and wakes all waiting callers.
    pub fn set(&self) {
        self.ask(EventOp::Set, None);
    }

    /// Lowers the flag.
    pub fn clear(&self) {
        self.ask(EventOp::Clear, None);
    }

    /// Returns `true` if the flag is raised.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.ask(EventOp::IsSet, None) == Reply::Flag(true)
    }

    /// Waits until the flag is raised, for `timeout` at most; returns `false` if the
    /// timeout passed first. `None` waits for ever.
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

    /// Acquires the lock, waiting for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns `Timeout` after the timeout.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<Acquired, SharedError> {
        acquired(&self.ask(ConditionOp::Acquire, timeout.into()))
    }

    /// Releases the lock once.
    ///
    /// # Errors
    ///
    /// Returns `OverRelease` if nobody holds it, and `NotOwner` if another thread or task
    /// does.
    pub fn release(&self) -> Result<(), SharedError> {
        done(self.ask(ConditionOp::Release, None))
    }

    /// Releases the lock, waits to be notified, for `timeout` at most, and acquires the
    /// lock again, however long that takes. Returns `false` if the timeout passed first.
    ///
    /// # Errors
    ///
    /// Returns `NotOwner` if this thread does not hold the lock.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<bool, SharedError> {
        flag(&self.ask(ConditionOp::Wait, timeout.into()))
    }

    /// Wakes `count` waiting callers, the longest-waiting first.
    ///
    /// # Errors
    ///
    /// Returns `NotOwner` if this thread does not hold the lock.
    pub fn notify(&self, count: u32) -> Result<(), SharedError> {
        done(self.ask(ConditionOp::Notify(count), None))
    }

    /// Wakes all waiting callers.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Condition::notify`] does.
    pub fn notify_all(&self) -> Result<(), SharedError> {
        self.notify(u32::MAX)
    }
}

impl Barrier {
    fn ask(&self, op: BarrierOp, timeout: Option<Duration>) -> Reply {
        ask(&*self.object, Op::Barrier(op), timeout)
    }

    /// Waits until all parties are there, for `timeout` at most, and returns the position
    /// of this one among them, from 0. A party that gives up breaks the barrier for all.
    ///
    /// # Errors
    ///
    /// Returns `Broken` if the barrier is broken or the timeout passed.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<usize, SharedError> {
        number(&self.ask(BarrierOp::Wait, timeout.into())).map(|place| place as usize)
    }

    /// Waits as [`Barrier::wait`] does, without a timeout and without blocking the thread.
    /// Dropping the future breaks the barrier, if it has begun to wait.
    ///
    /// # Errors
    ///
    /// Returns `Broken` if the barrier is broken.
    pub async fn wait_async(&self) -> Result<usize, SharedError> {
        let reply = awaited(&self.object, Op::Barrier(BarrierOp::Wait)).await;
        number(&reply).map(|place| place as usize)
    }

    /// Resets the barrier, even if it is broken; waiting parties fail with `Broken`.
    pub fn reset(&self) {
        self.ask(BarrierOp::Reset, None);
    }

    /// Breaks the barrier until it is reset.
    pub fn abort(&self) {
        self.ask(BarrierOp::Abort, None);
    }

    /// Returns the number of parties that pass together.
    #[must_use]
    pub fn parties(&self) -> usize {
        number(&self.ask(BarrierOp::Parties, None)).map_or(0, |n| n as usize)
    }

    /// Returns the number of parties that wait now.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        number(&self.ask(BarrierOp::Waiting, None)).map_or(0, |n| n as usize)
    }

    /// Returns `true` if the barrier is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.ask(BarrierOp::Broken, None) == Reply::Flag(true)
    }
}
