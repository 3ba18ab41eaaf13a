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
use crate::pool::broker::Requests;
use crate::pool::config::Config;
use crate::pool::keys::{KeyId, WorkerKey};
use crate::pool::scheduler::{STRANDED_AFTER, WorkerLife};
use crate::pool::tasks::{Lost, Observed, Task};
use crate::pool::trace::KillNote;
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::host_end::{HostEnd, Nap, SendError};
use sandpool_sys::stdio;
use sandpool_sys::{ChildProcess, ControlSocket, EventFd, process_cpu_time};

/// Bytes of messages that a worker may leave unread; the kernel doubles it and
/// counts about 1,000 for a small one. Each may hold a memory file alive, so a
/// worker that reads none must not be sent very many.
const UNREAD: usize = 32 * 1024;

/// How long a worker that has hung up may take to end.
const LEAVE_TIME: Duration = Duration::from_millis(200);

/// A worker and what is on its way to it.
pub(crate) struct WorkerHandle {
    /// Unique in the pool: a new worker in the same slot is another.
    serial: u64,
    worker_key: Arc<WorkerKey>,
    pub(super) child: ChildProcess,
    pub(super) control: ControlSocket,
    pub(super) bell: EventFd,
    pub(super) phase: Phase,
    /// The tasks that were sent and not answered.
    pub(super) window: Window,
    /// The clocks of the oldest of them.
    pub(super) clock: TaskClock,
    /// What the oldest of them has asked for.
    pub(super) allowance: Allowance,
    pub(super) start_up: StartUp,
    pub(super) pace: Pace,
    /// Where it asks for shared objects, if its module imports any.
    pub(super) requests: Option<Requests>,
    /// Whether a caller naps until it answers. Until then the worker is to wake
    /// that one.
    is_napped_on: bool,
    /// When it last gave a part of its memory back.
    pub(super) gave_back: Instant,
    /// The key that gets its slot when it is gone.
    next_key: Option<KeyId>,
    /// It hung up, so it is about to end; by then it is killed.
    pub(super) leaves_by: Option<Instant>,
    /// Why it was killed, for those who trace the pool.
    pub(crate) kill_note: KillNote,
}

/// Where a worker stands in its life.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Started, and loading its artifact.
    Starting { since: Instant },
    /// Takes tasks.
    Ready { since: Instant },
    /// Was told to end its task, and has a moment to do so.
    Interrupted { why: Lost, until: Instant },
    /// Was killed, or has hung up, and is not reaped yet. `why` is the verdict of its
    /// task.
    Dying { why: Option<Lost> },
}

/// The host's ends of a worker that was just started.
pub(crate) struct Started {
    pub(crate) child: ChildProcess,
    pub(crate) control: ControlSocket,
    pub(crate) bell: EventFd,
    pub(crate) ring: HostEnd,
    pub(crate) requests: Option<Requests>,
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
        } = started;
        // Its setup, which may be long, is on its way already. A socket that
        // keeps its size is no worse than before.
        let _ = set_socket_send_buffer_size(&control, UNREAD);
        WorkerHandle {
            serial,
            worker_key,
            child,
            control,
            bell,
            phase: Phase::Starting { since: now },
            window: Window::new(ring, config),
            clock: TaskClock::new(now),
            allowance: Allowance::default(),
            start_up: StartUp::new(oom_kills, now),
            pace: Pace::new(now),
            requests,
            is_napped_on: false,
            gave_back: now,
            next_key: None,
            leaves_by: None,
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

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Signalled when the worker rings, speaks on its control socket, and ends.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        [self.bell.as_fd(), self.control.as_fd(), self.child.pidfd()]
    }

    /// The key that gets its slot when it is gone.
    pub(crate) fn next_key(&self) -> Option<KeyId> {
        self.next_key
    }

    /// Ends an idle worker, whose slot another key gets.
    pub(crate) fn make_room_for(&mut self, key: KeyId) {
        self.next_key = Some(key);
        self.kill(None);
    }

    /// Number of the key that it is bound to.
    pub(crate) fn key(&self) -> KeyId {
        self.worker_key.id
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    /// Ready, and has taken a task: a sign that workers work here.
    pub(crate) fn works(&self) -> bool {
        self.is_ready() && self.has_worked()
    }

    /// Whether it was killed or has hung up, and is not reaped yet.
    #[inline]
    pub(crate) fn is_dying(&self) -> bool {
        matches!(self.phase, Phase::Dying { .. })
    }

    /// Whether it has ever taken a task.
    #[inline]
    pub(crate) fn has_worked(&self) -> bool {
        self.start_up.has_worked()
    }

    /// The oldest sent task, and since when it runs, if it was seen to.
    pub(crate) fn running(&self) -> Option<(&Task, Instant)> {
        Some((self.window.oldest()?, self.clock.running()?))
    }

    /// Whether its answers are taken.
    pub(crate) fn listens(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. } | Phase::Interrupted { .. })
    }

    /// Ready, and nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_ready() && self.window.is_empty()
    }

    /// Where it stands in its life, for the rules of the scheduler.
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

    /// Whether it has something to do.
    pub(crate) fn is_busy(&self) -> bool {
        !self.window.is_empty()
    }

    /// Idle, and may be given a further task in its life.
    #[inline]
    pub(crate) fn takes_tasks(&self) -> bool {
        self.is_idle() && self.window.may_grow()
    }

    /// Whether tasks wait in it behind the one that it runs.
    #[inline]
    pub(crate) fn has_tasks_ahead(&self) -> bool {
        self.is_ready() && self.window.len() > 1
    }

    /// Whether any of the tasks that were sent is one of `such`.
    pub(crate) fn has_any_task(&self, such: impl Fn(&Task) -> bool) -> bool {
        self.window.has_any(such)
    }

    /// How long the oldest sent task has been its next.
    #[inline]
    pub(crate) fn time_with_next(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.clock.next_since())
    }

    /// How many further tasks may be sent ahead now.
    pub(crate) fn window(&self) -> usize {
        // Behind a task that takes long, everything would only wait.
        let strands = self
            .clock
            .running()
            .is_some_and(|since| since.elapsed() >= STRANDED_AFTER);
        // Nor before a task whose CPU time is measured: the clock has to be
        // read between two tasks.
        let measured = self
            .window
            .oldest()
            .is_some_and(|task| task.template().measure_cpu);
        if !self.is_ready() || strands || measured {
            return 0;
        }
        self.window.room(self.pace.tasks_ahead())
    }

    /// Puts a task where [`WorkerHandle::offer`] lets the worker take it; hands it back
    /// if there is no room.
    pub(crate) fn send(&mut self, task: Task, now: Instant) -> Result<(), Box<(Task, SendError)>> {
        self.window.send(task, &self.control)?;
        if self.window.len() == 1 {
            self.pace.begin_burst(now);
            self.becomes_next(now);
        }
        Ok(())
    }

    /// Lets the worker take what was sent, and wakes it.
    #[inline]
    pub(crate) fn offer(&mut self) -> Result<(), Violation> {
        self.window.offer()
    }

    /// The oldest sent task is the worker's next from now on.
    pub(super) fn becomes_next(&mut self, now: Instant) {
        self.allowance.reset();
        // A worker between two tasks uses no CPU, so its clock stands still
        // until it claims the next.
        let cpu = match self.window.oldest() {
            Some(task) if task.template().measure_cpu => process_cpu_time(self.child.pid()),
            _ => None,
        };
        self.clock.restart(now, cpu);
    }

    /// Notes that the oldest sent task was seen to run, and says since when.
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

    /// CPU time that the oldest sent task has used, where it is measured.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        self.clock.cpu_time(|| process_cpu_time(self.child.pid()))
    }

    /// Whether it has said so much in shared memory that the host may not sleep.
    pub(crate) fn keeps_awake(&mut self) -> bool {
        self.window.has_enough_answers() || self.requests.as_ref().is_some_and(Requests::has_news)
    }

    /// Says that the host is about to sleep, and wants to be woken.
    pub(crate) fn announce_sleep(&self) {
        if self.is_napped_on {
            return;
        }
        self.window.announce_sleep();
        if let Some(requests) = &self.requests {
            requests.announce_sleep();
        }
    }

    /// Says that the host is awake.
    pub(crate) fn announce_awake(&self) {
        if self.is_napped_on {
            return;
        }
        self.window.announce_awake();
        if let Some(requests) = &self.requests {
            requests.announce_awake();
        }
    }

    /// Whether a caller may nap until it answers: it has nothing but this task,
    /// and only its answer to say.
    pub(crate) fn may_be_napped_on(&self, task: u64) -> bool {
        self.is_ready()
            && self.window.len() == 1
            && self.window.oldest().is_some_and(|sent| sent.id == task)
            && !self.is_napped_on
            && self.requests.is_none()
            && !self.worker_key.module.sends_messages()
    }

    /// Has the worker wake the caller that is about to nap, and nobody else.
    pub(crate) fn begin_nap(&mut self) -> Nap {
        self.is_napped_on = true;
        self.window.announce_nap()
    }

    /// The caller naps no more: the worker rings again.
    pub(crate) fn end_nap(&mut self) {
        self.is_napped_on = false;
        self.announce_sleep();
    }

    /// Whether it has something to say in shared memory.
    pub(crate) fn has_news(&mut self) -> bool {
        self.window.has_answer() || self.requests.as_ref().is_some_and(Requests::has_news)
    }

    /// Its task has ended, or `died`.
    pub(crate) fn end_requests(&mut self, died: bool) {
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

    /// Takes back every task that the worker has not claimed.
    pub(crate) fn take_back(&mut self) -> Result<VecDeque<Task>, Violation> {
        self.window.take_back()
    }

    /// As [`WorkerHandle::take_back`], unless it has claimed none yet: it is about to, or
    /// is stopped, and what was sent to it then shows that.
    pub(crate) fn take_back_from_running(&mut self) -> Result<VecDeque<Task>, Violation> {
        match self.window.outstanding()?.running {
            true => self.window.take_back(),
            false => Ok(VecDeque::new()),
        }
    }

    /// What the host knows of the run of the oldest sent task.
    pub(crate) fn observed(&self, task: &Task, ran: Option<Duration>, now: Instant) -> Observed {
        let started = self.clock.started(ran, now);
        Observed {
            worker_pid: Some(self.child.pid()),
            queue_wait: started.saturating_duration_since(task.batch.submitted),
            run_time: Some(now.saturating_duration_since(started)),
            cpu_time: self.cpu_time(),
        }
    }

    /// Lets a worker that has hung up end by itself, which says best why it did.
    pub(crate) fn lets_leave(&mut self, now: Instant) {
        self.phase = Phase::Dying { why: None };
        self.leaves_by = Some(now + LEAVE_TIME);
    }

    /// Kills the worker. `why` is the verdict of the task it runs.
    pub(crate) fn kill(&mut self, why: Option<Lost>) {
        if let Err(error) = self.child.kill() {
            // It ends by itself when its channel is hung up, whatever its guest
            // does, unless that has taken it over.
            self.control.hang_up();
            say_once(self.child.pid(), &error);
        }
        self.leaves_by = None;
        self.kill_note.note(|| why.as_ref().map(Lost::reason));
        self.phase = Phase::Dying { why };
    }
}

/// One line on stderr, once in the life of this process: which deadlines are kept
/// is then up to the workers. Written by a thread of its own, since nobody may read
/// stderr and the pool is locked.
fn say_once(pid: u32, error: &std::io::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let line = format!(
            "sandpool: this process may not kill its worker {pid} ({error}); workers are asked to \
             end instead\n"
        );
        // Not by `eprintln`, which panics where stderr is gone.
        let write = move || drop(stdio::write_stderr(line.as_bytes()));
        let _ = std::thread::Builder::new().spawn(write);
    });
}
