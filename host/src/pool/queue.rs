//! Tasks that wait for a worker: first in, first out, for each key.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::state::Bound;
use super::task::{KeyId, Task};

/// The waiting tasks of a pool.
#[derive(Default)]
pub(super) struct Queue {
    by_key: HashMap<KeyId, VecDeque<Task>>,
    /// The oldest task of each key that has any, by age. Ids grow with age.
    /// Not kept while there is one key, which is nearly always.
    fronts: BTreeMap<u64, KeyId>,
    len: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a new task.
    pub(super) fn push(&mut self, task: Task) {
        let (id, key) = (task.id, task.template.bound.id);
        let queue = self.by_key.entry(key).or_default();
        let is_first = queue.is_empty();
        queue.push_back(task);
        self.len += 1;
        if is_first {
            self.front_moves(key, None, Some(id));
        }
    }

    /// Puts back tasks that were taken from a worker, oldest first, where
    /// their age belongs: before everything younger.
    pub(super) fn put_back(&mut self, tasks: impl DoubleEndedIterator<Item = Task>) {
        for task in tasks.rev() {
            let (id, key) = (task.id, task.template.bound.id);
            let queue = self.by_key.entry(key).or_default();
            let before = queue.front().map(|front| front.id);
            // Nearly always at the front; two workers that give back at once
            // interleave.
            let place = queue.partition_point(|other| other.id < id);
            queue.insert(place, task);
            self.len += 1;
            if place == 0 {
                self.front_moves(key, before, Some(id));
            }
        }
    }

    /// Takes the oldest task of `key`.
    pub(super) fn pop(&mut self, key: KeyId) -> Option<Task> {
        let queue = self.by_key.get_mut(&key)?;
        let task = queue.pop_front()?;
        self.len -= 1;
        let next = queue.front().map(|front| front.id);
        // Tenants come and go: an empty queue is not kept.
        if next.is_none() {
            self.by_key.remove(&key);
        }
        self.front_moves(key, Some(task.id), next);
        Some(task)
    }

    /// Notes that the oldest task of a key is another now.
    fn front_moves(&mut self, key: KeyId, before: Option<u64>, after: Option<u64>) {
        let was_kept = !self.fronts.is_empty();
        if self.by_key.len() < 2 {
            self.fronts.clear();
            return;
        }
        if !was_kept {
            let front = |(key, queue): (&KeyId, &VecDeque<Task>)| Some((queue.front()?.id, *key));
            self.fronts.extend(self.by_key.iter().filter_map(front));
            return;
        }
        if let Some(before) = before {
            self.fronts.remove(&before);
        }
        if let Some(after) = after {
            self.fronts.insert(after, key);
        }
    }

    /// Whether any task of `key` waits.
    pub(super) fn waits(&self, key: KeyId) -> bool {
        self.by_key.contains_key(&key)
    }

    /// The key with this number, if any task of it waits.
    pub(super) fn bound(&self, key: KeyId) -> Option<Arc<Bound>> {
        let task = self.by_key.get(&key)?.front()?;
        Some(Arc::clone(&task.template.bound))
    }

    /// Whether tasks wait, and all of them are of `key`.
    pub(super) fn has_only(&self, key: KeyId) -> bool {
        self.by_key.len() == 1 && self.waits(key)
    }

    /// How many tasks of `key` wait.
    pub(super) fn waiting(&self, key: KeyId) -> usize {
        self.by_key.get(&key).map_or(0, VecDeque::len)
    }

    /// The keys that have waiting tasks, the one with the oldest task first,
    /// and since when that one waits.
    pub(super) fn keys(&self) -> impl Iterator<Item = (KeyId, Instant)> {
        let only = self.by_key.keys().filter(|_| self.fronts.is_empty());
        let keys = self.fronts.values().chain(only);
        keys.filter_map(|key| Some((*key, self.by_key.get(key)?.front()?.submitted)))
    }

    /// Takes out the task with this id, wherever it waits.
    pub(super) fn remove(&mut self, key: KeyId, id: u64) -> Option<Task> {
        let queue = self.by_key.get_mut(&key)?;
        let place = queue.binary_search_by_key(&id, |task| task.id).ok()?;
        if place == 0 {
            return self.pop(key);
        }
        self.len -= 1;
        queue.remove(place)
    }

    /// Takes out all tasks of a kind, oldest first.
    pub(super) fn remove_all(&mut self, such: impl Fn(&Task) -> bool) -> Vec<Task> {
        let (removed, kept): (Vec<_>, Vec<_>) = self.drain().into_iter().partition(such);
        self.put_back(kept.into_iter());
        removed
    }

    /// Takes all tasks out.
    pub(super) fn drain(&mut self) -> Vec<Task> {
        self.fronts.clear();
        self.len = 0;
        let mut tasks: Vec<Task> = self.by_key.drain().flat_map(|(_, queue)| queue).collect();
        tasks.sort_by_key(|task| task.id);
        tasks
    }
}
