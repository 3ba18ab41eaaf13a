//! How the host's own threads and futures ask shared objects.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::SharedError;
use super::object::{Asker, Hears, Object, Party};
use crate::arrival::{Arrival, deadline};
use crate::guard::wake;
use sandpool_protocol::request::{Op, Reply};

/// The place for one answer.
#[derive(Default)]
struct Place {
    state: Mutex<PlaceState>,
    arrived: Arrival,
}

#[derive(Default)]
struct PlaceState {
    reply: Option<Reply>,
    waker: Option<Waker>,
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, PlaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer, until `deadline` at most.
    fn wait(&self, deadline: Option<Instant>) -> Option<Reply> {
        let lacks = |state: &PlaceState| state.reply.is_none();
        let waited = self.arrived.wait_while(self.lock(), deadline, lacks);
        waited.ok()?.reply.take()
    }
}

impl Hears for Place {
    fn answer(&self, _id: u64, reply: Reply) {
        let mut state = self.lock();
        state.reply = Some(reply);
        let waker = state.waker.take();
        drop(state);
        self.arrived.notify();
        wake(waker);
    }
}

/// Asks and waits, for `timeout` at most; `None` is without end.
pub(super) fn ask(object: &dyn Object, op: Op, timeout: Option<Duration>) -> Reply {
    let place = Arc::new(Place::default());
    let asker = Asker::new(Party::of_this_thread(), Arc::clone(&place) as _);
    let wait = timeout != Some(Duration::ZERO);
    if object.ask(op, wait, &asker).is_err() {
        return Reply::Failed(SharedError::Closed);
    }
    if let Some(reply) = place.wait(deadline(timeout)) {
        return reply;
    }
    object.give_up(asker.id);
    // Whatever it is by now: it comes, even if it takes a lock to be free.
    let last = place.wait(None);
    last.unwrap_or(Reply::Failed(SharedError::Timeout))
}

/// What an object does with an answer that nobody wants any more.
type Unwanted = Box<dyn FnOnce(Reply) + Send>;

/// An answer that is awaited. Dropped before it came, it asks no longer, and
/// what was taken for it goes back.
pub(super) struct Asking {
    object: Arc<dyn Object>,
    place: Arc<Place>,
    asker: Asker,
    op: Option<Op>,
    unwanted: Option<Unwanted>,
}

impl Asking {
    /// Asks when it is polled first. `party` holds what is acquired.
    pub(super) fn new(
        object: Arc<dyn Object>,
        op: Op,
        unwanted: impl FnOnce(Reply) + Send + 'static,
    ) -> Self {
        let place = Arc::new(Place::default());
        let asker = Asker::new(Party::new(), Arc::clone(&place) as _);
        Asking {
            object,
            place,
            asker,
            op: Some(op),
            unwanted: Some(Box::new(unwanted)),
        }
    }
}

/// Asks, and waits without blocking the thread. Dropped before it is answered, it
/// asks no longer, and what it took goes back. A future belongs to no thread, so
/// what it took belongs to the program: for objects that anybody may release.
pub(super) async fn awaited(object: &Arc<dyn Object>, op: Op) -> Reply {
    let asking = Asking::new(Arc::clone(object), op, |_| {});
    let party = asking.asker.party;
    let reply = asking.await;
    object.leave(party, false);
    reply
}

/// As [`awaited`], of what belongs to the future alone: it comes with the party that
/// has it now. `back` gives it back for a future that is dropped before it knows.
pub(super) async fn taken(
    object: &Arc<dyn Object>,
    op: Op,
    back: impl FnOnce(Party, Reply) + Send + 'static,
) -> (Party, Reply) {
    let mut asking = Asking::new(Arc::clone(object), op, |_| {});
    let party = asking.asker.party;
    asking.unwanted = Some(Box::new(move |reply| back(party, reply)));
    (party, asking.await)
}

/// Asks what is answered at once, for a party.
pub(super) fn ask_as(object: &dyn Object, party: Party, op: Op) {
    let asker = Asker::new(party, Arc::new(Place::default()));
    // Nobody is there to hear of a failure.
    let _ = object.ask(op, false, &asker);
}

impl Future for Asking {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        if let Some(op) = self.op.take()
            && self.object.ask(op, true, &self.asker).is_err()
        {
            return Poll::Ready(Reply::Failed(SharedError::Closed));
        }
        let reply = {
            let mut state = self.place.lock();
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
        self.object.give_up(self.asker.id);
        let reply = self.place.lock().reply.take();
        if let Some(reply) = reply {
            unwanted(reply);
        }
        // Whatever it still has then.
        self.object.leave(self.asker.party, true);
    }
}
