//! Attends to one worker: hears its messages, takes its answers, keeps its
//! tasks' deadlines, reaps it. Runs on the dispatcher's thread, under the lock.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::callbacks::{Job, LogRecord, ProgressReport};
use super::dispatcher::Outbox;
use super::queue::Queue;
use super::scheduler::STRANDED_AFTER;
use super::settle::{self, Lost, Observed};
use super::slot::{Phase, Slot};
use super::state::Config;
use super::task::{Completion, Task};
use crate::outcome::Outcome;
use crate::protocol::Violation;
use crate::protocol::control::{Failure, FromChild, ToChild, decode, encode};
use crate::protocol::frame::{AnswerHeader, End, Payload, What, split};
use crate::protocol::handshake::Hello;
use crate::settings::Interrupt;
use crate::sys::{Ended, Received, memfd_read_at, memfd_sized};
use crate::value::Value;

/// A worker that has not loaded its artifact by then has failed to start.
const START_TIME: Duration = Duration::from_secs(30);

/// A task that nobody claims for so long was sent to a worker that is stopped.
const CLAIM_TIME: Duration = Duration::from_secs(1);

/// How long a task that was interrupted may take to end.
const GRACE: Duration = Duration::from_millis(100);

/// How often CPU clocks are read.
const CPU_INTERVAL: Duration = Duration::from_millis(10);

/// Messages that are heard from one worker before others have their turn.
const MESSAGES_AT_ONCE: usize = 64;

/// What the poller said about one worker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    pub(super) rang: bool,
    pub(super) spoke: bool,
    pub(super) ended: bool,
}

/// One look at one worker.
pub(super) struct Watch<'a> {
    pub(super) config: &'a Config,
    pub(super) queue: &'a mut Queue,
    pub(super) unfinished: &'a mut u64,
    pub(super) failed_starts: &'a mut u32,
    pub(super) out: &'a mut Outbox,
    pub(super) buffer: &'a mut [u8],
    /// Set when something broke the pool.
    pub(super) broken: Option<String>,
}

impl Watch<'_> {
    /// Looks at a worker; says whether it is gone.
    pub(super) fn attend(&mut self, slot: &mut Slot, signs: Signs, now: Instant) -> bool {
        slot.ring.announce_awake();
        if signs.rang {
            slot.bell.clear();
        }
        if !slot.is_doomed() {
            if signs.spoke {
                self.hear(slot);
            }
            self.take_answers(slot, now);
            self.keep_time(slot, now);
        }
        signs.ended && self.reap(slot, now)
    }

    /// Hears what came on the control socket.
    fn hear(&mut self, slot: &mut Slot) {
        for _ in 0..MESSAGES_AT_ONCE {
            let heard = match slot.control.receive_bytes(self.buffer) {
                Ok(Received::Message(len, _)) => self.understand(slot, len),
                Ok(Received::Nothing) => return,
                // Its end is seen elsewhere; one that only closed its socket
                // meets its end here.
                Ok(Received::HungUp) => {
                    if matches!(slot.phase, Phase::Starting { .. }) {
                        slot.complaint
                            .get_or_insert_with(|| "it left before it was ready".into());
                    }
                    return slot.kill(None);
                }
                Err(_) => Err(Violation("a control message is too long")),
            };
            if let Err(violation) = heard {
                return slot.kill(Some(Lost::Violation(violation)));
            }
        }
    }

    fn understand(&mut self, slot: &mut Slot, len: usize) -> Result<(), Violation> {
        let bytes = &self.buffer[..len];
        if !slot.greeted {
            let hello = Hello::decode(bytes).ok_or(Violation("its first message is no hello"))?;
            if let Err(complaint) = hello.check() {
                // Another binary will not turn up by itself.
                self.broken = Some(complaint);
            }
            slot.greeted = true;
            return Ok(());
        }
        let index = slot.sent.front().map(|task| task.index);
        let message: FromChild = decode(bytes)?;
        match (message, &slot.phase) {
            (FromChild::Ready, Phase::Starting { .. }) => {
                slot.phase = Phase::Ready {
                    since: Instant::now(),
                };
                *self.failed_starts = 0;
                Ok(())
            }
            (FromChild::Failed { reason, message }, Phase::Starting { .. }) => {
                if reason == Failure::Artifact {
                    // Made by another CPU or another build: it must not be
                    // found again.
                    self.out.bad_artifacts.push(slot.bound.module.clone());
                }
                slot.complaint = Some(message);
                Ok(())
            }
            (FromChild::WantRoom { len }, Phase::Ready { .. } | Phase::Interrupted { .. }) => {
                give_room(slot, len)
            }
            (FromChild::WantStdin, Phase::Ready { .. }) => {
                let task = slot
                    .sent
                    .front()
                    .ok_or(Violation("it wants stdin for no task"))?;
                match task.what {
                    What::Command {
                        inherit_stdin: true,
                        ..
                    } => {
                        self.out.want_stdin.push(slot.serial);
                        Ok(())
                    }
                    _ => Err(Violation("it wants stdin for a task that has none")),
                }
            }
            (FromChild::Log { level, message, .. }, _) => {
                let task_index = index.ok_or(Violation("it logs for no task"))?;
                spend_log(slot, message.len())?;
                if self.config.wants_log {
                    let function = slot.function();
                    let record = LogRecord {
                        task_index,
                        function,
                        level,
                        message,
                    };
                    self.out.jobs.push((None, Job::Log(record)));
                }
                Ok(())
            }
            (
                FromChild::Progress {
                    done,
                    total,
                    message,
                    ..
                },
                _,
            ) => {
                let task_index = index.ok_or(Violation("it reports progress of no task"))?;
                spend_log(slot, message.as_ref().map_or(0, String::len))?;
                if self.config.wants_progress {
                    let function = slot.function();
                    let report = ProgressReport {
                        task_index,
                        function,
                        done,
                        total,
                        message,
                    };
                    self.out.jobs.push((None, Job::Progress(report)));
                }
                Ok(())
            }
            _ => Err(Violation("a control message came out of turn")),
        }
    }

    /// Takes every answer that is there.
    fn take_answers(&mut self, slot: &mut Slot, now: Instant) {
        let mut count = 0;
        while slot.ring.has_answer() && !slot.is_doomed() {
            // What a guest logged comes before its outcome.
            let sends_messages = slot
                .sent
                .front()
                .is_some_and(|task| task.template.bound.module.sends_messages());
            if sends_messages {
                self.hear(slot);
            }
            match self.take_answer(slot, now) {
                Ok(true) => count += 1,
                Ok(false) => break,
                Err(violation) => slot.kill(Some(Lost::Violation(violation))),
            }
        }
        if count > 0 {
            slot.answered(count, now);
        }
    }

    fn take_answer(&mut self, slot: &mut Slot, now: Instant) -> Result<bool, Violation> {
        let Some(payload) = slot.ring.take_answer()? else {
            return Ok(false);
        };
        let from_file;
        let frame = match Payload::read(&payload)? {
            Payload::Inline(frame) => frame,
            Payload::InFile { len, .. } => {
                from_file = take_room(slot, len)?;
                &from_file
            }
        };
        let (header, raw) = split::<AnswerHeader>(frame)?;
        let parts = header.parts(raw)?;
        let task = slot
            .sent
            .front_mut()
            .ok_or(Violation("it answered a task it was not sent"))?;
        if header.task != task.id {
            return Err(Violation("it answered another task than it claimed"));
        }
        let end = header.end;
        let message = header.message.clone();
        slot.is_running(now);
        let Some(task) = slot.sent.front() else {
            return Ok(false);
        };
        let observed = slot.observed(task, now);
        let was_interrupted = match (&slot.phase, end) {
            (Phase::Interrupted { why, .. }, End::Interrupted) => Some(why.clone()),
            _ => None,
        };
        let limits = &self.config.limits;
        let outcome = match was_interrupted {
            Some(why) => settle::lost(task, &why, observed, limits, message.clone()),
            None => {
                let stdio = (self.config.stdio, self.config.stdio);
                settle::answered(task, header, parts, observed, stdio, limits)?
            }
        };
        if end == End::Initializer {
            let text = outcome.error.clone().unwrap_or_default();
            self.broken.get_or_insert(text);
        }
        if matches!(slot.phase, Phase::Interrupted { .. }) {
            // Whatever it answered, it lives on.
            slot.phase = Phase::Ready { since: now };
        }
        if let Some(task) = slot.sent.pop_front() {
            self.finish(slot.serial, task, outcome);
        }
        slot.becomes_next(now);
        Ok(true)
    }

    fn finish(&mut self, serial: u64, task: Task, outcome: Outcome<Value>) {
        *self.unfinished -= 1;
        let completion = Completion {
            outcome,
            sink: task.sink,
            callback: task.callback,
        };
        self.out.finish(Some(serial), completion);
    }

    /// Keeps deadlines, and takes back what a long task would strand.
    fn keep_time(&mut self, slot: &mut Slot, now: Instant) {
        match &slot.phase {
            Phase::Starting { since } => {
                if now.saturating_duration_since(*since) >= START_TIME {
                    slot.complaint = Some("it did not load its artifact within 30s".into());
                    slot.kill(None);
                }
            }
            Phase::Ready { .. } if slot.sent.is_empty() => {
                if slot.tasks_left == 0 {
                    slot.kill(None);
                }
            }
            Phase::Ready { .. } => {
                if let Err(violation) = self.keep_task_time(slot, now) {
                    slot.kill(Some(Lost::Violation(violation)));
                }
            }
            Phase::Interrupted { why, until } => {
                if now >= *until {
                    let why = why.clone();
                    slot.kill(Some(why));
                }
            }
            Phase::Dying { .. } => {}
        }
    }

    fn keep_task_time(&mut self, slot: &mut Slot, now: Instant) -> Result<(), Violation> {
        let outstanding = slot.ring.outstanding()?;
        if outstanding.answered > 0 {
            // It came this moment; it is taken at the next look, which its
            // ringing brings.
            return Ok(());
        }
        if !outstanding.running {
            if now.saturating_duration_since(slot.next_since) >= CLAIM_TIME {
                // Stopped, or wedged. What it had goes to others; should it
                // claim a task in this very moment, it lives.
                let back = slot.take_back()?;
                self.queue.put_back(back.into_iter());
                if slot.sent.is_empty() {
                    slot.kill(None);
                }
            } else if now >= slot.next_since + slot.look_after {
                slot.look_after *= 2;
            }
            return Ok(());
        }
        let since = slot.is_running(now);
        let ran = now.saturating_duration_since(since);
        let Some(task) = slot.sent.front() else {
            return Ok(());
        };
        let limits = &task.template.limits;
        let why = if task.is_cancelled() {
            Some(Lost::Cancelled)
        } else if limits.timeout.value.is_some_and(|timeout| ran >= timeout) {
            Some(Lost::Timeout)
        } else if limits
            .cpu_time
            .value
            .is_some_and(|limit| slot.cpu_time().is_some_and(|used| used >= limit))
        {
            Some(Lost::CpuLimit)
        } else {
            None
        };
        if why.is_some() || outstanding.unclaimed > 0 && ran >= STRANDED_AFTER {
            let back = slot.take_back()?;
            self.queue.put_back(back.into_iter());
        }
        if let Some(why) = why {
            self.end_task(slot, why, now)?;
        }
        Ok(())
    }

    /// Ends the running task: its worker is told to, or killed.
    fn end_task(&mut self, slot: &mut Slot, why: Lost, now: Instant) -> Result<(), Violation> {
        // An answer that was published before this decision stands.
        if slot.ring.outstanding()?.answered > 0 {
            return Ok(());
        }
        let interrupt = slot
            .sent
            .front()
            .map(|task| ToChild::Interrupt { task: task.id });
        if self.config.interrupt == Interrupt::Epoch
            && let Some(message) = interrupt
            && slot.control.send(&encode(&message), &[], false).is_ok()
        {
            slot.phase = Phase::Interrupted {
                why,
                until: now + GRACE,
            };
        } else {
            slot.kill(Some(why));
        }
        Ok(())
    }

    /// Collects what a dead worker leaves: its answers stand, the task that it
    /// ran is lost, the others go back to the queue.
    fn reap(&mut self, slot: &mut Slot, now: Instant) -> bool {
        let Some(ended) = slot.child.ended() else {
            return false;
        };
        let was_starting = matches!(slot.phase, Phase::Starting { .. });
        let verdict = match &slot.phase {
            Phase::Dying { why: Some(why) } => Some(why.clone()),
            _ => None,
        };
        if verdict.is_none() {
            // It died by itself, or had nothing to do: its last words count.
            let phase = std::mem::replace(&mut slot.phase, Phase::Ready { since: now });
            if was_starting {
                slot.phase = phase;
            }
            self.hear(slot);
            self.take_answers(slot, now);
        }
        self.settle_the_running(slot, verdict, ended, now);
        self.queue
            .put_back(std::mem::take(&mut slot.sent).into_iter());
        if was_starting || slot.complaint.is_some() {
            self.start_failed(slot, ended);
        }
        true
    }

    fn settle_the_running(
        &mut self,
        slot: &mut Slot,
        verdict: Option<Lost>,
        ended: Ended,
        now: Instant,
    ) {
        let was_running = match &verdict {
            // A ring that broke the rules says nothing any more.
            Some(Lost::Violation(_)) => !slot.sent.is_empty(),
            Some(_) => true,
            None => slot
                .ring
                .outstanding()
                .is_ok_and(|outstanding| outstanding.running),
        };
        if !was_running || slot.sent.is_empty() {
            return;
        }
        slot.is_running(now);
        let lost = verdict.unwrap_or(Lost::Died(ended));
        if let Some(task) = slot.sent.pop_front() {
            let observed = Observed {
                cpu_time: None,
                ..slot.observed(&task, now)
            };
            let outcome = settle::lost(&task, &lost, observed, &self.config.limits, None);
            self.finish(slot.serial, task, outcome);
        }
    }

    fn start_failed(&mut self, slot: &Slot, ended: Ended) {
        *self.failed_starts += 1;
        if *self.failed_starts >= super::dispatcher::MAX_FAILED_STARTS {
            let said = slot
                .complaint
                .clone()
                .unwrap_or_else(|| format!("it ended: {ended:?}"));
            self.broken
                .get_or_insert(format!("a worker cannot start: {said}"));
        }
    }
}

fn give_room(slot: &mut Slot, len: u64) -> Result<(), Violation> {
    let task = slot
        .sent
        .front()
        .ok_or(Violation("it wants room for no task"))?;
    if slot.room.is_some() {
        return Err(Violation("it wants room twice"));
    }
    if len > task.most_answer_bytes() {
        return Err(Violation("it wants room for more than its task may answer"));
    }
    // The host's own trouble is not the worker's: it waits, and its task's
    // deadline ends that.
    let Ok(file) = memfd_sized("sandpool-answer", len) else {
        return Ok(());
    };
    let _ = slot
        .control
        .send(&encode(&ToChild::Room { len }), &[file.as_fd()], false);
    slot.room = Some(File::from(file));
    Ok(())
}

fn take_room(slot: &mut Slot, len: u64) -> Result<Vec<u8>, Violation> {
    let file = slot
        .room
        .take()
        .ok_or(Violation("it answered in room it was not given"))?;
    let fits = file.metadata().is_ok_and(|metadata| metadata.len() == len);
    if !fits {
        return Err(Violation("it answered in room of another size"));
    }
    memfd_read_at(&file, len).map_err(|_| Violation("the answer's room cannot be read"))
}

/// The worker keeps the limit of a task's log; a little beyond it, the host
/// does.
fn spend_log(slot: &mut Slot, bytes: usize) -> Result<(), Violation> {
    const SLACK: u64 = 64 * 1024;
    slot.log_bytes += bytes as u64 + 16;
    let limit = slot
        .sent
        .front()
        .and_then(|task| task.template.limits.log.value);
    match limit {
        Some(limit) if slot.log_bytes > limit.saturating_add(SLACK) => {
            Err(Violation("it logs more than its task may"))
        }
        _ => Ok(()),
    }
}

impl Slot {
    /// Dying for a reason that makes its further answers void.
    fn is_doomed(&self) -> bool {
        matches!(self.phase, Phase::Dying { why: Some(_) })
    }

    /// When it has to be looked at again, whatever it does.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Starting { since } => Some(*since + START_TIME),
            Phase::Interrupted { until, .. } => Some(*until),
            Phase::Dying { .. } => None,
            Phase::Ready { .. } => {
                let task = self.sent.front()?;
                let Some(since) = self.running else {
                    return Some(self.next_since + self.look_after.min(CLAIM_TIME));
                };
                let limits = &task.template.limits;
                let deadline = limits
                    .timeout
                    .value
                    .and_then(|timeout| since.checked_add(timeout));
                let stranded = (self.sent.len() > 1).then(|| since + STRANDED_AFTER);
                let cpu = limits.cpu_time.value.map(|_| Instant::now() + CPU_INTERVAL);
                [deadline, stranded, cpu].into_iter().flatten().min()
            }
        }
    }
}
