//! Sources of tasks that the pool draws from whenever it hands out tasks.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::queue::Entry;
use crate::outcome::Verdict;
use crate::pool::keys::KeyId;

/// A stream of calls, as the pool sees it.
pub(crate) trait TaskSource: Send + Sync {
    /// Takes out the waiting tasks that are due.
    fn draw(self: Arc<Self>) -> Vec<Entry>;

    /// Tells the source that the dispatcher is about to sleep until `until`; returns the
    /// time until which it may sleep.
    fn plan_to_draw(&self, until: Instant) -> Instant;

    /// Lets the source go on even if nobody reads its results.
    fn lift(&self);

    /// Ends the source: it takes no more inputs.
    fn stop(&self);

    /// Delivers an outcome with this verdict and reason for each input that an ended source
    /// still holds, and wakes the reader of its results. Called with no lock held, since
    /// both run code of users.
    fn refuse_rest(self: Arc<Self>, verdict: Verdict, reason: &str);

    /// Returns `true` if the source was ended.
    fn is_stopped(&self) -> bool;

    /// Returns the key of the source's tasks.
    fn key(&self) -> KeyId;
}

/// The sources of a pool. Streams come and go, so the pool keeps none of them alive.
#[derive(Default)]
pub(crate) struct Sources {
    known: Vec<Weak<dyn TaskSource>>,
    /// The number of sources whose inputs are still being pulled.
    feeders: u32,
}

impl Sources {
    /// Adds a source whose inputs are pulled from now on.
    pub(crate) fn add(&mut self, source: &Arc<dyn TaskSource>) {
        self.known.retain(|source| source.strong_count() > 0);
        self.known.push(Arc::downgrade(source));
        self.feeders += 1;
    }

    /// Notes that one source gets no more inputs.
    pub(crate) fn end_one(&mut self) {
        self.feeders -= 1;
    }

    /// Returns `true` if inputs of any source are still being pulled.
    pub(crate) fn are_fed(&self) -> bool {
        self.feeders > 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns the source in this position, if it still exists.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<Arc<dyn TaskSource>> {
        self.known.get(place)?.upgrade()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Arc<dyn TaskSource>> {
        self.known.iter().filter_map(Weak::upgrade)
    }

    /// Takes out all sources: nothing is drawn from them any more.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Arc<dyn TaskSource>> {
        self.known.drain(..).filter_map(|source| source.upgrade())
    }
}
