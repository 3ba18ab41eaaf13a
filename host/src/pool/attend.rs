//! One look at a worker, by whichever thread: the dispatcher's, or that of a
//! caller that looks for its answer itself. Runs under the lock.

use std::time::Instant;

use super::slot::Slot;
use super::state::{Config, Place, PoolPhase, State};
use super::watch::{Signs, Watch};

impl State {
    /// How many workers work.
    pub(super) fn working(&self) -> usize {
        self.slots
            .iter()
            .filter_map(Place::slot)
            .filter(|slot| slot.works())
            .count()
    }

    /// Looks at the worker in a place, if there is one; says whether it is gone.
    /// `working` is how many workers work.
    pub(super) fn attend(
        &mut self,
        config: &Config,
        place: usize,
        signs: Signs,
        working: usize,
        now: Instant,
    ) -> bool {
        let State {
            slots,
            queue,
            unfinished,
            out,
            buffer,
            answer,
            ..
        } = self;
        let Some(slot) = slots[place].slot_mut() else {
            return false;
        };
        let mut watch = Watch {
            config,
            queue,
            unfinished,
            out,
            buffer,
            answer,
            others_work: working > usize::from(slot.works()),
            broken: None,
        };
        let gone = watch.attend(slot, signs, now);
        if let Some(reason) = watch.broken.take() {
            self.break_with(reason);
        }
        gone
    }

    /// Breaks the pool, for this reason.
    pub(super) fn break_with(&mut self, reason: String) {
        if matches!(self.phase, PoolPhase::Open | PoolPhase::Closed) {
            self.phase = PoolPhase::Broken(reason);
        }
    }

    /// Whether any worker has something to say in shared memory.
    pub(super) fn has_news(&mut self) -> bool {
        self.slots
            .iter_mut()
            .filter_map(Place::slot_mut)
            // One that is being ended is not listened to any more.
            .any(|slot| slot.listens() && slot.has_news())
    }

    /// Whether any worker has said so much that the host may not sleep.
    pub(super) fn keeps_awake(&mut self) -> bool {
        self.slots
            .iter_mut()
            .filter_map(Place::slot_mut)
            .any(|slot| slot.listens() && slot.keeps_awake())
    }

    /// The workers.
    pub(super) fn workers(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter_map(Place::slot)
    }

    /// Whether there is a core that no task uses, for a look.
    pub(super) fn leaves_a_core(&self, config: &Config) -> bool {
        let busy = self.workers().filter(|slot| !slot.sent.is_empty()).count();
        busy < config.cores
    }
}
