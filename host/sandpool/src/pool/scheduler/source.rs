//! A source of tasks that the pool draws from whenever it hands out tasks.

use std::sync::Arc;
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
