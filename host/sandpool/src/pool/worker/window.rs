//! The window of one worker: the tasks that were sent to it and not answered, in the
//! ring and in the host's own books. Both are changed here alone, so that they agree.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::pool::config::Config;
use crate::pool::tasks::{Task, Template};
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::frame::Payload;
use sandpool_protocol::host_end::{HostEnd, Nap, Outstanding, SendError};
use sandpool_protocol::ring::PUT_TOGETHER;
use sandpool_sys::{ControlSocket, memfd_of};

/// From so many sent tasks on, a worker need not ring for each answer.
const MANY_AHEAD: usize = 16;

/// The most tasks with a memory file of their own that are on their way.
const MAX_FILES: usize = 8;

/// The tasks that were sent to a worker and not answered.
pub(super) struct Window {
    ring: HostEnd,
    /// Oldest first.
    tasks: VecDeque<Task>,
    /// The template whose header was sent last, so that it need not be sent again.
    header_of: Option<Arc<Template>>,
    /// Payloads of more bytes have a memory file of their own.
    most_in_ring: usize,
    /// The buffer that the bytes of each task are put together in.
    payload: Vec<u8>,
    /// Tasks that the worker may still be given (`maxtasksperchild`).
    tasks_left: u64,
}

impl Window {
    pub(super) fn new(ring: HostEnd, config: &Config) -> Self {
        Window {
            ring,
            tasks: VecDeque::new(),
            header_of: None,
            most_in_ring: config.most_in_ring,
            payload: Vec::new(),
            tasks_left: config.max_tasks,
        }
    }

    /// The oldest task, which the worker runs or will run next.
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

    /// Whether any of the tasks is one of `such`.
    pub(super) fn has_any(&self, such: impl Fn(&Task) -> bool) -> bool {
        self.tasks.iter().any(such)
    }

    /// Whether the worker may be given a further task in its life.
    #[inline]
    pub(super) fn may_grow(&self) -> bool {
        self.tasks_left > 0
    }

    /// How many further tasks fit, if one runs and `ahead` may wait behind it.
    pub(super) fn room(&self, ahead: usize) -> usize {
        let window = 1 + ahead;
        window
            .saturating_sub(self.tasks.len())
            .min(usize::try_from(self.tasks_left).unwrap_or(usize::MAX))
    }

    /// Puts a task where [`Window::offer`] lets the worker take it; hands it back if
    /// there is no room.
    pub(super) fn send(
        &mut self,
        task: Task,
        control: &ControlSocket,
    ) -> Result<(), Box<(Task, SendError)>> {
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
        // Known before the file is made.
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

    /// Lets the worker take the tasks that were sent, and wakes it: one that runs
    /// something finds the rest by itself, and only sleeps if it finished in between.
    #[inline]
    pub(super) fn offer(&mut self) -> Result<(), Violation> {
        self.ring.offer()?;
        self.ring.wake();
        Ok(())
    }

    /// How many tasks the worker has claimed, answered and left.
    #[inline]
    pub(super) fn outstanding(&mut self) -> Result<Outstanding, Violation> {
        self.ring.outstanding()
    }

    #[inline]
    pub(super) fn has_answer(&mut self) -> bool {
        self.ring.has_answer()
    }

    /// Copies the next answer into `payload`, if it is there. `most` says how many
    /// bytes the answer to a task may have.
    #[inline]
    pub(super) fn read_answer(
        &mut self,
        payload: &mut Vec<u8>,
        most: impl Fn(&Task) -> u64,
    ) -> Result<bool, Violation> {
        let task = self.tasks.front();
        self.ring.take_answer(payload, || task.map_or(0, &most))
    }

    /// Takes the oldest task out: it was answered, or its worker is gone.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// Takes back every task that the worker has not claimed.
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

    /// How many answers the host wants to be woken for. Where much was sent
    /// ahead, a worker that works on it need not ring for each answer: half of
    /// them are there within about half a millisecond, and if not, it is looked
    /// at all the same.
    fn answers_per_wake(&self) -> u32 {
        match self.tasks.len() {
            0..MANY_AHEAD => 1,
            many => (many / 2) as u32,
        }
    }

    /// Whether as many answers are there as the host wants to be woken for.
    pub(super) fn has_enough_answers(&mut self) -> bool {
        let answers_per_wake = self.answers_per_wake();
        self.ring.has_answers(answers_per_wake)
    }

    /// Says that the host is about to sleep, and wants to be woken.
    #[inline]
    pub(super) fn announce_sleep(&self) {
        self.ring.announce_sleep(self.answers_per_wake());
    }

    /// Says that the host is awake.
    #[inline]
    pub(super) fn announce_awake(&self) {
        self.ring.announce_awake();
    }

    /// Says that a caller is about to sleep until the worker has answered.
    pub(super) fn announce_nap(&self) -> Nap {
        self.ring.announce_nap()
    }

    /// Whether the ring holds the memory of large payloads.
    #[inline]
    pub(super) fn holds_much(&self) -> bool {
        self.ring.holds_much()
    }

    /// Gives a part of that memory back.
    pub(super) fn give_back(&mut self) {
        self.ring.give_back();
    }
}
