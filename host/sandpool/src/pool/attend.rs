//! One look at a worker, by whichever thread: the dispatcher's, or that of a
//! caller that looks for its answer itself. Runs under the lock.

use std::sync::Arc;
use std::time::Instant;

use super::state::{Config, Place, State};
use super::worker::Slot;
use super::worker::{Seen, Signs, Watch};

impl State {
    /// Looks at the worker in a place, if there is one; says whether it is gone.
    pub(crate) fn attend(
        &mut self,
        config: &Config,
        place: usize,
        signs: Signs,
        now: Instant,
    ) -> bool {
        let State {
            slots,
            queue,
            unfinished,
            out,
            buffer,
            answer,
            oom_kills,
            restarts,
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
            oom_kills,
            seen: Seen::default(),
        };
        let gone = watch.attend(slot, signs, now);
        let seen = watch.seen;
        if seen.ready {
            restarts.is_ready();
        }
        if slot.has_worked {
            restarts.has_worked();
        }
        if seen.fault.is_some() || seen.breaks_key.is_some() {
            let bound = Arc::clone(&slot.bound);
            if let Some(fault) = seen.fault {
                self.start_failed(&bound, fault);
            }
            if let Some(why) = seen.breaks_key {
                self.break_key(&bound, why);
            }
        }
        if let Some(reason) = seen.broken {
            self.break_with(reason);
        }
        gone
    }

    /// Whether any worker has something to say in shared memory.
    pub(crate) fn has_news(&mut self) -> bool {
        self.slots
            .iter_mut()
            .filter_map(Place::slot_mut)
            // One that is being ended is not listened to any more.
            .any(|slot| slot.listens() && slot.has_news())
    }

    /// Whether any worker has said so much that the host may not sleep.
    pub(crate) fn keeps_awake(&mut self) -> bool {
        self.slots
            .iter_mut()
            .filter_map(Place::slot_mut)
            .any(|slot| slot.listens() && slot.keeps_awake())
    }

    /// The workers.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter_map(Place::slot)
    }

    /// Whether there is a core that no task uses, for a look.
    pub(crate) fn leaves_a_core(&self, config: &Config) -> bool {
        let busy = self.workers().filter(|slot| !slot.sent.is_empty()).count();
        busy < config.cores
    }
}
