//! The window of one worker: the tasks that were sent to it and are not answered yet, in
//! the ring and in the host's own books. Only this file changes both, so that they agree.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pool::config::Config;
use crate::pool::tasks::{Task, Template};
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::frame::Payload;
use sandpool_protocol::host_end::{HostEnd, Nap, Outstanding, SendError};
use sandpool_protocol::ring::PUT_TOGETHER;
use sandpool_sys::{ControlSocket, memfd_of};

/// The number of sent tasks from which on a worker need not ring for each answer.
const MANY_AHEAD: usize = 16;

/// The highest number of sent tasks that have a memory file of their own.
const MAX_FILES: usize = 8;

/// The time for which the ring of an idle worker keeps the memory of large payloads for the
/// next ones.
const KEPT: Duration = Duration::from_secs(1);

/// The pause between two parts of a ring's memory that are given back. It lets other
/// threads take the pool's lock.
const GIVE_BACK_PAUSE: Duration = Duration::from_millis(2);

/// The tasks that were sent to a worker and are not answered yet.
pub(super) struct Window {
    ring: HostEnd,
    /// The sent tasks, oldest first.
    tasks: VecDeque<Task>,
    /// The template whose header was sent last, which need not be sent again.
    header_of: Option<Arc<Template>>,
    /// The size in bytes above which a payload has a memory file of its own.
    most_in_ring: usize,
    /// The buffer in which the bytes of each task are assembled.
    payload: Vec<u8>,
    /// The number of tasks that the worker may still be given (`maxtasksperchild`).
    tasks_left: u64,
    /// The time at which the ring last gave a part of its memory back.
    gave_back: Instant,
}

impl Window {
    /// Returns the window of a worker that runs `tasks_left` tasks at most.
    pub(super) fn new(ring: HostEnd, config: &Config, tasks_left: u64, now: Instant) -> Self {
        Window {
            ring,
            tasks: VecDeque::new(),
            header_of: None,
            most_in_ring: config.most_in_ring,
            payload: Vec::new(),
            tasks_left,
            gave_back: now,
        }
    }

    /// Returns the oldest task, which the worker runs or will run next.
    #[inline]
    pub(super) fn oldest(&self) -> Option<&Task> {
        self.tasks.front()
    }

    #[inline]
    pub(super) fn oldest_mut(&mut self) -> Option<&mut Task> {
        self.tasks.front_mut()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Returns `true` if any of the tasks is one that `fits` accepts.
    pub(super) fn has_any(&self, fits: impl Fn(&Task) -> bool) -> bool {
        self.tasks.iter().any(fits)
    }

    /// Returns `true` if the worker may still be given a task in its life.
    #[inline]
    pub(super) fn may_grow(&self) -> bool {
        self.tasks_left > 0
    }

    /// Returns the number of tasks that still fit, if one runs and `ahead` may wait behind
    /// it.
    pub(super) fn room(&self, ahead: usize) -> usize {
        let window = 1 + ahead;
        window
            .saturating_sub(self.tasks.len())
            .min(usize::try_from(self.tasks_left).unwrap_or(usize::MAX))
    }

    /// Puts a task into the ring, where the worker cannot take it before [`Window::offer`]
    /// is called. Hands the task back if the ring has no room.
    pub(super) fn send(
        &mut self,
        task: Task,
        control: &ControlSocket,
    ) -> Result<(), Box<(Task, SendError)>> {
        // All tasks share one buffer.
        let mut payload = std::mem::take(&mut self.payload);
        let template = task.template();
        let known = self
            .header_of
            .as_ref()
            .is_some_and(|of| Arc::ptr_eq(of, template));
        let raw_len = task.raw_len();
        // A frame in a file has a whole header. The short form is only for tasks that are
        // sure to go by the ring.
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
                // The header of a command replaces that of a function too.
                self.header_of = task.is_function().then(|| Arc::clone(template));
            }
            fits.then_some(()).ok_or(SendError::Full)
        } else {
            self.send_in_file(&task, &payload[1..], control)
        };
        self.payload = payload;
        if let Err(error) = sent {
            return Err(Box::new((task, error)));
        }
        self.tasks_left = self.tasks_left.saturating_sub(1);
        self.tasks.push_back(task);
        Ok(())
    }

    /// Sends a task in a memory file of its own, made and sealed here.
    fn send_in_file(
        &mut self,
        task: &Task,
        header: &[u8],
        control: &ControlSocket,
    ) -> Result<(), SendError> {
        let in_file = |task: &&Task| task.raw_len() > self.most_in_ring / 2;
        // Checked before the file is made.
        if !self.ring.has_room() || self.tasks.iter().filter(in_file).count() >= MAX_FILES {
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
        control
            .send(&encode(&message), &[file.as_fd()], false)
            .map_err(|_| SendError::Unread)?;
        let fits = self.ring.fill(&[&Payload::in_file(task.id, file.len())]);
        fits.then_some(()).ok_or(SendError::Full)
    }

    /// Lets the worker take the tasks that were sent, and wakes it. A worker that runs a
    /// task finds the others by itself, and sleeps only if it has finished in the meantime.
    #[inline]
    pub(super) fn offer(&mut self) -> Result<(), Violation> {
        self.ring.offer()?;
        self.ring.wake();
        Ok(())
    }

    /// Returns the numbers of tasks that the worker has claimed, answered and left.
    #[inline]
    pub(super) fn outstanding(&mut self) -> Result<Outstanding, Violation> {
        self.ring.outstanding()
    }

    #[inline]
    pub(super) fn has_answer(&mut self) -> bool {
        self.ring.has_answer()
    }

    /// Copies the next answer into `payload`, if there is one. `most` returns the largest
    /// size in bytes of the answer to a task.
    #[inline]
    pub(super) fn read_answer(
        &mut self,
        payload: &mut Vec<u8>,
        most: impl Fn(&Task) -> u64,
    ) -> Result<bool, Violation> {
        let task = self.tasks.front();
        self.ring.take_answer(payload, || task.map_or(0, &most))
    }

    /// Takes out the oldest task, which was answered or whose worker is gone.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// Takes back the tasks that the worker has not claimed.
    pub(super) fn take_back(&mut self) -> Result<VecDeque<Task>, Violation> {
        let count = self.ring.take_back()? as usize;
        let keep = self.tasks.len().saturating_sub(count);
        let back = self.tasks.split_off(keep);
        // The header may have been sent with one of them.
        self.header_of = None;
        self.tasks_left = self.tasks_left.saturating_add(back.len() as u64);
        Ok(back)
    }

    /// Takes all tasks out of the books of a worker that is gone.
    pub(super) fn drain(&mut self) -> VecDeque<Task> {
        std::mem::take(&mut self.tasks)
    }

    /// Returns the number of answers that the host wants to be woken for. Where many tasks
    /// were sent ahead, a working worker need not ring for each answer: half of them are
    /// there within about half a millisecond, and if not, the host looks at the worker all
    /// the same.
    fn answers_per_wake(&self) -> u32 {
        match self.tasks.len() {
            0..MANY_AHEAD => 1,
            many => (many / 2) as u32,
        }
    }

    /// Returns `true` if as many answers are there as the host wants to be woken for.
    pub(super) fn has_enough_answers(&mut self) -> bool {
        let answers_per_wake = self.answers_per_wake();
        self.ring.has_answers(answers_per_wake)
    }

    /// Announces that the host is about to sleep and wants to be woken.
    #[inline]
    pub(super) fn announce_sleep(&self) {
        self.ring.announce_sleep(self.answers_per_wake());
    }

    /// Announces that the host is awake.
    #[inline]
    pub(super) fn announce_awake(&self) {
        self.ring.announce_awake();
    }

    /// Announces that a caller is about to sleep until the worker has answered.
    pub(super) fn announce_nap(&self) -> Nap {
        self.ring.announce_nap()
    }

    /// Returns the time at which the ring of an idle worker gives back a part of the memory
    /// of large payloads, if it holds any.
    #[inline]
    pub(super) fn gives_back(&self, last_answer: Instant) -> Option<Instant> {
        let due = (last_answer + KEPT).max(self.gave_back + GIVE_BACK_PAUSE);
        self.ring.holds_much().then_some(due)
    }

    /// Gives a part of that memory back.
    pub(super) fn give_back(&mut self, now: Instant) {
        self.ring.give_back();
        self.gave_back = now;
    }
}
