//! The thread that owns the workers: starts them, reads their messages and answers, keeps
//! their tasks' deadlines, ends them and reaps them.
//!
//! All workers are started on this thread, since a worker dies with the thread that started
//! it. Under the lock the thread only decides; it starts processes and delivers outcomes
//! without the lock.

use std::collections::HashMap;
use std::io;
use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec::Drain;

use super::keys::WorkerKey;
use super::life::PoolPhase;
use super::output::{CallbackJob, Callbacks, Outbox, Relay};
use super::scheduler::{REPLACE_AFTER, StartStep};
use super::state::{PoolState, Shared};
use super::tasks::{Completion, Lost, outcome};
use super::trace::WorkerSpans;
use super::worker::{PollEvents, WorkerHandle, refused, start_worker};
use crate::guard::panic_text;
use crate::outcome::Verdict;
use sandpool_protocol::sleep::Spin;
use sandpool_sys::Poller;

/// The state that only the dispatcher's thread uses.
pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    callbacks: Callbacks,
    relay: Option<Relay>,
    poller: Poller,
    ready: Vec<u64>,
    /// The outbox that left the lock last; empty once it is delivered.
    out: Outbox,
    spin: Spin,
    worker_spans: WorkerSpans,
}

/// The descriptors of a worker, by the remainder of a poller's token.
const BELL: u64 = 0;
const CONTROL: u64 = 1;
const END: u64 = 2;
const KINDS: u64 = 3;

/// The number of panics after which the dispatcher gives up: it cannot even end its pool.
const MAX_PANICS: u32 = 100;

/// The token of the bell that callers ring.
const WAKE: u64 = u64::MAX;

impl Dispatcher {
    pub(super) fn new(
        shared: Arc<Shared>,
        callbacks: Callbacks,
        relay: Option<Relay>,
    ) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&shared.wake, WAKE)?;
        let spin = Spin::new(shared.config.spin);
        Ok(Dispatcher {
            shared,
            callbacks,
            relay,
            poller,
            ready: Vec::new(),
            out: Outbox::default(),
            spin,
            worker_spans: WorkerSpans::default(),
        })
    }

    /// Runs until the pool has ended and no process is left. A panic, which is a bug of this
    /// crate, breaks the pool: its tasks end with `internal_error`, and nobody waits for ever.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => break,
                Ok(false) => {}
                Err(panic) => {
                    panics += 1;
                    if panics > MAX_PANICS {
                        break;
                    }
                    let text = panic_text(panic);
                    let reason = format!("its dispatcher panicked, a bug of sandpool: {text}");
                    shared.lock().break_with(reason);
                }
            }
        }
        if let Some(relay) = self.relay.take() {
            relay.finish();
        }
        self.callbacks.finish();
        let mut state = shared.lock();
        state.life.end();
        drop(state);
        shared.changed.notify();
    }

    /// Looks at the workers, hands out tasks, delivers what has ended, and starts a worker or
    /// waits. Returns `true` if the pool has ended and no process is left.
    fn turn(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let now = Instant::now();
        let mut state = shared.lock();
        state.wake_up();
        #[cfg(test)]
        assert!(!std::mem::take(&mut state.dispatcher_panics), "as told");
        self.process_events(&mut state, now);
        look_at_starts(&mut state, now);
        state.end_due_sessions(shared.config.session_idle, now);
        shared.changed.notify();
        let finished = self.wind_up(&mut state);
        let start = if finished {
            None
        } else {
            reserve(&mut state, now)
        };
        std::mem::swap(&mut state.out, &mut self.out);
        drop(state);
        self.deliver();
        match start {
            _ if finished => {}
            // One at a time: a start takes a moment, and deadlines must be kept.
            Some((slot, worker_key)) => {
                self.start(slot, worker_key);
                self.sleep(Some(Duration::ZERO));
            }
            None => self.wait(),
        }
        finished
    }

    /// Looks at every worker that has an event or whose time has come, or at all of them if
    /// a caller rang. Then hands out waiting tasks.
    fn process_events(&mut self, state: &mut PoolState, now: Instant) {
        let (events, called) = self.poll_events();
        for slot in 0..state.slots.len() {
            let Some(worker) = state.slots.worker_mut(slot) else {
                continue;
            };
            // This thread looks once more before it sleeps. Callers that take answers say
            // by themselves whether they look on.
            worker.announce_awake();
            let serial = worker.serial();
            let events = events.get(&serial).copied().unwrap_or_default();
            if !called && !events.any() && !worker.has_news() && !worker.is_due(now) {
                continue;
            }
            let gone = state.process_events(&self.shared.config, slot, events, now);
            let Some(worker) = state.slots.worker(slot) else {
                continue;
            };
            if gone || worker.is_dying() {
                // Until the worker is gone only its end is of interest; its last messages and
                // answers are read then.
                let [bell, control, _] = worker.descriptors();
                self.poller.remove(bell);
                self.poller.remove(control);
            }
            if gone {
                let [.., end] = worker.descriptors();
                self.poller.remove(end);
                let exit = worker.exit();
                let next_key = worker.next_key();
                state.out.gone.push((serial, exit));
                state.worker_left(slot, next_key);
            }
        }
        state.queue.put_back_due(now);
        state.give_out(now);
    }

    /// Returns the poller's events, by worker, and `true` if a caller rang.
    fn poll_events(&mut self) -> (HashMap<u64, PollEvents>, bool) {
        let mut events: HashMap<u64, PollEvents> = HashMap::new();
        let mut called = false;
        for token in self.ready.drain(..) {
            if token == WAKE {
                self.shared.wake.clear();
                called = true;
                continue;
            }
            let of_worker = events.entry(token / KINDS).or_default();
            match token % KINDS {
                BELL => of_worker.rang = true,
                CONTROL => of_worker.spoke = true,
                _ => of_worker.ended = true,
            }
        }
        (events, called)
    }

    /// Ends the workers and tasks that a closed, terminated or broken pool no longer needs.
    /// Returns `true` if nothing is left.
    fn wind_up(&self, state: &mut PoolState) -> bool {
        let phase = state.life.phase().clone();
        match &phase {
            PoolPhase::Open => return false,
            PoolPhase::Closed => {
                if !state.tasks.all_finished() || state.sources.are_fed() {
                    return false;
                }
                for worker in state.slots.workers_mut() {
                    if !worker.is_dying() {
                        worker.end_with_pool(None);
                    }
                }
            }
            PoolPhase::Terminated | PoolPhase::Broken(_) => {
                let (verdict, text, lost) = match &phase {
                    PoolPhase::Broken(reason) => (
                        Verdict::InternalError,
                        reason.as_str(),
                        Lost::PoolBroke(reason.clone()),
                    ),
                    _ => (
                        Verdict::Cancelled,
                        "the pool was terminated",
                        Lost::Cancelled,
                    ),
                };
                let PoolState { sources, out, .. } = &mut *state;
                for stream in sources.drain() {
                    out.stop(stream, verdict, text);
                }
                for task in state.queue.drain() {
                    state.tasks.finish(1);
                    let completion = outcome::never_ran(task, verdict, text.to_owned());
                    state.out.finish(None, completion);
                }
                for worker in state.slots.workers_mut() {
                    if !worker.is_dying() {
                        worker.end_with_pool(Some(lost.clone()));
                    }
                }
            }
        }
        // A broken pool stays, to tell everybody, until its handles are gone.
        let no_worker = state.slots.all_vacant();
        no_worker && state.tasks.all_finished() && !matches!(phase, PoolPhase::Broken(_))
    }

    fn deliver(&mut self) {
        let out = &mut self.out;
        for call in out.host_calls.drain(..) {
            self.shared.call_threads.run(call);
        }
        for (stream, verdict, reason) in out.stopped.drain(..) {
            stream.refuse_rest(verdict, &reason);
        }
        let mut jobs = out.jobs.drain(..).peekable();
        while let Some((serial, job)) = jobs.next() {
            match (job, &self.relay, serial) {
                // A guest's output comes before its outcome.
                (CallbackJob::Finish(completion), Some(relay), Some(serial)) => {
                    relay.complete(serial, completion);
                }
                (CallbackJob::Finish(completion), _, _) if completion.callback.is_some() => {
                    self.shared.callback_sender.finish(completion);
                }
                (CallbackJob::Finish(completion), _, _) => deliver_run(completion, &mut jobs),
                (message, _, _) => self.callbacks.message(message),
            }
        }
        drop(jobs);
        for (serial, exit) in out.gone.drain(..) {
            self.worker_spans.ended(serial, &exit);
            if let Some(relay) = &self.relay {
                relay.worker_gone(serial);
            }
        }
        for report in out.reports.drain(..) {
            self.shared.loader.confinement.record(report);
        }
        for module in out.bad_artifacts.drain(..) {
            self.shared.loader.forget(&module);
        }
        for serial in std::mem::take(&mut out.want_stdin) {
            self.open_stdin(serial);
        }
    }

    fn open_stdin(&self, serial: u64) {
        let pipe = super::output::stdin::pipe(&self.shared.trouble);
        let mut state = self.shared.lock();
        if let Some(worker) = state.slots.find_mut(|worker| worker.serial() == serial) {
            match pipe {
                Ok(pipe) => worker.hand_over_stdin(&pipe),
                // Without standard input its task would wait for ever.
                Err(error) if worker.listens() => {
                    let why = format!("stdin cannot be passed on: {error}");
                    worker.kill(Some(Lost::HostFailed(why)));
                }
                Err(_) => {}
            }
        }
    }

    /// Starts a worker in a reserved slot.
    fn start(&mut self, slot: usize, worker_key: Arc<WorkerKey>) {
        let (serial, oom_kills) = {
            let mut state = self.shared.lock();
            (state.slots.next_serial(), state.oom_kills.count())
        };
        let config = &self.shared.config;
        let started = start_worker(&self.shared.loader, config, &worker_key);
        let now = Instant::now();
        let mut state = self.shared.lock();
        let started = started.and_then(|(started, pipes)| {
            let token = serial * KINDS;
            let added = self
                .poller
                .add(&started.bell, token + BELL)
                .and_then(|()| self.poller.add(&started.control, token + CONTROL))
                .and_then(|()| self.poller.add(started.child.pidfd(), token + END));
            added.map_err(refused("listen to it"))?;
            Ok((started, pipes))
        });
        match started {
            Ok((started, pipes)) => {
                if let (Some(relay), Some(pipes)) = (&self.relay, pipes) {
                    relay.worker(serial, pipes);
                }
                let worker = WorkerHandle::new(
                    serial,
                    Arc::clone(&worker_key),
                    started,
                    config,
                    oom_kills,
                    now,
                );
                let pid = worker.pid();
                state.slots.fill_reserved(slot, Some(Box::new(worker)));
                drop(state);
                let module = worker_key.module.name();
                self.worker_spans
                    .started(&self.shared.trace, serial, pid, module);
            }
            Err(error) => {
                state.slots.fill_reserved(slot, None);
                if let Some(session) = &worker_key.session {
                    session.set_has_worker(false);
                }
                let why = error.text.clone();
                state.start_failed(&worker_key, error);
                drop(state);
                self.worker_spans
                    .not_started(&self.shared.trace, worker_key.module.name(), &why);
            }
        }
    }

    /// Waits for an event of a worker, a deadline or a caller: by looking, if that pays,
    /// and then asleep.
    fn wait(&mut self) {
        let since = Instant::now();
        let shared = &self.shared;
        let mut may = self.spin.pays();
        let mut news = false;
        // Not while a caller polls, nor on a core that tasks could use.
        self.spin.look(None, || {
            if may {
                let mut state = shared.lock();
                may = state.poll_turn.is_free() && state.leaves_a_core(&shared.config);
                news = may && state.has_news();
            }
            news || !may
        });
        if !news {
            self.sleep(None);
        }
        self.spin.learn(since.elapsed());
    }

    /// Sleeps for `at_most` this long.
    fn sleep(&mut self, at_most: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.shared.lock();
        let ready = state.has_ready_worker();
        let due = state
            .workers()
            .filter_map(WorkerHandle::due)
            .chain(replacement_due(&state, now))
            .chain(state.queue.next_due())
            .chain(state.restarts.due(ready, now))
            .chain(state.sessions.due())
            .min();
        let until = due.unwrap_or_else(|| PoolState::latest_wake(now));
        let until = state.plan_to_draw(until);
        // A caller that polls takes the answers meanwhile.
        let mut answers = false;
        if state.poll_turn.is_free() {
            state.workers().for_each(WorkerHandle::announce_sleep);
            // Looked at after the announcement: a worker that publishes from now on rings.
            answers = state.keeps_awake();
        }
        let timeout = if answers {
            Duration::ZERO
        } else {
            at_most.unwrap_or_else(|| until.saturating_duration_since(now))
        };
        state.fall_asleep(until);
        drop(state);
        if self.poller.wait(Some(timeout), &mut self.ready).is_err() {
            // Waiting is impossible: look at everything, at leisure.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Delivers `first` and all completions that follow it to the same sink at once: a map has
/// many.
fn deliver_run(first: Completion, jobs: &mut Peekable<Drain<'_, (Option<u64>, CallbackJob)>>) {
    let sink = Arc::clone(&first.batch.sink);
    let follows = |(_, job): &(Option<u64>, CallbackJob)| matches!(job, CallbackJob::Finish(next) if next.follows(&sink));
    let others = std::iter::from_fn(|| match jobs.next_if(follows) {
        Some((_, CallbackJob::Finish(next))) => Some(next),
        _ => None,
    });
    first.deliver_with(others);
}

/// Returns the time at which a waiting task may claim another key's worker.
fn replacement_due(state: &PoolState, now: Instant) -> Option<Instant> {
    (!state.queue.is_empty()).then(|| now + REPLACE_AFTER)
}

/// Reports that the pool is without workers, or gives the pool up.
fn look_at_starts(state: &mut PoolState, now: Instant) {
    let ready = state.has_ready_worker();
    // A paused pool starts no worker, so no task waits for one: its time without workers is
    // over, and does not go on when the pool is resumed. A call of a session waits for its
    // own worker, and ends by itself if that cannot be started.
    let starts = state.starts_workers() && state.queue.waits_outside_sessions();
    let waiting = match starts {
        true => state.queue.len(),
        false => 0,
    };
    match state.restarts.look(ready, waiting, now) {
        None => {}
        Some(StartStep::Report(trouble)) => state
            .out
            .jobs
            .push((None, CallbackJob::StartTrouble(trouble))),
        Some(StartStep::GiveUp(why)) => state.break_with(why),
    }
}

/// Reserves a slot for a worker that is to be started, and ends an idle worker that has to
/// make room.
fn reserve(state: &mut PoolState, now: Instant) -> Option<(usize, Arc<WorkerKey>)> {
    if !state.starts_workers() || !state.restarts.may_start(now) {
        return None;
    }
    if let Some(start) = state.reserve_for_session() {
        return Some(start);
    }
    let start = state.next_start();
    if let Some((slot, worker_key)) = &start {
        state.slots.reserve(*slot, worker_key.id);
    }
    if let Some((slot, next_key)) = state.next_to_replace(now)
        && let Some(worker) = state.slots.worker_mut(slot)
    {
        worker.make_room_for(next_key);
    }
    start
}
