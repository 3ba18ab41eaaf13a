//! The interface of all shared objects: an object is asked, and answers now or later.
//!
//! A thread of the host, a future, and a guest through its worker all ask in one way. An
//! object answers under its own lock, so that nobody ever sees half of a step. A receiver
//! of a reply takes no lock but its own.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::queue::QueueCell;
use sandpool_protocol::Violation;
use sandpool_protocol::request::{Item, Kind, Op, Reply};

/// The owner of a lock or a permit: a thread of the host, or one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(u64);

impl Owner {
    /// Returns an owner that did not exist before.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Owner(LAST.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns the owner for the current thread.
    pub(crate) fn of_this_thread() -> Self {
        thread_local!(static ME: Owner = Owner::new());
        ME.with(|me| *me)
    }
}

/// The maker of one request, which is answered once.
#[derive(Clone)]
pub(crate) struct Requester {
    /// Unique in this process.
    pub(crate) id: u64,
    pub(crate) owner: Owner,
    pub(crate) to: Arc<dyn ReplySink>,
}

impl Requester {
    pub(crate) fn new(owner: Owner, to: Arc<dyn ReplySink>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Requester {
            id: LAST.fetch_add(1, Ordering::Relaxed),
            owner,
            to,
        }
    }

    pub(super) fn answer(&self, reply: Reply) {
        self.to.answer(self.id, reply);
    }
}

/// A receiver of replies.
pub(crate) trait ReplySink: Send + Sync {
    /// Takes the reply, if it still waits for this one.
    fn answer(&self, id: u64, reply: Reply);

    /// Returns the worker behind the sink, if items can be handed to it before it asks, and
    /// be put by it on credit.
    fn ahead(&self) -> Option<&dyn Ahead> {
        None
    }
}

/// A worker that need not ask for each item.
pub(crate) trait Ahead {
    /// Hands over items as the reply to a get for the first `owed` of them. Gives them back
    /// at once if nobody waits for them.
    fn hand(&self, id: u64, items: VecDeque<Item>, owed: usize) -> Result<(), VecDeque<Item>>;

    /// Takes back the items that were handed over ahead and are not claimed.
    fn take_back(&self) -> VecDeque<Item>;

    /// Takes back all unclaimed items: nobody is left to claim them.
    fn take_back_all(&self) -> VecDeque<Item>;

    /// Allows `items` items to be put on credit, from the next reply on. The rest of the
    /// last credit must have been withdrawn.
    fn give_credit(&self, items: u32);

    /// Ends the credit, and returns the number of items that were put on it in all.
    fn withdraw_credit(&self) -> u32;
}

/// The behaviour of a kind of object.
pub(crate) trait ObjectState: Send + 'static {
    type Op;

    fn kind(&self) -> Kind;

    /// Returns this kind's own step, or `None` for a step of another kind.
    fn step(op: Op) -> Option<Self::Op>;

    /// Replies, or keeps the requester until it can.
    fn ask(&mut self, op: Self::Op, requester: &Requester);

    /// Ends the wait of a requester that waits no longer, with a reply.
    fn give_up(&mut self, id: u64);

    /// Ends all waits of an owner that is gone; if it `died`, also releases what it holds.
    fn leave(&mut self, owner: Owner, died: bool);
}

/// An object of any kind.
pub(crate) trait Object: Send + Sync {
    fn kind(&self) -> Kind;

    /// Unique in this process.
    fn id(&self) -> u64;

    /// Asks. Without `wait` the reply comes before this returns, except to a requester that
    /// waits at a condition: it gets the condition's lock back first.
    fn ask(&self, op: Op, wait: bool, requester: &Requester) -> Result<(), Violation>;

    fn give_up(&self, id: u64);

    fn leave(&self, owner: Owner, died: bool);

    /// Returns the queue, if the object is one; see [`QueueCell`].
    fn queue(&self) -> Option<&QueueCell> {
        None
    }
}

/// Returns a number that no object had before.
pub(super) fn next_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// A state with its lock.
pub(crate) struct ObjectCell<S> {
    state: Mutex<S>,
    id: u64,
}

impl<S: ObjectState> ObjectCell<S> {
    pub(super) fn new(state: S) -> Arc<Self> {
        Arc::new(ObjectCell {
            state: Mutex::new(state),
            id: next_id(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn ask_state(
        &self,
        op: Op,
        wait: bool,
        requester: &Requester,
    ) -> Result<(), Violation> {
        let step = S::step(op).ok_or(Violation("it asks an object of another kind"))?;
        let mut state = self.lock();
        state.ask(step, requester);
        if !wait {
            state.give_up(requester.id);
        }
        Ok(())
    }
}

/// The requesters that wait at an object, the longest-waiting first, each with the thing
/// that it waits for.
pub(super) struct Waiters<T>(VecDeque<(Requester, T)>);

impl<T> Waiters<T> {
    pub(super) fn new() -> Self {
        Waiters(VecDeque::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, requester: &Requester, what: T) {
        self.0.push_back((requester.clone(), what));
    }

    pub(super) fn pop(&mut self) -> Option<(Requester, T)> {
        self.0.pop_front()
    }

    pub(super) fn first(&mut self) -> Option<&mut (Requester, T)> {
        self.0.front_mut()
    }

    /// Takes out the requester with this number.
    pub(super) fn remove(&mut self, id: u64) -> Option<(Requester, T)> {
        self.remove_if(id, |_| true)
    }

    /// Takes out the requester with this number, if `fits` accepts the thing that it waits
    /// for.
    pub(super) fn remove_if(
        &mut self,
        id: u64,
        fits: impl Fn(&T) -> bool,
    ) -> Option<(Requester, T)> {
        let mut waiters = self.0.iter();
        let place = waiters.position(|(requester, what)| requester.id == id && fits(what))?;
        self.0.remove(place)
    }

    /// Takes out all requesters of an owner; returns `true` if there were any.
    pub(super) fn remove_owner(&mut self, owner: Owner) -> bool {
        let before = self.0.len();
        self.0.retain(|(requester, _)| requester.owner != owner);
        self.0.len() < before
    }

    /// Sends all requesters this reply.
    pub(super) fn answer_all(&mut self, reply: &Reply) {
        for (requester, _) in self.0.drain(..) {
            requester.answer(reply.clone());
        }
    }
}
