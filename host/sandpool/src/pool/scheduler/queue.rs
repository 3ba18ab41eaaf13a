//! The tasks that wait for a worker: first in, first out, for each key.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pool::keys::{KeyId, WorkerKey, is_session};
use crate::pool::tasks::{Batch, Rest, Task};

/// The waiting tasks of a pool.
#[derive(Default)]
pub(crate) struct Queue {
    by_key: BTreeMap<KeyId, OfKey>,
    /// The number of the oldest task of each key that has any, with the key. Numbers grow
    /// with age. Not kept while there is one key, which is nearly always the case.
    fronts: BTreeMap<u64, KeyId>,
    len: usize,
    /// The tasks that are to be run again, with the time from which on each may be.
    later: BTreeMap<(Instant, u64), Task>,
}

/// The waiting tasks of one key, at least one.
#[derive(Default)]
struct OfKey {
    /// The entries, oldest first.
    entries: VecDeque<Entry>,
    len: usize,
}

impl OfKey {
    /// Returns the number of the oldest task.
    fn front(&self) -> Option<u64> {
        self.entries.front().map(Entry::id)
    }

    fn pop(&mut self) -> Option<Task> {
        let task = match self.entries.front_mut()? {
            Entry::Rest(rest) if rest.len() > 1 => rest.next(),
            _ => self.entries.pop_front()?.into_iter().next(),
        }?;
        self.len -= 1;
        Some(task)
    }
}

/// An entry of the queue: a task, or the rest of a batch, which is never empty.
pub(crate) enum Entry {
    One(Task),
    Rest(Rest),
}

impl Entry {
    pub(crate) fn len(&self) -> usize {
        match self {
            Entry::One(_) => 1,
            Entry::Rest(rest) => rest.len(),
        }
    }

    /// Gives the tasks their numbers in the pool.
    pub(crate) fn numbered_from(self, id: u64) -> Self {
        match self {
            Entry::One(task) => Entry::One(task.numbered(id)),
            Entry::Rest(rest) => Entry::Rest(rest.numbered_from(id)),
        }
    }

    /// Returns the number of the entry's oldest task.
    fn id(&self) -> u64 {
        match self {
            Entry::One(task) => task.id,
            Entry::Rest(rest) => rest.id(),
        }
    }

    fn batch(&self) -> &Batch {
        match self {
            Entry::One(task) => &task.batch,
            Entry::Rest(rest) => rest.batch(),
        }
    }

    pub(crate) fn worker_key(&self) -> &Arc<WorkerKey> {
        &self.batch().template.worker_key
    }

    pub(crate) fn key(&self) -> KeyId {
        self.worker_key().id
    }
}

impl IntoIterator for Entry {
    type Item = Task;
    type IntoIter = std::iter::Chain<
        std::option::IntoIter<Task>,
        std::iter::Flatten<std::option::IntoIter<Rest>>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let (one, rest) = match self {
            Entry::One(task) => (Some(task), None),
            Entry::Rest(rest) => (None, Some(rest)),
        };
        one.into_iter().chain(rest.into_iter().flatten())
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends new tasks.
    pub(crate) fn push(&mut self, entry: Entry) {
        let (id, key) = (entry.id(), entry.key());
        let queue = self.by_key.entry(key).or_default();
        let is_first = queue.len == 0;
        queue.len += entry.len();
        self.len += entry.len();
        queue.entries.push_back(entry);
        if is_first {
            self.front_moves(key, None, Some(id));
        }
    }

    /// Puts back tasks that were taken from a worker, oldest first, at the position of
    /// their age: before everything younger.
    pub(crate) fn put_back(&mut self, tasks: impl DoubleEndedIterator<Item = Task>) {
        for task in tasks.rev() {
            let (id, key) = (task.id, task.key());
            let queue = self.by_key.entry(key).or_default();
            let before = queue.front();
            // The position is nearly always the front; two workers that give back tasks at once
            // interleave. The rest of a batch is younger than the tasks that were taken from
            // it.
            let place = queue.entries.partition_point(|other| other.id() < id);
            queue.entries.insert(place, Entry::One(task));
            queue.len += 1;
            self.len += 1;
            if place == 0 {
                self.front_moves(key, before, Some(id));
            }
        }
    }

    /// Puts back a task that is to be run again after `delay`. Until then it counts as
    /// running: no other task gets its place.
    pub(crate) fn put_back_after(&mut self, task: Task, delay: Duration) {
        match Instant::now().checked_add(delay) {
            Some(due) if !delay.is_zero() => {
                self.later.insert((due, task.id), task);
            }
            _ => self.put_back([task].into_iter()),
        }
    }

    /// Returns the time at which the next of those is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((due, _), _)| *due)
    }

    /// Puts those that are due back among the waiting tasks.
    pub(crate) fn put_back_due(&mut self, now: Instant) {
        while let Some(first) = self
            .later
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            let task = first.remove();
            self.put_back([task].into_iter());
        }
    }

    /// Takes up to `most` of the oldest tasks of `key`, as long as `take` accepts them, and
    /// returns their number. A task that `take` hands back is put back.
    pub(crate) fn pop_while(
        &mut self,
        key: KeyId,
        most: usize,
        mut take: impl FnMut(Task) -> Option<Task>,
    ) -> usize {
        let Some(queue) = self.by_key.get_mut(&key) else {
            return 0;
        };
        let before = queue.front();
        let mut taken = 0;
        let mut refused = None;
        while taken < most
            && refused.is_none()
            && let Some(task) = queue.pop()
        {
            refused = take(task);
            taken += 1;
        }
        let next = queue.front();
        self.len -= taken;
        // Tenants come and go: an empty queue is not kept.
        if next.is_none() {
            self.by_key.remove(&key);
        }
        if taken > 0 {
            self.front_moves(key, before, next);
        }
        if let Some(task) = refused {
            self.put_back([task].into_iter());
            taken -= 1;
        }
        taken
    }

    /// Takes the oldest task of `key`.
    pub(crate) fn pop(&mut self, key: KeyId) -> Option<Task> {
        let mut oldest = None;
        self.pop_while(key, 1, |task| {
            oldest = Some(task);
            None
        });
        oldest
    }

    /// Notes that the oldest task of a key has changed.
    fn front_moves(&mut self, key: KeyId, before: Option<u64>, after: Option<u64>) {
        let was_kept = !self.fronts.is_empty();
        if self.by_key.len() < 2 {
            self.fronts.clear();
            return;
        }
        if !was_kept {
            return self.find_fronts();
        }
        if let Some(before) = before {
            self.fronts.remove(&before);
        }
        if let Some(after) = after {
            self.fronts.insert(after, key);
        }
    }

    fn find_fronts(&mut self) {
        self.fronts.clear();
        if self.by_key.len() > 1 {
            let front = |(key, queue): (&KeyId, &OfKey)| Some((queue.front()?, *key));
            self.fronts.extend(self.by_key.iter().filter_map(front));
        }
    }

    /// Returns `true` if a task of `key` waits.
    pub(crate) fn waits(&self, key: KeyId) -> bool {
        self.by_key.contains_key(&key)
    }

    /// Returns the key with this number, if a task of it waits.
    pub(crate) fn worker_key(&self, key: KeyId) -> Option<Arc<WorkerKey>> {
        let oldest = self.by_key.get(&key)?.entries.front()?;
        Some(Arc::clone(oldest.worker_key()))
    }

    /// Returns the number of the oldest waiting task of `key`. Numbers grow with age.
    pub(crate) fn oldest(&self, key: KeyId) -> Option<u64> {
        self.by_key.get(&key)?.front()
    }

    /// Returns `true` if a call of any session waits.
    #[inline]
    pub(crate) fn waits_in_session(&self) -> bool {
        // The numbers of sessions' keys are the highest.
        let last = self.by_key.last_key_value();
        last.is_some_and(|(key, _)| is_session(*key))
    }

    /// Returns `true` if a task waits that is no call of a session.
    pub(crate) fn waits_outside_sessions(&self) -> bool {
        let first = self.by_key.first_key_value();
        first.is_some_and(|(key, _)| !is_session(*key))
    }

    /// Returns the keys of the sessions that have waiting calls.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Arc<WorkerKey>> {
        let sessions = self.by_key.iter().rev();
        let sessions = sessions.take_while(|(key, _)| is_session(**key));
        sessions.filter_map(|(_, queue)| Some(queue.entries.front()?.worker_key()))
    }

    /// Takes out all waiting tasks of `key`, oldest first.
    pub(crate) fn remove_key(&mut self, key: KeyId) -> Vec<Task> {
        let Some(queue) = self.by_key.remove(&key) else {
            return Vec::new();
        };
        self.len -= queue.len;
        self.front_moves(key, queue.front(), None);
        queue.entries.into_iter().flatten().collect()
    }

    /// Returns `true` if a task of `key` waits or is to be run again later.
    pub(crate) fn holds(&self, key: KeyId) -> bool {
        self.waits(key) || self.later.values().any(|task| task.key() == key)
    }

    /// Returns `true` if tasks wait and all of them are of `key`.
    pub(super) fn has_only(&self, key: KeyId) -> bool {
        self.by_key.len() == 1 && self.waits(key)
    }

    /// Returns the number of waiting tasks of `key`.
    pub(crate) fn waiting(&self, key: KeyId) -> usize {
        self.by_key.get(&key).map_or(0, |queue| queue.len)
    }

    /// Returns the keys that have waiting tasks, the key with the oldest task first, each
    /// with the time since when its oldest task waits.
    pub(super) fn keys(&self) -> impl Iterator<Item = (KeyId, Instant)> {
        let only = self.by_key.keys().filter(|_| self.fronts.is_empty());
        let keys = self.fronts.values().chain(only);
        let since = |key| Some(self.by_key.get(key)?.entries.front()?.batch().submitted);
        keys.filter_map(move |key| Some((*key, since(key)?)))
    }

    /// Takes out the task with this number, wherever it waits, if it was submitted by
    /// itself.
    pub(crate) fn remove(&mut self, key: KeyId, id: u64) -> Option<Task> {
        if let Some(place) = self.later.keys().find(|(_, other)| *other == id).copied() {
            return self.later.remove(&place);
        }
        let queue = self.by_key.get_mut(&key)?;
        let place = queue.entries.binary_search_by_key(&id, Entry::id).ok()?;
        if place == 0 {
            return self.pop(key);
        }
        let task = queue.entries.remove(place)?.into_iter().next();
        queue.len -= 1;
        self.len -= 1;
        task
    }

    /// Takes out all tasks of the batches that `fits` accepts, oldest first.
    pub(crate) fn remove_all(&mut self, fits: impl Fn(&Batch) -> bool) -> Vec<Task> {
        let due = self.later.extract_if(.., |_, task| fits(&task.batch));
        let mut removed: Vec<Task> = due.map(|(_, task)| task).collect();
        let later = removed.len();
        for queue in self.by_key.values_mut() {
            let entries = std::mem::take(&mut queue.entries).into_iter();
            let (out, kept): (Vec<_>, _) = entries.partition(|entry| fits(entry.batch()));
            queue.entries = VecDeque::from(kept);
            queue.len -= out.iter().map(Entry::len).sum::<usize>();
            removed.extend(out.into_iter().flatten());
        }
        self.len -= removed.len() - later;
        self.by_key.retain(|_, queue| queue.len > 0);
        self.find_fronts();
        removed.sort_by_key(|task| task.id);
        removed
    }

    /// Takes out all tasks.
    pub(crate) fn drain(&mut self) -> Vec<Task> {
        self.remove_all(|_| true)
    }
}
