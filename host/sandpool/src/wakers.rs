//! The futures that wait for one event, behind a lock.

use std::task::Waker;

use crate::guard::wake;

/// The wakers of waiting futures, each in a place of its own, so that a future that is
/// polled again, or dropped, is not woken twice or for nothing.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    waiting: Vec<(u64, Waker)>,
    last: u64,
}

/// The place of one future; `None` before it waited.
pub(crate) type WakerId = Option<u64>;

impl Wakers {
    /// Sets the waker of a future.
    pub(crate) fn set(&mut self, waker_id: &mut WakerId, waker: &Waker) {
        let number = *waker_id.get_or_insert_with(|| {
            self.last += 1;
            self.last
        });
        match self.waiting.iter_mut().find(|(it, _)| *it == number) {
            Some((_, known)) => known.clone_from(waker),
            None => self.waiting.push((number, waker.clone())),
        }
    }

    /// Removes a future, which does not wait any more.
    pub(crate) fn remove(&mut self, waker_id: WakerId) {
        if let Some(number) = waker_id {
            self.waiting.retain(|(it, _)| *it != number);
        }
    }

    /// Takes out all wakers, to be woken once the lock is released.
    #[must_use = "they have to be woken"]
    pub(crate) fn take(&mut self) -> Self {
        Wakers {
            waiting: std::mem::take(&mut self.waiting),
            last: self.last,
        }
    }

    /// Wakes all futures, with no lock held.
    pub(crate) fn wake(self) {
        let wakers = self.waiting.into_iter();
        wakers.for_each(|(_, waker)| wake(Some(waker)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Counts(AtomicU32);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_future_that_still_waits_is_woken_once() {
        let counts: [Arc<Counts>; 3] = Default::default();
        let [one, other, gone] = counts.clone().map(Waker::from);
        let mut wakers = Wakers::default();
        let mut places = [None, None, None];
        for waker in [&one, &other] {
            wakers.set(&mut places[0], waker);
        }
        wakers.set(&mut places[1], &one);
        wakers.set(&mut places[2], &gone);
        wakers.remove(places[2]);
        wakers.remove(None);
        wakers.take().wake();
        wakers.take().wake();
        let woken = counts.map(|it| it.0.load(Ordering::Relaxed));
        assert_eq!(woken, [1, 1, 0]);
    }
}
