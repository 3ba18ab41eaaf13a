//! The state that all threads of a pool share, under one lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::caller_poll::PollTurn;
use super::config::Config;
use super::ending::EndWaiters;
use super::error::Error;
use super::host_calls::CallThreads;
use super::initializer_snapshots::InitializerSnapshots;
use super::keys::{KeyId, KeyTable};
use super::life::{PoolLife, PoolPhase};
use super::output::{CallbackSender, Outbox, Trouble};
use super::scheduler::{Entry, Queue, Restarts, Sources, Turns};
use super::sessions::Sessions;
use super::slots::Slots;
use super::tasks::TaskCount;
use super::trace::PoolSpan;
use super::worker::Buffers;
use crate::module::Loader;
use crate::notify::Notify;
use sandpool_sys::{EventFd, OomKills};

/// A pool, without the handles to it.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) trace: PoolSpan,
    pub(super) loader: Loader,
    pub(super) callback_sender: CallbackSender,
    /// The reason why passed-on output could not be written.
    pub(super) trouble: Arc<Trouble>,
    state: Mutex<PoolState>,
    /// The bell that wakes the dispatcher.
    pub(super) wake: Arc<EventFd>,
    /// The threads on which functions of the host run.
    pub(super) call_threads: CallThreads,
    /// Notified when something changed that a waiting thread may want to know: a task left
    /// a full queue, or the pool ended.
    pub(super) changed: Notify,
    /// The futures that wait for the pool's end.
    pub(super) ending: EndWaiters,
    /// The snapshots by the pool's `initializer_snapshot`.
    pub(super) initializer_snapshots: InitializerSnapshots,
}

/// The changing part.
pub(super) struct PoolState {
    pub(super) life: PoolLife,
    pub(super) queue: Queue,
    pub(super) slots: Slots,
    pub(super) keys: KeyTable,
    pub(super) tasks: TaskCount,
    /// The time at which the next worker may be started, after starts that failed.
    pub(super) restarts: Restarts,
    /// The kernel's kills for lack of memory.
    pub(super) oom_kills: OomKills,
    pub(super) sources: Sources,
    pub(super) sessions: Sessions,
    /// The turns in which ordinary tasks and calls of sessions get places.
    pub(super) turns: Turns,
    pub(super) buffers: Buffers,
    /// The jobs and findings that the dispatcher passes on once the lock is released.
    pub(super) out: Outbox,
    pub(super) poll_turn: PollTurn,
    /// The time until which the dispatcher sleeps, unless it is rung; `None` while it is
    /// awake.
    asleep_until: Option<Instant>,
    /// Makes the dispatcher panic in its next turn.
    #[cfg(test)]
    pub(super) dispatcher_panics: bool,
}

/// The time that the dispatcher sleeps when nothing is planned.
const FOR_EVER: Duration = Duration::from_secs(3600);

impl Shared {
    pub(super) fn new(
        config: Config,
        loader: Loader,
        callback_sender: CallbackSender,
        trouble: Arc<Trouble>,
        wake: EventFd,
    ) -> Self {
        let slots = Slots::new(config.processes);
        let poll_turn = PollTurn::new(config.spin);
        let restarts = Restarts::new(config.start_timeout);
        let wake = Arc::new(wake);
        let dispatcher = Arc::clone(&wake);
        let call_threads = CallThreads::new(config.host_call_threads, config.spin, move || {
            dispatcher.ring();
        });
        Shared {
            trace: PoolSpan::new(config.processes),
            config,
            loader,
            callback_sender,
            trouble,
            state: Mutex::new(PoolState {
                life: PoolLife::new(),
                queue: Queue::default(),
                slots,
                keys: KeyTable::default(),
                tasks: TaskCount::default(),
                restarts,
                oom_kills: OomKills::from_now(),
                sources: Sources::default(),
                sessions: Sessions::default(),
                turns: Turns::default(),
                buffers: Buffers::default(),
                out: Outbox::default(),
                poll_turn,
                asleep_until: None,
                #[cfg(test)]
                dispatcher_panics: false,
            }),
            wake,
            call_threads,
            changed: Notify::default(),
            ending: EndWaiters::default(),
            initializer_snapshots: InitializerSnapshots::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState> {
        // No code of users runs under the lock, so a poisoned lock would be a bug of ours;
        // going on is still better than a second panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, PoolState>) -> MutexGuard<'a, PoolState> {
        self.changed.wait(state, None)
    }

    /// Submits tasks that were checked: either all of them or none. Returns the number of
    /// the first; the others follow it.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool or the session takes no more tasks, or the queue is full.
    pub(super) fn submit(&self, entry: Entry) -> Result<u64, Error> {
        self.lend_own_place();
        let mut state = self.lock();
        state.life.accepts_tasks()?;
        state.sessions.take_call(entry.worker_key())?;
        match self.config.limits.queue_length.value {
            Some(limit) if entry.len() > self.room(&state) => Err(Error::QueueFull { limit }),
            _ => Ok(self.enqueue(state, std::iter::once(entry))),
        }
    }

    /// Returns `true` if this thread runs a call of the host for a task of this worker key.
    pub(super) fn serves(&self, key: KeyId) -> bool {
        let caller = self.call_threads.running_here();
        caller.is_some_and(|caller| caller.worker_key == key)
    }

    /// Lets the task whose call of the host this thread runs, if it runs one, lend its place:
    /// the closure may wait for what it submits now.
    pub(super) fn lend_own_place(&self) {
        if let Some(caller) = self.call_threads.running_here() {
            caller.wait_for_pool();
        }
    }

    /// Returns the number of tasks that the queue still has room for.
    pub(super) fn room(&self, state: &PoolState) -> usize {
        match self.config.limits.queue_length.value {
            Some(limit) => usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .saturating_sub(state.queue.len()),
            None => usize::MAX,
        }
    }

    /// Submits tasks as [`Shared::submit`] does, under a lock that is already held, once it
    /// is known that the pool takes the tasks and has room for them.
    pub(super) fn enqueue(
        &self,
        mut state: MutexGuard<'_, PoolState>,
        entries: impl Iterator<Item = Entry>,
    ) -> u64 {
        let first = state.tasks.next_id();
        let mut any_new = false;
        for entry in entries {
            any_new |= !state.queue.waits(entry.key());
            state.take_in(entry);
        }
        // Where older tasks of the key still wait, all that can be handed out has been. But
        // a free slot may be for as many workers as there are tasks.
        any_new |= state.slots.any_vacant();
        let ring = any_new && state.give_out(Instant::now());
        drop(state);
        if ring {
            self.wake.ring();
        }
        first
    }

    /// Changes the phase and wakes everybody, without waiting.
    pub(super) fn set_phase(&self, phase: PoolPhase) {
        let mut state = self.lock();
        state.life.advance(phase);
        if *state.life.phase() == PoolPhase::Terminated {
            self.loader.stop.ring();
        }
        drop(state);
        self.wake.ring();
        self.changed.notify();
    }
}

impl PoolState {
    /// Puts tasks into the queue and gives them their numbers. Tasks of a broken key end
    /// when tasks are next handed out.
    pub(super) fn take_in(&mut self, entry: Entry) {
        let count = entry.len() as u64;
        if count > 0 {
            self.keys.note_if_broken(entry.worker_key());
            self.queue.push(entry.numbered_from(self.tasks.next_id()));
            self.tasks.take(count);
        }
    }

    /// Notes that the dispatcher sleeps until then, unless it is rung.
    pub(super) fn fall_asleep(&mut self, until: Instant) {
        self.asleep_until = Some(until);
    }

    /// Notes that the dispatcher is awake.
    pub(super) fn wake_up(&mut self) {
        self.asleep_until = None;
    }

    /// Returns the time until which the dispatcher sleeps; `None` if it is awake.
    pub(super) fn asleep_until(&self) -> Option<Instant> {
        self.asleep_until
    }

    /// Returns `true` if the dispatcher sleeps past `when`.
    pub(super) fn sleeps_past(&self, when: Instant) -> bool {
        self.asleep_until.is_some_and(|until| until > when)
    }

    /// Returns the latest time at which the dispatcher has to look at its workers again.
    pub(super) fn latest_wake(now: Instant) -> Instant {
        now + FOR_EVER
    }
}
