//! Hands out tasks while there are more workers than places: calls of sessions wait or run,
//! or workers lend their places. `hand_out.rs` does it for all other pools, and for pools
//! whose sessions are idle, where every worker has a place of its own.

use std::time::Instant;

use super::hand_out::{offer, refuse};
use super::keys::is_session;
use super::scheduler::{Candidate, Occupancy, Occupied};
use super::slots::Slot;
use super::state::PoolState;
use super::tasks::Lost;
use super::worker::WorkerHandle;

impl PoolState {
    /// Returns `true` if there may be more workers than places.
    #[inline]
    pub(super) fn is_crowded(&self) -> bool {
        let extra = self.slots.extra();
        let is_idle = |slot: &Slot| match slot.worker() {
            Some(worker) => is_session(worker.key()) && !worker.is_busy(),
            None => slot.occupancy() == Occupancy::Apart,
        };
        self.lent() > 0
            || !extra.is_empty() && (self.queue.waits_in_session() || !extra.iter().all(is_idle))
    }

    /// Returns the number of ordinary workers that lend their places.
    #[inline]
    fn lent(&self) -> usize {
        let lends = |worker: &&WorkerHandle| worker.lends_place() && !is_session(worker.key());
        self.slots.workers().filter(lends).count()
    }

    /// Returns the number of places that no task has.
    fn free_places(&self) -> usize {
        let takes = |worker: &&WorkerHandle| worker.is_busy() && !worker.lends_place();
        let taken = self.slots.workers().filter(takes).count();
        self.slots.places().saturating_sub(taken)
    }

    /// Hands out waiting tasks, no more than there are places. Returns `true` if the
    /// dispatcher must be rung.
    pub(super) fn give_out_places(&mut self, now: Instant) -> bool {
        let surplus = self.slots.lend(self.lent());
        let mut ring = self.end_surplus(surplus);
        if self.free_places() > 0 {
            self.level(now);
        } else if self.any_starves() {
            ring |= self.take_back_ahead();
        }
        ring |= self.feed_places(now);
        if !self.queue.is_empty() {
            ring |= self.wants_workers(now);
            if !self.any_starves() {
                ring |= self.feed_ahead(now);
            }
        }
        ring
    }

    /// Ends idle workers in extra slots whose lenders work again.
    fn end_surplus(&mut self, surplus: usize) -> bool {
        let ordinary = |worker: &&mut WorkerHandle| !is_session(worker.key());
        let extra = self.slots.extra_workers_mut().filter(ordinary);
        let idle = extra.filter(|worker| worker.is_idle()).take(surplus);
        let mut ended_any = false;
        for worker in idle {
            worker.kill(None);
            ended_any = true;
        }
        ended_any
    }

    /// Returns `true` if a task waits that nobody but an idle worker without a place could
    /// take. A key with a busy worker needs no place: its tasks follow each other there.
    fn any_starves(&self) -> bool {
        let is_served = |key| {
            let busy = |worker: &WorkerHandle| worker.is_busy() && !worker.lends_place();
            let mut of_key = self.slots.workers().filter(|worker| worker.key() == key);
            of_key.any(busy)
        };
        let starves = |worker: &WorkerHandle| {
            worker.takes_tasks() && self.queue.waits(worker.key()) && !is_served(worker.key())
        };
        self.free_places() == 0 && self.slots.workers().any(starves)
    }

    /// Takes back all tasks that were sent ahead, so that each busy worker gives its place
    /// back when its task ends. Returns `true` if there were any: a worker may have been
    /// told to ring for many answers only.
    fn take_back_ahead(&mut self) -> bool {
        let PoolState { slots, queue, .. } = self;
        let mut any = false;
        for worker in slots.workers_mut() {
            if !worker.has_tasks_ahead() {
                continue;
            }
            match worker.take_back_from_running() {
                Ok(tasks) => {
                    any |= !tasks.is_empty();
                    queue.put_back(tasks.into_iter());
                }
                Err(violation) => worker.kill(Some(Lost::Violation(violation))),
            }
        }
        any
    }

    /// Sends a task to as many idle workers as there are free places.
    fn feed_places(&mut self, now: Instant) -> bool {
        let mut free = self.free_places();
        if free == 0 || self.queue.is_empty() {
            return false;
        }
        // No worker is replaced for a call of a session.
        let replaced = match self.queue.waits_outside_sessions() {
            true => self.next_to_replace(now).map(|(slot, _)| slot),
            false => None,
        };
        let PoolState {
            slots,
            queue,
            turns,
            ..
        } = self;
        let candidates = slots.numbered_mut().filter_map(|(slot, worker)| {
            let may = replaced != Some(slot) && worker.takes_tasks();
            may.then_some(Candidate {
                slot,
                in_session: is_session(worker.key()),
                oldest: queue.oldest(worker.key())?,
            })
        });
        let mut candidates: Vec<_> = candidates.collect();
        let mut violated = false;
        while free > 0
            && let Some(next) = turns.next(&mut candidates)
        {
            // Another worker of the key may have taken its last task.
            if let Some(worker) = slots.worker_mut(next.slot)
                && let Some(task) = queue.pop(worker.key())
            {
                match worker.send(task, now) {
                    Ok(()) => {
                        violated |= offer(worker);
                        free -= 1;
                    }
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
}
