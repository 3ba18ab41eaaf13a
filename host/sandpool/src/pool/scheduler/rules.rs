//! Which task goes to which worker, and when: the rules of the pool.
//!
//! A free worker takes the oldest task of its own key, unless a task of
//! another key has waited too long; then it is replaced. Tasks are sent ahead
//! only to keep a worker from starving, and taken back as soon as they would
//! wait for nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::pool::state::{PoolPhase, PoolState, Slot, WorkerKey};
use crate::pool::tasks::KeyId;
use crate::pool::tasks::Lost;
use crate::pool::worker::{Phase, WorkerHandle};
use sandpool_protocol::host_end::SendError;

/// A task of another key that has waited this long gets a worker of another
/// key replaced. A worker is not replaced before it has lived as long either,
/// or two keys with long queues would only start processes.
pub(crate) const REPLACE_AFTER: Duration = Duration::from_millis(50);

/// A worker that has run its task for less than this will soon take the next.
const HASTE: Duration = Duration::from_micros(100);

/// Keys with waiting tasks that are looked at when slots are given out.
const MAX_CONTENDERS: usize = 16;

/// A running task that takes longer than this gives back what was sent after
/// it.
pub(crate) const STRANDED_AFTER: Duration = Duration::from_millis(1);

impl PoolState {
    /// Hands out waiting tasks. Called by whoever changed something, with the
    /// lock held. Says whether the dispatcher has to be rung: to start or
    /// replace workers, or because it sleeps past what is due now.
    pub(crate) fn give_out(&mut self, now: Instant) -> bool {
        if self.phase == PoolPhase::Terminated || matches!(self.phase, PoolPhase::Broken(_)) {
            return true;
        }
        let mut ring = false;
        if !self.paused {
            self.draw();
        }
        // Their outcomes are the dispatcher's to deliver.
        ring |= self.end_broken();
        if !self.paused {
            self.level(now);
            ring |= self.feed_idle(now);
            if !self.queue.is_empty() {
                ring |= self.wants_workers(now);
                ring |= self.feed_ahead(now);
            }
        }
        let busy = |slot: &Slot| slot.worker().is_some_and(|worker| !worker.sent.is_empty());
        // What is to be run again, or the memory that an idle worker is to give
        // back, may be all that there is to wait for.
        let idle = self.slots.iter().filter_map(Slot::worker);
        let idle = idle.filter(|worker| worker.is_idle());
        let due = idle
            .filter_map(WorkerHandle::due)
            .chain(self.queue.next_due());
        ring || due.min().is_some_and(|due| self.sleeps_past(due))
            || self.sleeps_past(now + STRANDED_AFTER) && self.slots.iter().any(busy)
    }

    /// Takes over what streams have gathered meanwhile.
    fn draw(&mut self) {
        for i in 0..self.streams.len() {
            if let Some(stream) = self.streams[i].upgrade() {
                stream
                    .draw()
                    .into_iter()
                    .for_each(|entry| self.take_in(entry));
            }
        }
    }

    /// Tells the streams that the dispatcher is about to sleep; until when it may,
    /// with what they have gathered.
    pub(crate) fn plan_to_draw(&self, until: Instant) -> Instant {
        if self.paused {
            return until;
        }
        let streams = self.streams.iter().filter_map(Weak::upgrade);
        streams.fold(until, |until, stream| stream.plan_to_draw(until))
    }

    /// One task for each idle worker.
    fn feed_idle(&mut self, now: Instant) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let replaced = self.next_to_replace(now).map(|(slot, _)| slot);
        let PoolState { slots, queue, .. } = self;
        let mut violated = false;
        for (i, slot) in slots.iter_mut().enumerate() {
            let Some(worker) = slot.worker_mut().filter(|_| replaced != Some(i)) else {
                continue;
            };
            if worker.is_idle()
                && worker.tasks_left > 0
                && let Some(task) = queue.pop(worker.key())
            {
                match worker.send(task, now) {
                    Ok(()) => violated |= offer(worker),
                    Err(refused) => {
                        let (task, error) = *refused;
                        queue.put_back([task].into_iter());
                        violated |= refuse(worker, error);
                    }
                }
            }
        }
        violated
    }

    /// Takes back what was sent ahead to busy workers while others of their key
    /// are idle: the oldest task goes first, wherever it is. A worker that has
    /// only just begun keeps what it has, as long as there are tasks for all.
    fn level(&mut self, now: Instant) {
        let PoolState { slots, queue, .. } = self;
        let takes = |worker: &&WorkerHandle| worker.is_idle() && worker.tasks_left > 0;
        let idle: Vec<KeyId> = slots
            .iter()
            .filter_map(Slot::worker)
            .filter(takes)
            .map(WorkerHandle::key)
            .collect();
        if idle.is_empty() {
            return;
        }
        for worker in slots.iter_mut().filter_map(Slot::worker_mut) {
            let holds = worker.is_ready() && worker.sent.len() > 1 && idle.contains(&worker.key());
            let just_begun = now.saturating_duration_since(worker.next_since) < HASTE;
            if !holds || just_begun && queue.waits(worker.key()) {
                continue;
            }
            // One that has not claimed yet is about to, or is stopped; what was
            // sent to it then shows that, and is not taken away.
            let taken = match worker.ring.outstanding() {
                Ok(outstanding) if !outstanding.running => continue,
                Ok(_) => worker.take_back(),
                Err(violation) => Err(violation),
            };
            match taken {
                Ok(tasks) => queue.put_back(tasks.into_iter()),
                Err(violation) => worker.kill(Some(Lost::Violation(violation))),
            }
        }
    }

    /// Fills the windows of busy workers, evenly, unless a worker that could
    /// take the tasks is idle or may be started.
    fn feed_ahead(&mut self, now: Instant) -> bool {
        // Those that work have to do with what comes, while no other can be started.
        if self.slots.iter().any(Slot::is_vacant) && self.restarts.may_start(now) {
            return false;
        }
        let contenders = self.contenders(now);
        // One that is to be replaced gets nothing ahead.
        let stays = |worker: &&WorkerHandle| self.next_key(worker, &contenders, now).is_none();
        let window = |slot: &Slot| {
            let busy = slot.worker().filter(|worker| worker.is_busy());
            busy.filter(stays).map_or(0, WorkerHandle::window)
        };
        let windows: Vec<usize> = self.slots.iter().map(window).collect();
        let PoolState { slots, queue, .. } = self;
        let open = slots.iter_mut().zip(windows).filter_map(|(slot, window)| {
            let worker = slot.worker_mut().filter(|_| window > 0)?;
            Some((worker, window))
        });
        let open: Vec<_> = open.collect();
        // How many workers of each key are still to get their share.
        let mut sharers: BTreeMap<KeyId, usize> = BTreeMap::new();
        for (worker, _) in &open {
            *sharers.entry(worker.key()).or_default() += 1;
        }
        let mut violated = false;
        for (worker, window) in open {
            let sharers = sharers.entry(worker.key()).or_default();
            let share = queue.waiting(worker.key()).div_ceil(*sharers);
            *sharers -= 1;
            let mut refusal = None;
            let sent = queue.pop_while(worker.key(), window.min(share), |task| {
                let (task, error) = *worker.send(task, now).err()?;
                refusal = Some(error);
                Some(task)
            });
            if sent > 0 {
                violated |= offer(worker);
            }
            if let Some(error) = refusal {
                violated |= refuse(worker, error);
            }
        }
        violated
    }

    fn workers_of(&self, key: KeyId) -> usize {
        let of_key = |slot: &&Slot| match slot {
            Slot::Free => false,
            Slot::Promised(other) | Slot::Reserved(other) => *other == key,
            Slot::Taken(worker) => {
                worker.key() == key && !matches!(worker.phase, Phase::Dying { .. })
            }
        };
        self.slots.iter().filter(of_key).count()
    }

    /// Workers of `key` that are on their way and have no task yet.
    fn coming(&self, key: KeyId) -> usize {
        let coming = |slot: &&Slot| match slot {
            Slot::Free | Slot::Promised(_) => false,
            Slot::Reserved(other) => *other == key,
            Slot::Taken(worker) => {
                worker.key() == key && matches!(worker.phase, Phase::Starting { .. })
            }
        };
        self.slots.iter().filter(coming).count()
    }

    /// Whether it is to have workers for what waits.
    pub(crate) fn starts_workers(&self) -> bool {
        matches!(self.phase, PoolPhase::Open | PoolPhase::Closed) && !self.paused
    }

    /// Whether the dispatcher should start a worker, or make room for one.
    fn wants_workers(&self, now: Instant) -> bool {
        self.restarts.may_start(now)
            && (self.next_start().is_some() || self.next_to_replace(now).is_some())
    }

    /// A vacant slot and the key that a new worker there should have: the one
    /// that the slot was promised to, else, of the keys with the fewest
    /// workers, the one whose task is the oldest.
    pub(crate) fn next_start(&self) -> Option<(usize, Arc<WorkerKey>)> {
        let promised = self
            .slots
            .iter()
            .enumerate()
            .find_map(|(i, slot)| match slot {
                Slot::Promised(key) => Some((i, self.queue.worker_key(*key)?)),
                _ => None,
            });
        if promised.is_some() {
            return promised;
        }
        let slot = self.slots.iter().position(Slot::is_vacant)?;
        let lacking = self.lacking().map(|(key, _)| key);
        let key = lacking.min_by_key(|key| self.workers_of(*key))?;
        Some((slot, self.queue.worker_key(key)?))
    }

    /// The keys that could use a further worker, the one with the oldest task
    /// first; no more than are worth looking at.
    fn lacking(&self) -> impl Iterator<Item = (KeyId, Instant)> {
        let keys = self.queue.keys().take(MAX_CONTENDERS);
        keys.filter(|(key, _)| self.queue.waiting(*key) > self.coming(*key))
    }

    /// The keys that may claim the slot of a worker of another key.
    fn contenders(&self, now: Instant) -> Vec<Contender> {
        let same_key = |first: &WorkerHandle| {
            self.queue.has_only(first.key())
                && self
                    .slots
                    .iter()
                    .filter_map(Slot::worker)
                    .all(|worker| worker.key() == first.key())
        };
        // Nearly always there is one key and nothing to find.
        if self
            .slots
            .iter()
            .find_map(Slot::worker)
            .is_some_and(same_key)
        {
            return Vec::new();
        }
        let contender = |(key, since)| Contender {
            key,
            waited_long: now.saturating_duration_since(since) >= REPLACE_AFTER,
            workers: self.workers_of(key),
        };
        self.lacking().map(contender).collect()
    }

    /// The key that takes the slot of this worker once it is idle, if any
    /// does.
    fn next_key(
        &self,
        worker: &WorkerHandle,
        contenders: &[Contender],
        now: Instant,
    ) -> Option<KeyId> {
        let mut others = contenders.iter().filter(|other| other.key != worker.key());
        if !self.queue.waits(worker.key()) {
            return others.next().map(|other| other.key);
        }
        let Phase::Ready { since } = worker.phase else {
            return None;
        };
        if now.saturating_duration_since(since) < REPLACE_AFTER {
            return None;
        }
        others
            .find(|other| other.waited_long && self.workers_of(worker.key()) > other.workers)
            .map(|other| other.key)
    }

    /// An idle worker to end, and the key that gets its slot.
    pub(crate) fn next_to_replace(&self, now: Instant) -> Option<(usize, KeyId)> {
        let leaving = |slot: &Slot| {
            slot.is_vacant()
                || slot
                    .worker()
                    .is_some_and(|worker| matches!(worker.phase, Phase::Dying { .. }))
        };
        if self.slots.iter().any(leaving) {
            return None;
        }
        let contenders = self.contenders(now);
        let mut idle = self.slots.iter().enumerate().filter_map(|(i, slot)| {
            let worker = slot.worker().filter(|worker| worker.is_idle())?;
            Some((i, self.next_key(worker, &contenders, now)?))
        });
        idle.next()
    }
}

/// A key that has tasks waiting and could use a further worker.
struct Contender {
    key: KeyId,
    waited_long: bool,
    workers: usize,
}

/// Lets a worker take what it was sent; says whether it broke a rule.
fn offer(worker: &mut WorkerHandle) -> bool {
    match worker.offer() {
        Ok(()) => false,
        Err(violation) => refuse(worker, SendError::Violation(violation)),
    }
}

/// A worker refused a task: full is nothing, breaking the rules is death. So is
/// leaving messages unread while there is nothing else to do: no task that is
/// sent by message would ever run.
fn refuse(worker: &mut WorkerHandle, error: SendError) -> bool {
    match error {
        SendError::Unread if worker.is_idle() => {
            worker.kill(None);
            true
        }
        SendError::Full | SendError::Unread => false,
        SendError::Violation(violation) => {
            worker.kill(Some(Lost::Violation(violation)));
            true
        }
    }
}
