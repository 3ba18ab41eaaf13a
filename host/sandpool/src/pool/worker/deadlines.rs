//! Keeps the deadlines of a worker (for its start, for the claim of a task, for the running
//! task), and takes back the tasks that a long one would strand.

use std::time::{Duration, Instant};

use super::handle::{Phase, WorkerHandle};
use super::worker_check::WorkerCheck;
use crate::pool::scheduler::{Blame, Fault, STRANDED_AFTER};
use crate::pool::tasks::{Lost, Task};
use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::settings::Interrupt;
use sandpool_sys::process_cpu_time;

/// The time that a worker has to load its artifact; after that its start has failed.
const START_TIME: Duration = Duration::from_secs(30);

/// The time that a worker has to claim a task; after that it counts as stopped.
const CLAIM_TIME: Duration = Duration::from_secs(1);

/// The shortest and the longest time between two looks at a CPU clock. In between, the time
/// that the task has left sets the pace: a task uses no more CPU time than passes, apart
/// from the little that its worker's second thread uses.
const CPU_INTERVAL: Duration = Duration::from_millis(10);
const MIN_CPU_INTERVAL: Duration = Duration::from_millis(1);

impl WorkerCheck<'_> {
    /// Keeps the worker's deadlines, and takes back the tasks that a long one would strand.
    pub(super) fn keep_time(&mut self, worker: &mut WorkerHandle, now: Instant) {
        match worker.phase() {
            Phase::Starting { since } => {
                let too_long = now.saturating_duration_since(*since) >= START_TIME;
                let pid = worker.pid();
                if too_long || worker.start_up.stands_still(now, || process_cpu_time(pid)) {
                    let fault = worker.why_not_started(too_long);
                    worker.start_up.complain(fault);
                    worker.kill(None);
                }
            }
            Phase::Ready { .. } if worker.window.is_empty() => {
                if !worker.window.may_grow() {
                    worker.kill(None);
                } else if worker.gives_back().is_some_and(|due| now >= due) {
                    worker.window.give_back(now);
                }
            }
            Phase::Ready { .. } => {
                if let Err(violation) = self.keep_task_time(worker, now) {
                    worker.kill(Some(Lost::Violation(violation)));
                }
            }
            Phase::Interrupted { why, until } => {
                if now >= *until {
                    let why = why.clone();
                    worker.kill(Some(why));
                }
            }
            Phase::Dying { leaves_by, .. } => {
                if leaves_by.is_some_and(|by| now >= by) {
                    let violation = Violation("it hung up and went on");
                    worker.kill(Some(Lost::Violation(violation)));
                }
            }
        }
    }

    fn keep_task_time(&mut self, worker: &mut WorkerHandle, now: Instant) -> Result<(), Violation> {
        let outstanding = worker.window.outstanding()?;
        if outstanding.answered > 0 {
            // The claim came this very moment. The worker's ring leads to the next look, which
            // sees it.
            return Ok(());
        }
        if !outstanding.running {
            if worker.time_with_next(now) >= CLAIM_TIME {
                // The worker is stopped or stuck. Its tasks go to others; should it claim a
                // task in this very moment, it lives.
                let back = worker.take_back()?;
                self.queue.put_back(back.into_iter());
                if worker.window.is_empty() {
                    if worker.is_in_session() && worker.has_worked() {
                        self.session_is_lost("its worker took no task in time".into());
                    }
                    if !worker.has_worked() {
                        let fault = worker.why_not_claimed();
                        worker.start_up.complain(fault);
                    }
                    worker.kill_for("it took no task in time");
                }
            } else if now >= worker.clock.look_at() {
                worker.clock.looked();
            }
            return Ok(());
        }
        let since = worker.is_running(now);
        let ran = now.saturating_duration_since(since);
        let Some(task) = worker.window.oldest() else {
            return Ok(());
        };
        let limits = &task.template().limits;
        let why = if task.is_cancelled() {
            Some(Lost::Cancelled)
        } else if task.timeout().value.is_some_and(|timeout| ran >= timeout) {
            Some(Lost::Timeout)
        } else {
            let limit = limits.cpu_time.value;
            let used = limit.and_then(|_| worker.cpu_time());
            used.filter(|used| limit.is_some_and(|limit| *used >= limit))
                .map(Lost::CpuLimit)
        };
        if why.is_some() || outstanding.unclaimed > 0 && ran >= STRANDED_AFTER {
            let back = worker.take_back()?;
            self.queue.put_back(back.into_iter());
        }
        if let Some(why) = why {
            self.end_task(worker, why, now)?;
        }
        Ok(())
    }

    /// Ends the running task: interrupts the worker, or kills it.
    fn end_task(
        &mut self,
        worker: &mut WorkerHandle,
        why: Lost,
        now: Instant,
    ) -> Result<(), Violation> {
        // An answer that was published before this decision stands.
        if worker.window.outstanding()?.answered > 0 {
            return Ok(());
        }
        let interrupt = worker
            .window
            .oldest()
            .map(|task| ToChild::Interrupt { task: task.id });
        if self.config.interrupt == Interrupt::Epoch
            && let Some(message) = interrupt
            && worker.control.send(&encode(&message), &[], false).is_ok()
        {
            worker.is_interrupted(why, now);
        } else {
            worker.kill(Some(why));
        }
        Ok(())
    }
}

impl WorkerHandle {
    fn why_not_started(&self, too_long: bool) -> Fault {
        match (self.child.is_stopped(), too_long) {
            (true, _) => Fault::no_start(Blame::Outside, "it was stopped while it started"),
            (false, true) => Fault::no_start(Blame::Key, "it did not load its artifact within 30s"),
            (false, false) => {
                Fault::no_start(Blame::Pool, "it stood still for 5s while it started")
            }
        }
    }

    fn why_not_claimed(&self) -> Fault {
        match self.child.is_stopped() {
            true => Fault::no_start(Blame::Outside, "it was stopped before it took a task"),
            false => Fault::no_start(Blame::Pool, "it did not take its first task within 1s"),
        }
    }

    /// Returns `true` if the worker must be looked at even without an event. A CPU clock
    /// with a deadline is looked at on every occasion.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let limits_cpu = |task: &Task| task.template().limits.cpu_time.value.is_some();
        self.window.oldest().is_some_and(limits_cpu) || self.due().is_some_and(|due| due <= now)
    }

    /// Returns the time at which an idle worker gives back the memory of large payloads.
    fn gives_back(&self) -> Option<Instant> {
        self.window.gives_back(self.pace.last_answer())
    }

    /// Returns the time at which the worker must be looked at even without an event.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.phase() {
            Phase::Starting { since } => Some((*since + START_TIME).min(self.start_up.look_at())),
            Phase::Interrupted { until, .. } => Some(*until),
            Phase::Dying { leaves_by, .. } => *leaves_by,
            Phase::Ready { .. } => {
                let Some(task) = self.window.oldest() else {
                    return self.gives_back();
                };
                let Some(since) = self.clock.running() else {
                    return Some(self.clock.look_at());
                };
                let limits = &task.template().limits;
                let deadline = task
                    .timeout()
                    .value
                    .and_then(|timeout| since.checked_add(timeout));
                let stranded = (self.window.len() > 1).then(|| since + STRANDED_AFTER);
                let cpu = limits.cpu_time.value.map(|limit| {
                    let left = limit.saturating_sub(self.cpu_time().unwrap_or_default());
                    Instant::now() + left.clamp(MIN_CPU_INTERVAL, CPU_INTERVAL)
                });
                [deadline, stranded, cpu].into_iter().flatten().min()
            }
        }
    }
}
