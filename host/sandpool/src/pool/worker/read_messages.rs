//! Reads a worker's messages on its control socket.
//!
//! Every message is checked against the host's books about that worker: a message that
//! comes out of turn is a violation.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use super::handle::{Phase, WorkerHandle};
use super::worker_check::WorkerCheck;
use crate::pool::output::{CallbackJob, LogRecord, ProgressReport};
use crate::pool::scheduler::{Blame, Fault};
use crate::pool::tasks::Lost;
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ChildFailure, FromChild, Says, ToChild, decode, encode};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::settings::Stdio;
use sandpool_sys::in_force::{InForce, Scarce};
use sandpool_sys::{Received, full_of_processes, memfd_sized};
use sandpool_value::Printable;

/// The number of messages that are read from one worker before others have their turn.
const MESSAGES_AT_ONCE: usize = 64;

impl WorkerCheck<'_> {
    /// Reads the messages on the control socket; returns `true` if none is left.
    pub(super) fn read_messages(&mut self, worker: &mut WorkerHandle, now: Instant) -> bool {
        for _ in 0..MESSAGES_AT_ONCE {
            let heard = match worker.control.receive_bytes(&mut self.buffers.message) {
                Ok(Received::Message(len, _)) => self.understand(worker, len, now),
                Ok(Received::Nothing) => return true,
                Ok(Received::HungUp) => {
                    self.hung_up(worker, now);
                    return true;
                }
                Err(_) => Err(Violation("a control message is too long")),
            };
            if let Err(violation) = heard {
                worker.kill(Some(Lost::Violation(violation)));
            }
            if worker.is_dying() {
                return true;
            }
        }
        false
    }

    /// Notes that the worker has hung up. Its end is seen elsewhere; a worker that only
    /// closed its socket is ended here, after the answers that it left are taken.
    fn hung_up(&mut self, worker: &mut WorkerHandle, now: Instant) {
        worker.start_up.hang_up();
        let why = loop {
            match self.take_answer(worker, now) {
                Ok(true) => {}
                Ok(false) => break worker.verdict(),
                Err(violation) => break Some(Lost::Violation(violation)),
            }
        };
        match why {
            Some(why) => worker.kill(Some(why)),
            None => worker.lets_leave(now),
        }
    }

    fn understand(
        &mut self,
        worker: &mut WorkerHandle,
        len: usize,
        now: Instant,
    ) -> Result<(), Violation> {
        let bytes = &self.buffers.message[..len];
        if !worker.start_up.is_greeted() {
            let hello = Hello::decode(bytes).ok_or(Violation("its first message is no hello"))?;
            if let Err(complaint) = hello.check() {
                // Another binary will not turn up by itself.
                self.findings.broken = Some(complaint);
            }
            worker.start_up.greet();
            return Ok(());
        }
        match (decode(bytes)?, worker.phase()) {
            (FromChild::Ready { report }, Phase::Starting { .. }) => {
                self.out.reports.push(report);
                worker.becomes_ready(now);
                self.findings.ready = true;
                Ok(())
            }
            (FromChild::Failed { reason, message }, Phase::Starting { .. }) => {
                if reason == ChildFailure::Artifact {
                    // The artifact was made for another CPU or by another build: nobody must
                    // find it again.
                    self.out
                        .bad_artifacts
                        .push(worker.worker_key().module.clone());
                }
                let hit = match reason {
                    ChildFailure::Limit(name) | ChildFailure::NoRoom(name) => {
                        self.config.limits.hit(name)
                    }
                    _ => None,
                };
                let mut why =
                    hit.map_or_else(|| Printable(&message).to_string(), |hit| hit.to_string());
                // The worker cannot see how full its cgroup is, but the host can.
                if let ChildFailure::Scarce(Scarce::Processes) = reason
                    && let Some(limit) =
                        full_of_processes().or_else(|| InForce::now().named(Scarce::Processes))
                {
                    why.push_str(&format!("; {limit}"));
                }
                let fault = Fault::no_start(blame(reason), why);
                worker.start_up.complain(fault);
                // The worker sends nothing more.
                worker.kill(None);
                Ok(())
            }
            (FromChild::Task { task, says }, _) => {
                // The worker may have answered the task before in the ring, and gone on to this
                // one.
                while worker.window.oldest().is_some_and(|front| front.id != task)
                    && self.take_answer(worker, now)?
                {}
                match worker.window.oldest() {
                    Some(front) if front.id == task => self.about_the_running(worker, says),
                    _ => Err(Violation("it speaks of a task that it does not run")),
                }
            }
            _ => Err(Violation("a control message came out of turn")),
        }
    }

    /// Processes a message about the oldest sent task.
    fn about_the_running(
        &mut self,
        worker: &mut WorkerHandle,
        says: Says,
    ) -> Result<(), Violation> {
        let outstanding = worker.window.outstanding()?;
        if !outstanding.running && outstanding.answered == 0 {
            return Err(Violation("it speaks of a task that it has not claimed"));
        }
        let task = worker
            .window
            .oldest()
            .ok_or(Violation("it speaks of no task"))?;
        let (task_index, function) = (task.index, task.template().function.to_string());
        match says {
            Says::WantRoom { len } => give_room(worker, len, self.config.stdio),
            Says::WantStdin if !task.inherits_stdin() => {
                Err(Violation("it wants stdin for a task that has none"))
            }
            Says::WantStdin => {
                worker.allowance.ask_for_stdin()?;
                self.out.want_stdin.push(worker.serial());
                Ok(())
            }
            Says::Log { level, message } => {
                spend_log(worker, message.len())?;
                if self.config.wants_log {
                    let record = LogRecord {
                        task_index,
                        function,
                        level,
                        message,
                    };
                    self.out.jobs.push((None, CallbackJob::Log(record)));
                }
                Ok(())
            }
            Says::Progress {
                done,
                total,
                message,
            } => {
                spend_log(worker, message.as_ref().map_or(0, String::len))?;
                if self.config.wants_progress {
                    let report = ProgressReport {
                        task_index,
                        function,
                        done,
                        total,
                        message,
                    };
                    self.out.jobs.push((None, CallbackJob::Progress(report)));
                }
                Ok(())
            }
        }
    }
}

/// Returns who is to blame for a failure that kept a worker from starting, by the worker's
/// own account.
fn blame(reason: ChildFailure) -> Blame {
    match reason {
        ChildFailure::Module
        | ChildFailure::Artifact
        | ChildFailure::Grants
        | ChildFailure::Limit(_) => Blame::Key,
        ChildFailure::System | ChildFailure::Sandbox | ChildFailure::NoRoom(_) => Blame::Pool,
        ChildFailure::Scarce(_) => Blame::Outside,
    }
}

fn give_room(worker: &mut WorkerHandle, len: u64, stdio: Stdio) -> Result<(), Violation> {
    let task = worker
        .window
        .oldest()
        .ok_or(Violation("it wants room for no task"))?;
    if worker.allowance.has_room() {
        return Err(Violation("it wants room twice"));
    }
    if len > task.most_answer_bytes(stdio) {
        return Err(Violation("it wants room for more than its task may answer"));
    }
    // A failure of the host is not the worker's fault: the worker waits, and its task's
    // deadline ends the wait.
    let Ok(file) = memfd_sized("sandpool-answer", len) else {
        return Ok(());
    };
    let message = encode(&ToChild::Room { len });
    match worker.control.send(&message, &[file.as_fd()], false) {
        // Without the memory file the task would wait for ever.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(Violation("it does not read what it is sent"));
        }
        // The end of a worker that is gone is noticed elsewhere.
        _ => {}
    }
    worker.allowance.give_room(File::from(file));
    Ok(())
}

/// Counts a message against the log limit of the running task.
fn spend_log(worker: &mut WorkerHandle, bytes: usize) -> Result<(), Violation> {
    let limit = worker
        .window
        .oldest()
        .and_then(|task| task.template().limits.log.value);
    worker.allowance.spend_log(bytes, limit)
}
