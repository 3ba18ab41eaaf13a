//! One worker process, as the host sees it.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_send_buffer_size;

use crate::pool::broker::Requests;
use crate::pool::config::Config;
use crate::pool::keys::{KeyId, WorkerKey};
use crate::pool::scheduler::{Fault, Life, STRANDED_AFTER};
use crate::pool::tasks::{Lost, Observed, Task, Template};
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::frame::Payload;
use sandpool_protocol::host_end::{HostEnd, SendError};
use sandpool_protocol::ring::PUT_TOGETHER;
use sandpool_sys::stdio;
use sandpool_sys::{ChildProcess, ControlSocket, EventFd, memfd_of, process_cpu_time};

/// Tasks are sent ahead for about this much work.
const SEND_AHEAD_TIME: Duration = Duration::from_millis(1);

/// The most tasks that are sent ahead.
const MAX_TASKS_AHEAD: usize = 1000;

/// So many tasks that were sent are many.
const MANY_AHEAD: usize = 16;

/// The most tasks with a memory file of their own that are on their way.
const MAX_FILES: usize = 8;

/// Bytes of messages that a worker may leave unread; the kernel doubles it and
/// counts about 1,000 for a small one. Each may hold a memory file alive, so a
/// worker that reads none must not be sent very many.
const UNREAD: usize = 32 * 1024;

/// How long a worker that has hung up may take to end.
const LEAVE_TIME: Duration = Duration::from_millis(200);

/// A worker and what is on its way to it.
pub(crate) struct WorkerHandle {
    /// Unique in the pool: a new worker in the same place is another.
    pub(crate) serial: u64,
    pub(crate) worker_key: Arc<WorkerKey>,
    pub(crate) child: ChildProcess,
    pub(crate) control: ControlSocket,
    pub(crate) bell: EventFd,
    pub(crate) ring: HostEnd,
    /// Whose header was sent last, so that it need not be sent again.
    header_of: Option<Arc<Template>>,
    /// Payloads of more bytes have a memory file of their own.
    most_in_ring: usize,
    /// Where the bytes of a task are put together.
    payload: Vec<u8>,
    /// Where it asks for shared objects, if its module imports any.
    pub(crate) requests: Option<Requests>,
    pub(crate) phase: Phase,
    /// Tasks that were sent and not answered, oldest first.
    pub(crate) sent: VecDeque<Task>,
    /// Since when the oldest of them runs, as far as was seen.
    pub(crate) running: Option<Instant>,
    /// Whether it has ever taken a task.
    pub(crate) has_worked: bool,
    /// When the oldest of them became the worker's next, and the worker's CPU
    /// clock at that time, if it matters.
    pub(crate) next_since: Instant,
    next_cpu: Option<Duration>,
    /// When to look again whether it was claimed.
    pub(crate) look_after: Duration,
    /// The kernel's kills for memory before it was started.
    pub(crate) oom_kills: u64,
    /// Whether its hello has come.
    pub(crate) greeted: bool,
    /// When its start was last seen to go on, and its CPU clock then.
    pub(crate) start_seen: (Instant, Option<Duration>),
    /// Whether it ended, or had to be ended, before it took a task.
    pub(crate) failed_early: bool,
    /// Rings that came without an answer, beyond one for each answer.
    pub(crate) empty_rings: u32,
    /// Bytes that the oldest sent task has logged.
    pub(crate) log_bytes: u64,
    /// Room that the worker asked for and was given.
    pub(crate) room: Option<File>,
    /// Whether it asked for standard input.
    pub(crate) has_stdin: bool,
    /// Tasks that it has answered.
    pub(crate) done: u64,
    /// Tasks it may still be given (`maxtasksperchild`).
    pub(crate) tasks_left: u64,
    /// Whether a caller naps until it answers. Until then the worker is to wake
    /// that one.
    pub(crate) is_napped_on: bool,
    /// Answers taken since the pace was last kept.
    pub(crate) new_answers: u32,
    pub(crate) last_answer: Instant,
    /// When it last gave a part of its memory back.
    pub(crate) gave_back: Instant,
    /// When it was last sent something while it had nothing.
    burst_since: Instant,
    /// Moving average of the time from one answer to the next.
    pace: Option<Duration>,
    /// The key that gets its place when it is gone.
    pub(crate) next_key: Option<KeyId>,
    /// Why its start failed, as far as it said so or was seen.
    pub(crate) complaint: Option<Fault>,
    /// It hung up, so it is about to end; by then it is killed.
    pub(crate) leaves_by: Option<Instant>,
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
            ring,
            header_of: None,
            most_in_ring: config.most_in_ring,
            payload: Vec::new(),
            requests,
            phase: Phase::Starting { since: now },
            sent: VecDeque::new(),
            running: None,
            has_worked: false,
            next_since: now,
            next_cpu: None,
            look_after: Duration::ZERO,
            oom_kills,
            greeted: false,
            start_seen: (now, None),
            failed_early: false,
            empty_rings: 0,
            log_bytes: 0,
            room: None,
            has_stdin: false,
            is_napped_on: false,
            new_answers: 0,
            last_answer: now,
            gave_back: now,
            burst_since: now,
            done: 0,
            tasks_left: config.max_tasks,
            pace: None,
            next_key: None,
            complaint: None,
            leaves_by: None,
        }
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
        self.is_ready() && self.has_worked
    }

    /// Whether its answers are taken.
    pub(crate) fn listens(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. } | Phase::Interrupted { .. })
    }

    /// Ready, and nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_ready() && self.sent.is_empty()
    }

    /// Where it stands in its life, for the rules of the scheduler.
    #[inline]
    pub(crate) fn life(&self) -> Life {
        match self.phase {
            Phase::Starting { .. } => Life::Starting,
            Phase::Ready { since } => Life::Ready {
                since,
                is_idle: self.sent.is_empty(),
            },
            Phase::Interrupted { .. } => Life::Interrupted,
            Phase::Dying { .. } => Life::Dying,
        }
    }

    /// Whether it has something to do.
    pub(crate) fn is_busy(&self) -> bool {
        !self.sent.is_empty()
    }

    /// How many further tasks may be sent ahead now.
    pub(crate) fn window(&self) -> usize {
        // Behind a task that takes long, everything would only wait.
        let strands = self
            .running
            .is_some_and(|since| since.elapsed() >= STRANDED_AFTER);
        // Nor before a task whose CPU time is measured: the clock has to be
        // read between two tasks.
        let measured = self
            .sent
            .front()
            .is_some_and(|task| task.template().measure_cpu);
        if !self.is_ready() || strands || measured {
            return 0;
        }
        let ahead = match self.pace {
            // Nothing is known of it: its first task may be its last.
            None => 0,
            Some(pace) if pace.is_zero() => MAX_TASKS_AHEAD,
            Some(pace) => usize::try_from(SEND_AHEAD_TIME.as_nanos() / pace.as_nanos())
                .map_or(MAX_TASKS_AHEAD, |ahead| ahead.clamp(1, MAX_TASKS_AHEAD)),
        };
        let window = 1 + ahead;
        window
            .saturating_sub(self.sent.len())
            .min(usize::try_from(self.tasks_left).unwrap_or(usize::MAX))
    }

    /// Puts a task where [`WorkerHandle::offer`] lets the worker take it; hands it back
    /// if there is no room.
    pub(crate) fn send(&mut self, task: Task, now: Instant) -> Result<(), Box<(Task, SendError)>> {
        // One buffer for all tasks.
        let mut payload = std::mem::take(&mut self.payload);
        let template = task.template();
        let known = self
            .header_of
            .as_ref()
            .is_some_and(|of| Arc::ptr_eq(of, template));
        let raw_len = task.raw_len();
        // A frame in a file has a whole header: a short one is only for what is sure
        // to go by the ring.
        let known = known && raw_len < self.most_in_ring / 2;
        task.put_header(&mut payload, known);
        let sent = if payload.len() + raw_len <= self.most_in_ring {
            let [a, b, c, d, e] = task.raw();
            let fits = if raw_len <= PUT_TOGETHER {
                for piece in [a, b, c, d, e] {
                    payload.extend_from_slice(piece);
                }
                self.ring.fill(&[&payload])
            } else {
                self.ring.fill(&[&payload, a, b, c, d, e])
            };
            if fits && !known {
                // That of a command stands in the place of a function's too.
                self.header_of = task.is_function().then(|| Arc::clone(template));
            }
            fits.then_some(()).ok_or(SendError::Full)
        } else {
            self.send_in_file(&task, &payload[1..])
        };
        self.payload = payload;
        if let Err(error) = sent {
            return Err(Box::new((task, error)));
        }
        self.tasks_left = self.tasks_left.saturating_sub(1);
        self.sent.push_back(task);
        if self.sent.len() == 1 {
            self.burst_since = now;
            self.becomes_next(now);
        }
        Ok(())
    }

    /// Sends a task in a memory file of its own, made and sealed here.
    fn send_in_file(&mut self, task: &Task, header: &[u8]) -> Result<(), SendError> {
        let in_file = |task: &&Task| task.raw_len() > self.most_in_ring / 2;
        // Known before the file is made.
        if !self.ring.has_room() || self.sent.iter().filter(in_file).count() >= MAX_FILES {
            return Err(SendError::Full);
        }
        let [a, b, c, d, e] = task.raw();
        let file =
            memfd_of("sandpool-task", &[header, a, b, c, d, e]).map_err(|_| SendError::Full)?;
        let message = ToChild::Payload {
            id: task.id,
            len: file.len(),
        };
        // A full socket is a full channel: the task waits for its turn.
        self.control
            .send(&encode(&message), &[file.as_fd()], false)
            .map_err(|_| SendError::Unread)?;
        let fits = self.ring.fill(&[&Payload::in_file(task.id, file.len())]);
        fits.then_some(()).ok_or(SendError::Full)
    }

    /// Lets the worker take what was sent, and wakes it: one that runs something
    /// finds the rest by itself, and only sleeps if it finished in between.
    pub(crate) fn offer(&mut self) -> Result<(), Violation> {
        self.ring.offer()?;
        self.ring.wake();
        Ok(())
    }

    /// The oldest sent task is the worker's next from now on.
    pub(crate) fn becomes_next(&mut self, now: Instant) {
        self.running = None;
        self.log_bytes = 0;
        self.room = None;
        self.has_stdin = false;
        self.next_since = now;
        self.look_after = Duration::from_millis(1);
        // A worker between two tasks uses no CPU, so its clock stands still
        // until it claims the next.
        self.next_cpu = match self.sent.front() {
            Some(task) if task.template().measure_cpu => process_cpu_time(self.child.pid()),
            _ => None,
        };
    }

    /// Notes that the oldest sent task was seen to run, and says since when.
    pub(crate) fn is_running(&mut self, now: Instant) -> Instant {
        if let Some(since) = self.running {
            return since;
        }
        self.running = Some(now);
        if !self.has_worked {
            self.has_worked = true;
            self.worker_key.health.start_succeeded();
        }
        if let Some(task) = self.sent.front_mut() {
            task.attempts += 1;
        }
        now
    }

    /// CPU time that the oldest sent task has used, where it is measured.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let before = self.next_cpu?;
        process_cpu_time(self.child.pid())?.checked_sub(before)
    }

    /// Counts the answers that came since the last time.
    pub(crate) fn keep_pace(&mut self, now: Instant) {
        let count = std::mem::take(&mut self.new_answers);
        if count == 0 {
            return;
        }
        self.done += u64::from(count);
        // From the last answer, or from when the first of these was sent.
        let since = self.last_answer.max(self.burst_since);
        let each = now.saturating_duration_since(since) / count;
        self.last_answer = now;
        self.pace = Some(self.pace.map_or(each, |pace| (pace * 3 + each) / 4));
    }

    /// How many answers the host wants to be woken for. Where much was sent
    /// ahead, a worker that works on it need not ring for each answer: half of
    /// them are there within about half a millisecond, and if not, it is looked
    /// at all the same.
    fn answers_per_wake(&self) -> u32 {
        match self.sent.len() {
            0..MANY_AHEAD => 1,
            many => (many / 2) as u32,
        }
    }

    /// Whether it has said so much in shared memory that the host may not sleep.
    pub(crate) fn keeps_awake(&mut self) -> bool {
        let answers_per_wake = self.answers_per_wake();
        self.ring.has_answers(answers_per_wake)
            || self.requests.as_ref().is_some_and(Requests::has_news)
    }

    /// Says that the host is about to sleep, and wants to be woken.
    pub(crate) fn announce_sleep(&self) {
        if self.is_napped_on {
            return;
        }
        self.ring.announce_sleep(self.answers_per_wake());
        if let Some(requests) = &self.requests {
            requests.announce_sleep();
        }
    }

    /// Says that the host is awake.
    pub(crate) fn announce_awake(&self) {
        if self.is_napped_on {
            return;
        }
        self.ring.announce_awake();
        if let Some(requests) = &self.requests {
            requests.announce_awake();
        }
    }

    /// Whether a caller may nap until it answers: it has nothing but this task,
    /// and only its answer to say.
    pub(crate) fn may_be_napped_on(&self, task: u64) -> bool {
        self.is_ready()
            && self.sent.len() == 1
            && self.sent.front().is_some_and(|sent| sent.id == task)
            && !self.is_napped_on
            && self.requests.is_none()
            && !self.worker_key.module.sends_messages()
    }

    /// Whether it has something to say in shared memory.
    pub(crate) fn has_news(&mut self) -> bool {
        self.ring.has_answer() || self.requests.as_ref().is_some_and(Requests::has_news)
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
        let count = self.ring.take_back()? as usize;
        let keep = self.sent.len().saturating_sub(count);
        let back = self.sent.split_off(keep);
        // It may have been among them.
        self.header_of = None;
        self.tasks_left = self.tasks_left.saturating_add(back.len() as u64);
        Ok(back)
    }

    /// What the host knows of the run of the oldest sent task.
    pub(crate) fn observed(&self, task: &Task, ran: Option<Duration>, now: Instant) -> Observed {
        // A worker knows better how long its task ran, within what was seen.
        let started = ran
            .and_then(|ran| now.checked_sub(ran))
            .map(|started| started.max(self.next_since))
            .or(self.running)
            .unwrap_or(self.next_since);
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
