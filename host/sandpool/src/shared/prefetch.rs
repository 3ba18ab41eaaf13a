//! Items in the hands of workers that have not asked for them yet.
//!
//! A worker that is quick with its items is handed more than it asked for, so that not each
//! of them costs a request. Several workers may have some at a time. Unclaimed items can be
//! taken back at any moment; every item has a number, by which it goes back to where it
//! stood.
//!
//! A worker that takes its time with an item gets one at a time: no item must wait behind
//! its work.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::object::{ReplySink, Requester};
use sandpool_protocol::request::Item;

/// An item with its place in the order of all that were put.
pub(super) type Numbered = (i64, Item);

/// The highest number of items that are handed to one worker at once.
const MAX_PREFETCH: usize = 256;

/// The time for an item up to which a worker is handed some ahead.
const MAX_PACE: Duration = Duration::from_micros(64);

/// The amount of work, by time, that a worker is handed. Items that it has not claimed
/// after this time go to the next requester.
const MAX_WORK_AHEAD: Duration = Duration::from_millis(1);

/// The cost of an item beside its bytes, in memory and on its way: without it, any number
/// of empty items could fill the host.
pub(super) const QUEUE_ITEM_OVERHEAD: usize = 32;

pub(super) fn cost(item: &Item) -> usize {
    item.len() + QUEUE_ITEM_OVERHEAD
}

/// The workers that took items from a queue.
pub(super) struct Prefetch {
    all: Vec<Consumer>,
    clock: fn() -> Instant,
}

struct Consumer {
    to: Arc<dyn ReplySink>,
    /// The numbers of the items that it was handed last, without those that were taken
    /// back.
    numbers: Vec<i64>,
    /// The number of prefetched items, and their cost: as many as can come back.
    ahead: usize,
    bytes: usize,
    /// `true` if its claims were not looked at since.
    open: bool,
    since: Instant,
    /// The approximate time for an item.
    pace: Option<Duration>,
    /// `true` if `pace` covers the items that it was handed last.
    measured: bool,
    /// The number of items that it is handed at once.
    batch: usize,
}

pub(super) fn same(one: &Arc<dyn ReplySink>, other: &Arc<dyn ReplySink>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

impl Prefetch {
    pub(super) fn new(clock: fn() -> Instant) -> Self {
        Prefetch {
            all: Vec::new(),
            clock,
        }
    }

    /// Returns the number of prefetched items, and their cost.
    pub(super) fn ahead(&self) -> (usize, usize) {
        let of = |sum: (usize, usize), consumer: &Consumer| {
            (sum.0 + consumer.ahead, sum.1 + consumer.bytes)
        };
        self.all.iter().fold((0, 0), of)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn find(&mut self, to: &Arc<dyn ReplySink>) -> Option<&mut Consumer> {
        self.all.iter_mut().find(|consumer| same(&consumer.to, to))
    }

    /// Notes that a requester asks for items, and returns those that are taken back for it.
    /// If it is a worker, it has finished those that it claimed, and the rest of them is
    /// taken back; of other workers, the items that they have had for too long.
    pub(super) fn asked_by(&mut self, requester: &Arc<dyn ReplySink>) -> Vec<Numbered> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let now = (self.clock)();
        let mut back = Vec::new();
        for consumer in &mut self.all {
            let asks = same(&consumer.to, requester);
            if asks || now.saturating_duration_since(consumer.since) >= MAX_WORK_AHEAD {
                back.append(&mut consumer.take_back());
            }
            if asks {
                consumer.measure(now);
            }
        }
        back
    }

    /// Takes back the unclaimed items.
    pub(super) fn take_back(&mut self) -> Vec<Numbered> {
        self.all.iter_mut().flat_map(Consumer::take_back).collect()
    }

    /// Takes back all items that this worker did not claim, even those that it had asked
    /// for: it takes no more.
    pub(super) fn forget(&mut self, worker: &Arc<dyn ReplySink>) -> Vec<Numbered> {
        let place = self
            .all
            .iter()
            .position(|consumer| same(&consumer.to, worker));
        let Some(mut consumer) = place.map(|place| self.all.swap_remove(place)) else {
            return Vec::new();
        };
        let back = consumer.to.ahead().map(|ahead| ahead.take_back_all());
        consumer.with_numbers(back.unwrap_or_default())
    }

    /// Returns the number of items that this worker is handed at once.
    pub(super) fn batch(&mut self, worker: &Arc<dyn ReplySink>) -> usize {
        self.find(worker).map_or(1, |consumer| consumer.batch)
    }

    /// Hands over items as the reply to a request for the first `owed` of them. Gives them
    /// back if nobody waits for them any more.
    pub(super) fn hand(
        &mut self,
        requester: &Requester,
        items: Vec<Numbered>,
        owed: usize,
    ) -> Result<(), Vec<Numbered>> {
        let Some(worker) = requester.to.ahead() else {
            return Err(items);
        };
        let bytes = items[owed..].iter().map(|(_, item)| cost(item)).sum();
        let (numbers, items): (Vec<i64>, VecDeque<Item>) = items.into_iter().unzip();
        let ahead = items.len() - owed;
        if let Err(items) = worker.hand(requester.id, items, owed) {
            return Err(numbers.into_iter().zip(items).collect());
        }
        let since = (self.clock)();
        let before = self
            .find(&requester.to)
            .map(|consumer| (consumer.pace, consumer.batch));
        let (pace, batch) = before.unwrap_or((None, 1));
        let consumer = Consumer {
            to: Arc::clone(&requester.to),
            numbers,
            ahead,
            bytes,
            open: true,
            since,
            pace,
            measured: false,
            batch,
        };
        match self.find(&requester.to) {
            Some(known) => *known = consumer,
            None => self.all.push(consumer),
        }
        Ok(())
    }
}

impl Consumer {
    fn take_back(&mut self) -> Vec<Numbered> {
        // Also where no item can come back: a worker that lies about its claims is found
        // out.
        if !std::mem::replace(&mut self.open, false) {
            return Vec::new();
        }
        (self.ahead, self.bytes) = (0, 0);
        let back = self.to.ahead().map(|ahead| ahead.take_back());
        self.with_numbers(back.unwrap_or_default())
    }

    /// Pairs the youngest items that it was handed, which it has no more, with their
    /// numbers.
    fn with_numbers(&mut self, back: VecDeque<Item>) -> Vec<Numbered> {
        let stay = self.numbers.len().saturating_sub(back.len());
        self.numbers.split_off(stay).into_iter().zip(back).collect()
    }

    /// Updates the pace: the worker has finished the items that it claimed. A worker that
    /// had to wait for a processor once must not count as slow for that, so it is believed
    /// to take four times as long as before at worst.
    fn measure(&mut self, now: Instant) {
        if std::mem::replace(&mut self.measured, true) {
            return;
        }
        let claimed = self.numbers.len().max(1) as u32;
        let took = now.saturating_duration_since(self.since) / claimed;
        let pace = self.pace.map_or(took, |before| {
            took.min((before * 4).max(Duration::from_micros(1)))
        });
        self.pace = Some(pace);
        self.batch = match pace {
            slow if slow > MAX_PACE => 1,
            _ => {
                let most = MAX_WORK_AHEAD.as_nanos() / pace.as_nanos().max(1);
                (self.batch * 2).min(MAX_PREFETCH).min(most as usize)
            }
        };
    }
}
