//! Sources of tasks that the pool draws from whenever it hands out tasks.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::queue::Entry;
use crate::outcome::Verdict;
use crate::pool::keys::KeyId;

/// A stream of calls, as the pool sees it.
pub(crate) trait TaskSource: Send + Sync {
    /// Takes the tasks that wait in it and are due.
    fn draw(self: Arc<Self>) -> Vec<Entry>;

    /// Tells it until when the dispatcher is about to sleep; returns until when the
    /// dispatcher may.
    fn plan_to_draw(&self, until: Instant) -> Instant;

    /// Lets it run on though nobody reads its results.
    fn lift(&self);

    /// Ends it: tasks that it still holds end with this verdict and reason.
    fn stop(self: Arc<Self>, verdict: Verdict, reason: &str);

    /// Whether it was ended.
    fn is_stopped(&self) -> bool;

    /// The key of its tasks.
    fn key(&self) -> KeyId;
}

/// The sources of a pool. Streams come and go, so it holds none of them.
#[derive(Default)]
pub(crate) struct Sources {
    known: Vec<Weak<dyn TaskSource>>,
    /// Those whose inputs are still being pulled.
    feeders: u32,
}

impl Sources {
    /// Adds a source whose inputs are pulled from now on.
    pub(crate) fn add(&mut self, source: &Arc<dyn TaskSource>) {
        self.known.retain(|source| source.strong_count() > 0);
        self.known.push(Arc::downgrade(source));
        self.feeders += 1;
    }

    /// Notes that no more inputs of one source come.
    pub(crate) fn end_one(&mut self) {
        self.feeders -= 1;
    }

    /// Whether inputs of any source are still being pulled.
    pub(crate) fn are_fed(&self) -> bool {
        self.feeders > 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The source in a place, if it is still there.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<Arc<dyn TaskSource>> {
        self.known.get(place)?.upgrade()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Arc<dyn TaskSource>> {
        self.known.iter().filter_map(Weak::upgrade)
    }

    /// Takes all of them out: nothing is drawn from them any more.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Arc<dyn TaskSource>> {
        self.known.drain(..).filter_map(|source| source.upgrade())
    }
}
