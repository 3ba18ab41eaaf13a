//! The queue: first in, first out, bounded in items and bytes.
//!
//! Workers that are quick with their items are handed some ahead (`prefetch`), and put
//! items on credit, as long as there is plenty of room. Both are decided by
//! compare-and-swap between worker and host, so they can be taken back at any moment:
//! nobody waits for an item that a busy worker has not claimed, and the size and the room
//! are what they would be without.
//!
//! The order: a requester gets the oldest items, except for those that were handed ahead to
//! others, which stay there for a millisecond at most once another requester asks. So a
//! single consumer sees all items in the order in which they were put, each of several sees
//! them in order except for those that came back from others, and consumers that take their
//! time (64 us an item) are handed nothing ahead.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::SharedError;
use super::object::{Object, ObjectCell, ObjectState, Owner, ReplySink, Requester, Waiters};
use super::prefetch::{Numbered, Prefetch, QUEUE_ITEM_OVERHEAD, cost, same};
use sandpool_protocol::Violation;
use sandpool_protocol::request::{CREDIT_ITEM, Item, Kind, MAX_ITEM, Op, QueueOp, Reply};

/// The highest number of bytes of items that are handed to a requester of one item.
const MAX_AHEAD_BYTES: usize = 64 * 1024;

/// The highest number of items that may be put on credit at once, and the part of the free
/// room that one worker may have for it.
const MAX_CREDIT: usize = 1024;
const CREDIT_PART: usize = 4;

/// The capacity of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// The number of items; `None` if it is not limited.
    pub(crate) items: Option<usize>,
    pub(crate) bytes: usize,
}

/// A queue with its lock.
pub(crate) type QueueCell = ObjectCell<QueueState>;

pub(crate) struct QueueState {
    capacity: Capacity,
    /// The items, oldest first.
    items: VecDeque<Numbered>,
    bytes: usize,
    /// The number of the next item.
    next: i64,
    prefetch: Prefetch,
    /// The workers that may put on credit.
    creditors: Vec<Creditor>,
    getters: Waiters<usize>,
    putters: Waiters<Putting>,
    closed: bool,
    /// The number of items that are not dealt with; `None` if the queue is not joinable.
    unfinished: Option<u64>,
    joiners: Waiters<()>,
}

struct Creditor {
    to: Arc<dyn ReplySink>,
    /// The number of items that it may still put, or has put and which have not come yet.
    left: u32,
    /// The number of items on this credit that came.
    came: u32,
}

/// The items that a requester waits to put.
struct Putting {
    items: VecDeque<Item>,
    done: i64,
}

impl QueueState {
    pub(super) fn new(capacity: Capacity, joinable: bool) -> Self {
        Self::with_clock(capacity, joinable, Instant::now)
    }

    /// Returns a queue with another clock, for tests.
    pub(super) fn with_clock(capacity: Capacity, joinable: bool, clock: fn() -> Instant) -> Self {
        QueueState {
            capacity,
            items: VecDeque::new(),
            bytes: 0,
            next: 0,
            prefetch: Prefetch::new(clock),
            creditors: Vec::new(),
            getters: Waiters::new(),
            putters: Waiters::new(),
            closed: false,
            unfinished: joinable.then_some(0),
            joiners: Waiters::new(),
        }
    }

    /// Takes back the items that were handed ahead and are not claimed.
    fn take_back(&mut self) {
        let back = self.prefetch.take_back();
        self.put_back(back);
    }

    /// Puts items back where they stood.
    fn put_back(&mut self, mut back: Vec<Numbered>) {
        let Some(youngest) = back.iter().map(|(number, _)| *number).max() else {
            return;
        };
        self.bytes += back.iter().map(|(_, item)| cost(item)).sum::<usize>();
        // Few items here are older, if any: those that came back before.
        let older = self.items.partition_point(|(number, _)| *number < youngest);
        back.extend(self.items.drain(..older));
        back.sort_by_key(|(number, _)| *number);
        for item in back.into_iter().rev() {
            self.items.push_front(item);
        }
    }

    /// Ends all credit. Items that were put on it and have not come yet keep their room.
    fn withdraw_credit(&mut self) {
        for creditor in &mut self.creditors {
            if let Some(ahead) = creditor.to.ahead() {
                let used = ahead.withdraw_credit();
                creditor.left = used.saturating_sub(creditor.came);
            }
        }
        self.creditors.retain(|creditor| creditor.left > 0);
    }

    /// Returns the number of items that may come on credit.
    fn reserved(&self) -> usize {
        let left = self.creditors.iter().map(|creditor| creditor.left as usize);
        left.sum()
    }

    /// Returns the number of items that are here or may come, and their cost. Items may
    /// come on credit, or back from the workers that were handed them ahead.
    fn taken(&self) -> (usize, usize) {
        let reserved = self.reserved();
        let (items, bytes) = self.prefetch.ahead();
        (
            self.items.len() + items + reserved,
            self.bytes + bytes + reserved * (CREDIT_ITEM + QUEUE_ITEM_OVERHEAD),
        )
    }

    /// Returns `true` if an item of this cost fits.
    fn fits(&self, cost: usize) -> bool {
        let (taken, bytes) = self.taken();
        self.capacity.items.is_none_or(|most| taken < most)
            && (bytes + cost <= self.capacity.bytes || taken == 0)
    }

    /// Returns `true` if an item fits after all items were taken back that can be.
    fn has_room(&mut self, cost: usize) -> bool {
        if self.fits(cost) {
            return true;
        }
        self.take_back();
        self.withdraw_credit();
        self.fits(cost)
    }

    fn add(&mut self, item: Item) {
        self.bytes += cost(&item);
        self.items.push_back((self.next, item));
        self.next += 1;
        if let Some(unfinished) = &mut self.unfinished {
            *unfinished += 1;
        }
    }

    fn put(&mut self, items: Vec<Item>, requester: &Requester) {
        let most = self.capacity.bytes.min(MAX_ITEM);
        if self.closed {
            return requester.answer(Reply::Failed(SharedError::Closed));
        }
        if items.iter().any(|item| item.len() > most) {
            return requester.answer(Reply::Failed(SharedError::TooLarge));
        }
        let items = items.into();
        self.putters.push(requester, Putting { items, done: 0 });
        self.admit();
    }

    /// Takes in the waiting items that there is room for, in order, and serves the
    /// requesters that wait for them.
    fn admit(&mut self) {
        while let Some((_, first)) = self.putters.first() {
            let Some(cost) = first.items.front().map(cost) else {
                let Some((requester, putting)) = self.putters.pop() else {
                    break;
                };
                if self.putters.is_empty() {
                    self.give_credit(&requester.to);
                }
                requester.answer(Reply::Number(putting.done));
                continue;
            };
            if !self.has_room(cost) {
                // The requesters that wait may make room.
                if self.getters.is_empty() || self.items.is_empty() {
                    break;
                }
                self.serve();
                continue;
            }
            if let Some((_, first)) = self.putters.first()
                && let Some(item) = first.items.pop_front()
            {
                first.done += 1;
                self.add(item);
            }
        }
        self.serve();
    }

    /// Allows a worker to put on credit, if there is plenty of room.
    fn give_credit(&mut self, to: &Arc<dyn ReplySink>) {
        let Some(ahead) = to.ahead() else { return };
        let creditors = &mut self.creditors;
        if let Some(place) = creditors.iter().position(|c| same(&c.to, to)) {
            // All items that it put have come: they are read in order.
            ahead.withdraw_credit();
            creditors.remove(place);
        }
        let (taken, taken_bytes) = self.taken();
        let items = self
            .capacity
            .items
            .map_or(usize::MAX, |most| most.saturating_sub(taken));
        let bytes = self.capacity.bytes.saturating_sub(taken_bytes);
        let credit = (items / CREDIT_PART)
            .min(bytes / (CREDIT_ITEM + QUEUE_ITEM_OVERHEAD) / CREDIT_PART)
            .min(MAX_CREDIT);
        if credit < 2 || self.closed {
            return;
        }
        let left = credit as u32;
        ahead.give_credit(left);
        let to = Arc::clone(to);
        self.creditors.push(Creditor { to, left, came: 0 });
    }

    /// Serves the waiting requesters, as long as there are items.
    fn serve(&mut self) {
        while let Some((_, most)) = self.getters.first() {
            if self.items.len() < *most {
                self.take_back();
            }
            if self.items.is_empty() {
                break;
            }
            let Some((requester, most)) = self.getters.pop() else {
                break;
            };
            self.give(&requester, most);
        }
        if self.closed && self.items.is_empty() && self.creditors.is_empty() {
            self.getters.answer_all(&Reply::Failed(SharedError::Closed));
        }
    }

    /// Gives up to `most` items to a requester, at least one.
    fn give(&mut self, requester: &Requester, most: usize) {
        if requester.to.ahead().is_none() {
            let items = self.take(most, usize::MAX);
            let items = items.into_iter().map(|(_, item)| item).collect();
            return requester.answer(Reply::Items(items));
        }
        // A requester that waits for room must learn at once when there is some.
        let count = match self.putters.is_empty() {
            true => {
                let others = self.getters.len() + self.prefetch.len();
                let share = self.items.len().div_ceil(others.max(1));
                most.max(self.prefetch.batch(&requester.to).min(share))
            }
            false => most,
        };
        let bytes = if most == 1 { MAX_AHEAD_BYTES } else { MAX_ITEM };
        let items = self.take(count, bytes);
        let owed = most.min(items.len());
        if let Err(items) = self.prefetch.hand(requester, items, owed) {
            self.put_back(items);
        }
    }

    /// Takes the oldest items: at least one, and no more than cost `most_bytes` bytes.
    fn take(&mut self, most: usize, most_bytes: usize) -> Vec<Numbered> {
        let mut bytes = 0;
        let fitting = self.items.iter().take(most).take_while(|(_, item)| {
            bytes += cost(item);
            bytes <= most_bytes
        });
        let count = fitting.count().max(1).min(self.items.len());
        // Only these items are moved, however long the queue is.
        let taken: Vec<Numbered> = self.items.drain(..count).collect();
        self.bytes -= taken.iter().map(|(_, item)| cost(item)).sum::<usize>();
        taken
    }

    fn get(&mut self, most: usize, requester: &Requester) {
        if most == 0 {
            return requester.answer(Reply::Items(Vec::new()));
        }
        let back = self.prefetch.asked_by(&requester.to);
        self.put_back(back);
        self.getters.push(requester, most);
        self.serve();
        // There may be room now.
        self.admit();
    }

    fn task_done(&mut self) -> Reply {
        match &mut self.unfinished {
            None => Reply::Failed(SharedError::NotJoinable),
            Some(0) => Reply::Failed(SharedError::OverRelease),
            Some(unfinished) => {
                *unfinished -= 1;
                if *unfinished == 0 {
                    self.joiners.answer_all(&Reply::Done);
                }
                Reply::Done
            }
        }
    }

    fn is_full(&mut self) -> bool {
        !self.has_room(0)
    }
}

impl ObjectState for QueueState {
    type Op = QueueOp;

    fn kind(&self) -> Kind {
        Kind::Queue
    }

    fn step(op: Op) -> Option<QueueOp> {
        match op {
            Op::Queue(op) => Some(op),
            _ => None,
        }
    }

    fn ask(&mut self, op: QueueOp, requester: &Requester) {
        let reply = match op {
            QueueOp::Put(items) => return self.put(items, requester),
            QueueOp::Get(most) => return self.get(most as usize, requester),
            QueueOp::Join => match self.unfinished {
                None => Reply::Failed(SharedError::NotJoinable),
                Some(0) => Reply::Done,
                Some(_) => return self.joiners.push(requester, ()),
            },
            QueueOp::Size => {
                self.take_back();
                Reply::Number(self.items.len() as i64)
            }
            QueueOp::MaxSize => Reply::Number(self.capacity.items.unwrap_or(0) as i64),
            QueueOp::Full => Reply::Flag(self.is_full()),
            QueueOp::Close => {
                self.closed = true;
                self.withdraw_credit();
                while let Some((requester, putting)) = self.putters.pop() {
                    requester.answer(gave_up_putting(&putting, SharedError::Closed));
                }
                self.serve();
                Reply::Done
            }
            QueueOp::TaskDone => self.task_done(),
        };
        requester.answer(reply);
    }

    fn give_up(&mut self, id: u64) {
        if let Some((requester, _)) = self.getters.remove(id) {
            requester.answer(Reply::Failed(SharedError::Empty));
        } else if let Some((requester, putting)) = self.putters.remove(id) {
            requester.answer(gave_up_putting(&putting, SharedError::Full));
            // Items that wait behind these may fit.
            self.admit();
        } else if let Some((requester, ())) = self.joiners.remove(id) {
            requester.answer(Reply::Failed(SharedError::Timeout));
        }
    }

    fn leave(&mut self, owner: Owner, _died: bool) {
        self.getters.remove_owner(owner);
        self.joiners.remove_owner(owner);
        self.putters.remove_owner(owner);
        self.admit();
    }
}

fn gave_up_putting(putting: &Putting, error: SharedError) -> Reply {
    match putting.done {
        0 => Reply::Failed(error),
        done => Reply::Number(done),
    }
}

impl QueueCell {
    /// Takes items that a worker has put on credit.
    pub(crate) fn posted(
        &self,
        from: &Arc<dyn ReplySink>,
        items: Vec<Item>,
    ) -> Result<(), Violation> {
        let mut state = self.lock();
        let creditors = &mut state.creditors;
        let place = creditors.iter().position(|c| same(&c.to, from));
        let place = place.ok_or(Violation("it puts on credit that it does not have"))?;
        let creditor = &mut creditors[place];
        let count = items.len() as u32;
        let too_large = items.iter().any(|item| item.len() > CREDIT_ITEM);
        if count > creditor.left || too_large {
            return Err(Violation("it puts more on credit than it may"));
        }
        creditor.left -= count;
        creditor.came += count;
        if creditor.left == 0 {
            creditors.remove(place);
        }
        for item in items {
            state.add(item);
        }
        // Others may wait for this room, and for these items.
        state.admit();
        Ok(())
    }

    /// Takes back the items that this worker was handed ahead, since it turns to another
    /// queue, or its task has ended.
    pub(crate) fn end_prefetch(&self, with: &Arc<dyn ReplySink>) {
        let mut state = self.lock();
        let back = state.prefetch.forget(with);
        state.put_back(back);
        state.admit();
    }

    /// Ends the credit that this worker has, when it turns to another queue or its task has
    /// ended.
    pub(crate) fn end_credit(&self, with: &Arc<dyn ReplySink>) {
        let mut state = self.lock();
        let creditors = &mut state.creditors;
        if let Some(place) = creditors.iter().position(|c| same(&c.to, with)) {
            // All items that it put have come: they are read in order.
            if let Some(ahead) = with.ahead() {
                ahead.withdraw_credit();
            }
            creditors.remove(place);
        }
        state.admit();
    }

    /// Puts back items that were taken for a requester that is gone.
    pub(super) fn unget(&self, items: Vec<Item>) {
        let mut state = self.lock();
        // They are older than all items here, and than those that others were handed.
        let items = items.into_iter().map(|item| (i64::MIN, item));
        state.put_back(items.collect());
        state.admit();
    }
}

impl Object for QueueCell {
    fn kind(&self) -> Kind {
        Kind::Queue
    }

    fn id(&self) -> u64 {
        QueueCell::id(self)
    }

    fn ask(&self, op: Op, wait: bool, requester: &Requester) -> Result<(), Violation> {
        self.ask_state(op, wait, requester)
    }

    fn give_up(&self, id: u64) {
        self.lock().give_up(id);
    }

    fn leave(&self, owner: Owner, died: bool) {
        self.lock().leave(owner, died);
    }

    fn queue(&self) -> Option<&QueueCell> {
        Some(self)
    }
}
