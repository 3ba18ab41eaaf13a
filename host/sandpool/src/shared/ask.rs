//! The questions of the host's own threads and futures to shared objects.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::SharedError;
use super::object::{Object, Owner, ReplySink, Requester};
use crate::guard::wake;
use crate::notify::{Notify, deadline};
use sandpool_protocol::request::{Op, Reply};

/// The place for one answer.
#[derive(Default)]
struct ReplySlot {
    state: Mutex<ReplySlotState>,
    arrived: Notify,
}

#[derive(Default)]
struct ReplySlotState {
    reply: Option<Reply>,
    waker: Option<Waker>,
}

impl ReplySlot {
    fn lock(&self) -> MutexGuard<'_, ReplySlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer, until `deadline` at most.
    fn wait(&self, deadline: Option<Instant>) -> Option<Reply> {
        let lacks = |state: &ReplySlotState| state.reply.is_none();
        let waited = self.arrived.wait_while(self.lock(), deadline, lacks);
        waited.ok()?.reply.take()
    }
}

impl ReplySink for ReplySlot {
    fn answer(&self, _id: u64, reply: Reply) {
        let mut state = self.lock();
        state.reply = Some(reply);
        let waker = state.waker.take();
        drop(state);
        self.arrived.notify();
        wake(waker);
    }
}

/// Asks and waits for the reply, for `timeout` at most; `None` waits for ever.
pub(super) fn ask(object: &dyn Object, op: Op, timeout: Option<Duration>) -> Reply {
    let slot = Arc::new(ReplySlot::default());
    let requester = Requester::new(Owner::of_this_thread(), Arc::clone(&slot) as _);
    let wait = timeout != Some(Duration::ZERO);
    if object.ask(op, wait, &requester).is_err() {
        return Reply::Failed(SharedError::Closed);
    }
    if let Some(reply) = slot.wait(deadline(timeout)) {
        return reply;
    }
    object.give_up(requester.id);
    // The reply comes in any case, even if a lock must become free first.
    let last = slot.wait(None);
    last.unwrap_or(Reply::Failed(SharedError::Timeout))
}

/// The action for an answer that nobody wants any more.
type Unwanted = Box<dyn FnOnce(Reply) + Send>;

/// A reply that is awaited. Dropped before the reply came, it gives its request up, and the
/// item or permit that was taken for it goes back.
pub(super) struct Asking {
    object: Arc<dyn Object>,
    slot: Arc<ReplySlot>,
    requester: Requester,
    op: Option<Op>,
    unwanted: Option<Unwanted>,
}

impl Asking {
    /// Returns a request that is made when it is polled first. `owner` holds the things
    /// that it acquires.
    pub(super) fn new(
        object: Arc<dyn Object>,
        op: Op,
        unwanted: impl FnOnce(Reply) + Send + 'static,
    ) -> Self {
        let slot = Arc::new(ReplySlot::default());
        let requester = Requester::new(Owner::new(), Arc::clone(&slot) as _);
        Asking {
            object,
            slot,
            requester,
            op: Some(op),
            unwanted: Some(Box::new(unwanted)),
        }
    }
}

/// Asks, and waits without blocking the thread. Dropped before the reply, it gives its
/// request up, and the item or permit that it took goes back. A future belongs to no
/// thread, so the program owns what it took: for objects that anybody may release.
pub(super) async fn awaited(object: &Arc<dyn Object>, op: Op) -> Reply {
    let asking = Asking::new(Arc::clone(object), op, |_| {});
    let owner = asking.requester.owner;
    let reply = asking.await;
    object.leave(owner, false);
    reply
}

/// Asks as [`awaited`] does, for something that belongs to the future alone: it comes with
/// its current owner. `back` gives it back for a future that is dropped before it knows.
pub(super) async fn taken(
    object: &Arc<dyn Object>,
    op: Op,
    back: impl FnOnce(Owner, Reply) + Send + 'static,
) -> (Owner, Reply) {
    let mut asking = Asking::new(Arc::clone(object), op, |_| {});
    let owner = asking.requester.owner;
    asking.unwanted = Some(Box::new(move |reply| back(owner, reply)));
    (owner, asking.await)
}

/// Makes a request that is answered at once, for an owner.
pub(super) fn ask_as(object: &dyn Object, owner: Owner, op: Op) {
    let requester = Requester::new(owner, Arc::new(ReplySlot::default()));
    // Nobody is there to hear of a failure.
    let _ = object.ask(op, false, &requester);
}

impl Future for Asking {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        if let Some(op) = self.op.take()
            && self.object.ask(op, true, &self.requester).is_err()
        {
            return Poll::Ready(Reply::Failed(SharedError::Closed));
        }
        let reply = {
            let mut state = self.slot.lock();
            state.waker = Some(context.waker().clone());
            state.reply.take()
        };
        match reply {
            Some(reply) => {
                self.unwanted = None;
                Poll::Ready(reply)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(unwanted) = self.unwanted.take() else {
            return;
        };
        if self.op.is_some() {
            return;
        }
        self.object.give_up(self.requester.id);
        let reply = self.slot.lock().reply.take();
        if let Some(reply) = reply {
            unwanted(reply);
        }
        // Releases everything that the owner still has.
        self.object.leave(self.requester.owner, true);
    }
}
