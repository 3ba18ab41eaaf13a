//! One worker process, as the host sees it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_send_buffer_size;

use super::allowance::Allowance;
use super::clock::TaskClock;
use super::pace::Pace;
use super::start_up::StartUp;
use super::window::Window;
use crate::pool::broker::{HttpRequests, ReadProgress, Requests};
use crate::pool::config::Config;
use crate::pool::keys::{KeyId, SessionEnd, WorkerKey, is_session};
use crate::pool::scheduler::{STRANDED_AFTER, WorkerLife};
use crate::pool::tasks::{Lost, Observed, Task};
use crate::pool::trace::{KillNote, WorkerExit};
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::host_end::{HostEnd, Nap, SendError};
use sandpool_sys::stdio;
use sandpool_sys::{ChildProcess, ControlSocket, EventFd, process_cpu_time};

/// The number of bytes of messages that a worker may leave unread. The kernel doubles it
/// and counts about 1,000 bytes for a small message. A message may keep a memory file
/// alive, so a worker that reads none must not be sent many.
const UNREAD: usize = 32 * 1024;

/// The time that a worker has to end after it has hung up.
const LEAVE_TIME: Duration = Duration::from_millis(200);

/// The time that an interrupted task has to end.
const GRACE: Duration = Duration::from_millis(100);

/// A worker process, the tasks that were sent to it, and the host's books about it.
pub(crate) struct WorkerHandle {
    /// The number of this worker, unique in the pool: a new worker in its slot has another.
    serial: u64,
    worker_key: Arc<WorkerKey>,
    pub(super) child: ChildProcess,
    pub(super) control: Arc<ControlSocket>,
    pub(super) bell: EventFd,
    phase: Phase,
    /// The tasks that were sent and are not answered yet.
    pub(super) window: Window,
    /// The clocks of the oldest sent task.
    pub(super) clock: TaskClock,
    /// The requests of the oldest sent task to the host.
    pub(super) allowance: Allowance,
    pub(super) start_up: StartUp,
    pub(super) pace: Pace,
    /// The worker's requests for shared objects, if its module imports any.
    pub(super) requests: Option<Requests>,
    /// The worker's outgoing HTTP, if its module imports it and its key grants it.
    pub(super) http: Option<HttpRequests>,
    /// `true` while a caller naps until this worker answers. Until then the worker wakes
    /// the caller instead of the dispatcher.
    is_napped_on: bool,
    /// The key that gets this worker's slot when the worker is gone.
    next_key: Option<KeyId>,
    /// The reason why the worker was killed, for `tracing`.
    kill_note: KillNote,
}

/// The phases of a worker's life.
#[derive(Debug)]
pub(super) enum Phase {
    /// The worker is started and loads its artifact.
    Starting { since: Instant },
    /// The worker takes tasks.
    Ready { since: Instant },
    /// The worker was told to end its task, and has until `until` to do so.
    Interrupted { why: Lost, until: Instant },
    /// The worker was killed or has hung up, and is not reaped yet. `why` is the verdict of
    /// its task. A worker that has hung up must have ended by `leaves_by`; then it is
    /// killed.
    Dying {
        why: Option<Lost>,
        leaves_by: Option<Instant>,
    },
}

/// The host's ends of a worker that was just started.
pub(crate) struct Started {
    pub(crate) child: ChildProcess,
    pub(crate) control: Arc<ControlSocket>,
    pub(crate) bell: EventFd,
    pub(super) ring: HostEnd,
    pub(super) requests: Option<Requests>,
    pub(super) http: Option<HttpRequests>,
}

impl WorkerHandle {
    pub(crate) fn new(
        serial: u64,
        worker_key: Arc<WorkerKey>,
        started: Started,
        config: &Config,
        oom_kills: u64,
        now: Instant,
    ) -> Self {
        let Started {
            child,
            control,
            bell,
            ring,
            requests,
            http,
        } = started;
        // The worker's setup, which may be long, is sent already. If the size of the buffer
        // cannot be set, the socket works as before.
        let _ = set_socket_send_buffer_size(&control, UNREAD);
        // A session's worker lives as long as its session; an instrumented module is there for
        // one call.
        let tasks_left = match worker_key.module.is_instrumented() {
            true => 1,
            false if is_session(worker_key.id) => u64::MAX,
            false => config.max_tasks,
        };
        WorkerHandle {
            serial,
            worker_key,
            child,
            control,
            bell,
            phase: Phase::Starting { since: now },
            window: Window::new(ring, config, tasks_left, now),
            clock: TaskClock::new(now),
            allowance: Allowance::default(),
            start_up: StartUp::new(oom_kills, now),
            pace: Pace::new(now),
            requests,
            http,
            is_napped_on: false,
            next_key: None,
            kill_note: KillNote::default(),
        }
    }

    #[inline]
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn worker_key(&self) -> &Arc<WorkerKey> {
        &self.worker_key
    }

    /// Asks the running task to stop.
    pub(crate) fn ask_to_stop(&self) {
        let Some(task) = self.window.oldest() else {
            return;
        };
        // A worker that is gone is noticed elsewhere. One that is full of messages does not
        // look into them, so another would be of no use.
        let _ = self
            .control
            .send(&encode(&ToChild::AskToStop { task: task.id }), &[], false);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Returns the descriptors that become readable when the worker rings, sends a message
    /// and ends.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        [self.bell.as_fd(), self.control.as_fd(), self.child.pidfd()]
    }

    /// Returns the key that gets this worker's slot when the worker is gone.
    pub(crate) fn next_key(&self) -> Option<KeyId> {
        self.next_key
    }

    /// Ends this idle worker to give its slot to `key`.
    pub(crate) fn make_room_for(&mut self, key: KeyId) {
        self.next_key = Some(key);
        self.kill(None);
    }

    /// Returns `true` if this is a session's worker.
    #[inline]
    pub(crate) fn is_in_session(&self) -> bool {
        is_session(self.worker_key.id)
    }

    /// Returns `true` if the worker's task waits for a function of the host that waits for a
    /// task of this pool, and lends its place to another task meanwhile.
    #[inline]
    pub(crate) fn lends_place(&self) -> bool {
        self.requests.as_ref().is_some_and(Requests::waits_for_pool)
    }

    /// Returns the time at which answers were last taken.
    pub(crate) fn last_answer(&self) -> Instant {
        self.pace.last_answer()
    }

    /// Returns the number of the key that the worker is bound to.
    pub(crate) fn key(&self) -> KeyId {
        self.worker_key.id
    }

    #[inline]
    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Notes that the worker takes tasks from now on.
    #[inline]
    pub(super) fn becomes_ready(&mut self, now: Instant) {
        self.phase = Phase::Ready { since: now };
    }

    /// Notes that the worker was told to end its task, for which it has a moment.
    pub(super) fn is_interrupted(&mut self, why: Lost, now: Instant) {
        self.phase = Phase::Interrupted {
            why,
            until: now + GRACE,
        };
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    /// Returns `true` if the worker is ready and has taken a task, which proves that
    /// workers can work here.
    pub(crate) fn works(&self) -> bool {
        self.is_ready() && self.has_worked()
    }

    /// Returns `true` if the worker was killed or has hung up, and is not reaped yet.
    #[inline]
    pub(crate) fn is_dying(&self) -> bool {
        matches!(self.phase, Phase::Dying { .. })
    }

    /// Returns `true` if the worker has ever taken a task.
    #[inline]
    pub(crate) fn has_worked(&self) -> bool {
        self.start_up.has_worked()
    }

    /// Returns the oldest sent task and the time at which it was first seen to run, or
    /// `None` if it was not seen to run yet.
    pub(crate) fn running(&self) -> Option<(&Task, Instant)> {
        Some((self.window.oldest()?, self.clock.running()?))
    }

    /// Returns `true` if the host still takes the worker's answers.
    pub(crate) fn listens(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. } | Phase::Interrupted { .. })
    }

    /// Returns `true` if the worker is ready and has no task.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_ready() && self.window.is_empty()
    }

    /// Returns the phase of the worker's life as the rules of the scheduler know it.
    #[inline]
    pub(crate) fn life(&self) -> WorkerLife {
        match self.phase {
            Phase::Starting { .. } => WorkerLife::Starting,
            Phase::Ready { since } => WorkerLife::Ready {
                since,
                is_idle: self.window.is_empty(),
            },
            Phase::Interrupted { .. } => WorkerLife::Interrupted,
            Phase::Dying { .. } => WorkerLife::Dying,
        }
    }

    /// Returns `true` if the worker has a task.
    pub(crate) fn is_busy(&self) -> bool {
        !self.window.is_empty()
    }

    /// Returns `true` if the worker is idle and may still be given a task in its life.
    #[inline]
    pub(crate) fn takes_tasks(&self) -> bool {
        self.is_idle() && self.window.may_grow()
    }

    /// Returns `true` if tasks wait in the worker behind the one that it runs.
    #[inline]
    pub(crate) fn has_tasks_ahead(&self) -> bool {
        self.is_ready() && self.window.len() > 1
    }

    /// Returns `true` if any of the sent tasks is one that `fits` accepts.
    pub(crate) fn has_any_task(&self, fits: impl Fn(&Task) -> bool) -> bool {
        self.window.has_any(fits)
    }

    /// Returns the time for which the oldest sent task has been the worker's next.
    #[inline]
    pub(crate) fn time_with_next(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.clock.next_since())
    }

    /// Returns the number of tasks that may be sent ahead now.
    pub(crate) fn window(&self) -> usize {
        // Behind a task that takes long, every other would only wait.
        let strands = self
            .clock
            .running()
            .is_some_and(|since| since.elapsed() >= STRANDED_AFTER);
        // Nothing is sent behind a task whose CPU time is measured: the clock has to be
        // read between two tasks.
        let measured = self
            .window
            .oldest()
            .is_some_and(|task| task.template().measure_cpu);
        // A session may end with any of its calls, and the next is only sent if it does not.
        if !self.is_ready() || strands || measured || self.is_in_session() {
            return 0;
        }
        self.window.room(self.pace.tasks_ahead())
    }

    /// Puts a task into the ring, where the worker cannot take it before
    /// [`WorkerHandle::offer`] is called. Hands the task back if the ring has no room.
    pub(crate) fn send(&mut self, task: Task, now: Instant) -> Result<(), Box<(Task, SendError)>> {
        self.window.send(task, &self.control)?;
        if self.window.len() == 1 {
            self.pace.begin_burst(now);
            self.becomes_next(now);
        }
        Ok(())
    }

    /// Lets the worker take the tasks that were sent, and wakes it.
    #[inline]
    pub(crate) fn offer(&mut self) -> Result<(), Violation> {
        self.window.offer()
    }

    /// Restarts the books for the oldest sent task, which is the worker's next from now on.
    pub(super) fn becomes_next(&mut self, now: Instant) {
        self.allowance.reset();
        // A worker between two tasks uses no CPU, so its clock stands still until it claims
        // the next.
        let cpu = match self.window.oldest() {
            Some(task) if task.template().measure_cpu => process_cpu_time(self.child.pid()),
            _ => None,
        };
        self.clock.restart(now, cpu);
    }

    /// Notes that the oldest sent task was seen to run, and returns the time at which it
    /// first was.
    pub(super) fn is_running(&mut self, now: Instant) -> Instant {
        if let Some(since) = self.clock.running() {
            return since;
        }
        self.clock.run(now);
        if self.start_up.work() {
            self.worker_key.health.start_succeeded();
        }
        if let Some(task) = self.window.oldest_mut() {
            task.attempts += 1;
        }
        now
    }

    /// Returns the CPU time that the oldest sent task has used, if it is measured.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        self.clock.cpu_time(|| process_cpu_time(self.child.pid()))
    }

    /// Returns `true` if so many answers or requests wait in shared memory that the host
    /// must not sleep.
    pub(crate) fn keeps_awake(&mut self) -> bool {
        self.window.has_enough_answers() || self.has_requests()
    }

    /// Announces that the host is about to sleep and wants to be woken.
    pub(crate) fn announce_sleep(&self) {
        if self.is_napped_on {
            return;
        }
        self.window.announce_sleep();
        if let Some(requests) = &self.requests {
            requests.announce_sleep();
        }
        if let Some(http) = &self.http {
            http.announce_sleep();
        }
    }

    /// Announces that the host is awake.
    pub(crate) fn announce_awake(&self) {
        if self.is_napped_on {
            return;
        }
        self.window.announce_awake();
        if let Some(requests) = &self.requests {
            requests.announce_awake();
        }
        if let Some(http) = &self.http {
            http.announce_awake();
        }
    }

    /// Returns `true` if a caller may nap until the worker answers `task`: the worker has
    /// no other task, and can send nothing but that answer.
    pub(crate) fn may_be_napped_on(&self, task: u64) -> bool {
        self.is_ready()
            && self.window.len() == 1
            && self.window.oldest().is_some_and(|sent| sent.id == task)
            && !self.is_napped_on
            && self.requests.is_none()
            && self.http.is_none()
            && !self.worker_key.module.sends_messages()
    }

    /// Makes the worker wake the caller that is about to nap, instead of the dispatcher.
    pub(crate) fn begin_nap(&mut self) -> Nap {
        self.is_napped_on = true;
        self.window.announce_nap()
    }

    /// Ends the caller's nap: the worker rings the dispatcher again.
    pub(crate) fn end_nap(&mut self) {
        self.is_napped_on = false;
        self.announce_sleep();
    }

    /// Returns `true` if an answer or a request waits in shared memory.
    pub(crate) fn has_news(&mut self) -> bool {
        self.window.has_answer() || self.has_requests()
    }

    /// Returns `true` if a request waits in shared memory.
    fn has_requests(&self) -> bool {
        self.requests.as_ref().is_some_and(Requests::has_news)
            || self.http.as_ref().is_some_and(HttpRequests::has_news)
    }

    /// Reads the HTTP requests of the running task.
    pub(super) fn read_http(&mut self) -> Result<ReadProgress, Violation> {
        let Some(http) = &mut self.http else {
            return Ok(ReadProgress::All);
        };
        let outstanding = self.window.outstanding()?;
        let is_claimed = outstanding.running || outstanding.answered > 0;
        http.read(self.window.oldest().filter(|_| is_claimed))
    }

    /// Ends the HTTP requests of the oldest sent task, and hands it what the host knows of
    /// them.
    pub(super) fn end_http(&mut self) {
        let record = self.http.as_mut().and_then(HttpRequests::end);
        if let Some(task) = self.window.oldest_mut() {
            task.http = record.map(Box::new);
        }
    }

    /// Ends the requests of the worker's task, which has ended, or has `died`.
    pub(super) fn end_requests(&mut self, died: bool) {
        if let Some(requests) = &mut self.requests {
            requests.end(died);
        }
    }

    /// Hands over the read end of a pipe as standard input.
    pub(crate) fn hand_over_stdin(&self, pipe: &impl AsFd) {
        let _ = self
            .control
            .send(&encode(&ToChild::Stdin), &[pipe.as_fd()], false);
    }

    /// Takes back the tasks that the worker has not claimed.
    pub(crate) fn take_back(&mut self) -> Result<VecDeque<Task>, Violation> {
        self.window.take_back()
    }

    /// Takes back unclaimed tasks as [`WorkerHandle::take_back`] does, but only if the
    /// worker has claimed one. A worker that has claimed none is about to, or is stopped,
    /// which shows by the tasks that were sent to it.
    pub(crate) fn take_back_from_running(&mut self) -> Result<VecDeque<Task>, Violation> {
        match self.window.outstanding()?.running {
            true => self.window.take_back(),
            false => Ok(VecDeque::new()),
        }
    }

    /// Returns the facts that the host knows of the run of the oldest sent task.
    pub(super) fn observed(&self, task: &Task, ran: Option<Duration>, now: Instant) -> Observed {
        let started = self.clock.started(ran, now);
        Observed {
            worker_pid: Some(self.child.pid()),
            queue_wait: started.saturating_duration_since(task.batch.submitted),
            run_time: Some(now.saturating_duration_since(started)),
            cpu_time: self.cpu_time(),
        }
    }

    /// Lets a worker that has hung up end by itself: the way it ends tells best why it did.
    pub(super) fn lets_leave(&mut self, now: Instant) {
        self.phase = Phase::Dying {
            why: None,
            leaves_by: Some(now + LEAVE_TIME),
        };
    }

    /// Kills a worker that has no task, for this reason.
    pub(crate) fn kill_for(&mut self, reason: &'static str) {
        self.kill_note.note(|| Some(reason.into()));
        self.kill(None);
    }

    /// Returns how the worker ended.
    pub(crate) fn exit(&self) -> WorkerExit {
        self.kill_note.exit()
    }

    /// Kills the worker of a pool that ends. `why` is the verdict of its task.
    pub(crate) fn end_with_pool(&mut self, why: Option<Lost>) {
        if let Some(session) = &self.worker_key.session {
            session.end(SessionEnd::PoolEnded);
        }
        self.kill(why);
    }

    /// Kills the worker. `why` is the verdict of its task.
    pub(crate) fn kill(&mut self, why: Option<Lost>) {
        if let Err(error) = self.child.kill() {
            // The worker ends by itself when its channel is hung up, whatever its guest does,
            // unless the guest has taken it over.
            self.control.hang_up();
            say_once(self.child.pid(), &error);
        }
        self.kill_note.note(|| match &why {
            // An idle worker of a pool that ends is only dismissed.
            Some(Lost::Cancelled | Lost::PoolBroke(_)) if self.window.is_empty() => None,
            Some(why) => Some(why.reason()),
            None => self
                .start_up
                .complaint()
                .map(|fault| fault.text.clone().into()),
        });
        self.phase = Phase::Dying {
            why,
            leaves_by: None,
        };
    }
}

/// Writes one line to stderr, once in the life of this process: deadlines are now kept by
/// the workers alone. A thread of its own writes it, since nobody may read stderr and the
/// pool is locked.
fn say_once(pid: u32, error: &std::io::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let line = format!(
            "sandpool: this process may not kill its worker {pid} ({error}); workers are asked to \
             end instead\n"
        );
        // Not `eprintln`, which panics where stderr is gone.
        let write = move || drop(stdio::write_stderr(line.as_bytes()));
        let _ = std::thread::Builder::new().spawn(write);
    });
}
