//! Processes the events of one worker: takes its answers, reads its messages, keeps its
//! deadlines and reaps it. Runs under the pool's lock, on the thread of the dispatcher or
//! of a caller that polls.

use std::time::Instant;

use super::answer_check::{self, Circumstances};
use super::blame;
use super::handle::{Phase, WorkerHandle};
use super::session_end;
use crate::pool::broker::{Grantor, HttpRequests, ReadProgress, Requests};
use crate::pool::config::Config;
use crate::pool::keys::SessionEnd;
use crate::pool::output::Outbox;
use crate::pool::scheduler::{Blame, Fault, Queue};
use crate::pool::tasks::{Lost, Observed, Raw, Task, TaskCount, TaskResult, outcome};
use sandpool_protocol::Violation;
use sandpool_protocol::compact;
use sandpool_protocol::frame::{AnswerHeader, Payload, TaskEnd, split};
use sandpool_protocol::ring::LARGE_PAYLOAD;
use sandpool_sys::{ChildExit, MAX_MESSAGE, OomKills};

/// The number of rounds of reading from a worker that is dead or has answered its task.
const LAST_ROUNDS: usize = 64;

/// The events of one worker that the poller reported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PollEvents {
    pub(crate) rang: bool,
    pub(crate) spoke: bool,
    pub(crate) ended: bool,
}

impl PollEvents {
    /// Returns `true` if there is any event.
    pub(crate) fn any(self) -> bool {
        self.rang || self.spoke || self.ended
    }
}

/// The buffers that all workers of a pool share.
pub(crate) struct Buffers {
    /// The buffer that messages are received in.
    pub(super) message: Box<[u8]>,
    /// The buffer that answers are copied to before they are read.
    answer: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers {
            message: vec![0; MAX_MESSAGE].into(),
            answer: Vec::new(),
        }
    }
}

/// One look at one worker.
pub(crate) struct WorkerCheck<'a> {
    pub(crate) config: &'a Config,
    pub(crate) queue: &'a mut Queue,
    pub(crate) tasks: &'a mut TaskCount,
    pub(crate) out: &'a mut Outbox,
    pub(crate) buffers: &'a mut Buffers,
    pub(crate) oom_kills: &'a mut OomKills,
    pub(crate) findings: Findings,
}

/// The findings of a look that concern more than this worker.
#[derive(Default)]
pub(crate) struct Findings {
    /// `true` if the worker has become ready.
    pub(crate) ready: bool,
    /// The reason why the worker could not start.
    pub(crate) fault: Option<Fault>,
    /// The reason why the worker's key is broken.
    pub(crate) breaks_key: Option<String>,
    /// The reason why the pool is broken.
    pub(crate) broken: Option<String>,
    /// The reason why the worker's session is over.
    pub(crate) session_end: Option<SessionEnd>,
}

impl WorkerCheck<'_> {
    /// Processes the events of a worker; returns `true` if the worker is gone.
    pub(crate) fn process_events(
        &mut self,
        worker: &mut WorkerHandle,
        events: PollEvents,
        now: Instant,
    ) -> bool {
        if events.rang {
            worker.bell.clear();
        }
        if !worker.is_doomed() {
            if events.spoke {
                self.read_messages(worker, now);
            }
            let asked = self.process_requests(worker, now) | self.process_http(worker, now);
            self.take_answers(worker, now);
            if let Err(violation) = worker.pace.count_ring(events.rang, asked) {
                worker.kill(Some(Lost::Violation(violation)));
            }
            worker.pace.keep(now);
            self.keep_time(worker, now);
        }
        events.ended && self.reap(worker, now)
    }

    /// Processes the requests of the worker's tasks for shared objects; returns `true` if
    /// there were any.
    fn process_requests(&mut self, worker: &mut WorkerHandle, now: Instant) -> bool {
        if worker.requests.is_none() {
            return false;
        }
        match self.process_requests_by_task(worker, now) {
            Ok(asked) => asked,
            Err(violation) => {
                worker.kill(Some(Lost::Violation(violation)));
                false
            }
        }
    }

    /// Processes the HTTP requests of the worker's tasks; returns `true` if there was
    /// anything to do.
    fn process_http(&mut self, worker: &mut WorkerHandle, now: Instant) -> bool {
        if worker.http.is_none() {
            return false;
        }
        match self.process_http_by_task(worker, now) {
            Ok(asked) => asked,
            Err(violation) => {
                worker.kill(Some(Lost::Violation(violation)));
                false
            }
        }
    }

    fn process_http_by_task(
        &mut self,
        worker: &mut WorkerHandle,
        now: Instant,
    ) -> Result<bool, Violation> {
        let mut asked = false;
        while worker.http.as_ref().is_some_and(HttpRequests::has_news) {
            asked = true;
            match worker.read_http()? {
                ReadProgress::All | ReadProgress::More => break,
                // The worker has answered the task before, and gone on to this one.
                ReadProgress::Next if self.take_answer(worker, now)? => {}
                ReadProgress::Next => {
                    return Err(Violation("it asks for a task that it does not run"));
                }
            }
        }
        Ok(asked)
    }

    fn process_requests_by_task(
        &mut self,
        worker: &mut WorkerHandle,
        now: Instant,
    ) -> Result<bool, Violation> {
        let mut asked = false;
        while worker.requests.as_ref().is_some_and(Requests::has_more) {
            asked = true;
            let outstanding = worker.window.outstanding()?;
            if !outstanding.running && outstanding.answered == 0 {
                return Err(Violation("it asks for a task that it has not claimed"));
            }
            match self.read_running_requests(worker)? {
                ReadProgress::All | ReadProgress::More => break,
                // The worker has answered the task before, and gone on to this one.
                ReadProgress::Next if self.take_answer(worker, now)? => {}
                ReadProgress::Next => {
                    return Err(Violation("it asks for a task that it does not run"));
                }
            }
        }
        if let Some(requests) = &worker.requests {
            asked |= requests.write_on()?;
        }
        Ok(asked)
    }

    /// Reads the requests of the oldest sent task.
    fn read_running_requests(
        &mut self,
        worker: &mut WorkerHandle,
    ) -> Result<ReadProgress, Violation> {
        let mut granted = Grantor {
            shares: &self.config.shares,
            worker_pid: worker.pid(),
            calls: &mut self.out.host_calls,
        };
        match (&mut worker.requests, worker.window.oldest()) {
            (Some(requests), Some(task)) => requests.read(task, &mut granted),
            _ => Ok(ReadProgress::All),
        }
    }

    /// Takes the answers that are there.
    fn take_answers(&mut self, worker: &mut WorkerHandle, now: Instant) {
        while worker.window.has_answer() && !worker.is_doomed() {
            // A guest's log lines are delivered before its outcome.
            let sends_messages = worker
                .window
                .oldest()
                .is_some_and(|task| task.template().worker_key.module.sends_messages());
            if sends_messages && (!self.read_messages(worker, now) || worker.is_doomed()) {
                return;
            }
            match self.take_answer(worker, now) {
                Ok(true) => {}
                Ok(false) => return,
                Err(violation) => worker.kill(Some(Lost::Violation(violation))),
            }
        }
    }

    /// Takes the next answer, if there is one.
    pub(super) fn take_answer(
        &mut self,
        worker: &mut WorkerHandle,
        now: Instant,
    ) -> Result<bool, Violation> {
        if !worker.window.has_answer() {
            return Ok(false);
        }
        // The requests that the task made before it answered come first. There are no more
        // than the exchange has room for.
        let mut rounds = 0..LAST_ROUNDS;
        while self.read_running_requests(worker)? == ReadProgress::More {
            rounds
                .next()
                .ok_or(Violation("it asks on after it has answered"))?;
        }
        // Of its HTTP requests those that are there, so that its refusals are complete.
        worker.read_http()?;
        // All answers but large ones share one buffer.
        let mut payload = std::mem::take(&mut self.buffers.answer);
        payload.clear();
        let most = |task: &Task| task.most_answer_bytes(self.config.stdio);
        if !worker.window.read_answer(&mut payload, most)? {
            self.buffers.answer = payload;
            return Ok(false);
        }
        if payload.len() <= LARGE_PAYLOAD {
            let taken = self.take(worker, &payload, now);
            self.buffers.answer = payload;
            return taken;
        }
        let (header, raw) = read(&payload)?;
        let start = payload.len() - raw.len();
        let raw = Raw::Owned {
            frame: payload,
            start,
        };
        self.take_read(worker, header, raw, now)
    }

    /// Takes the answer in `payload`.
    fn take(
        &mut self,
        worker: &mut WorkerHandle,
        payload: &[u8],
        now: Instant,
    ) -> Result<bool, Violation> {
        if let Payload::InFile { len, .. } = Payload::read(payload)? {
            let frame = worker.allowance.take_room(len)?;
            let (header, raw) = split::<AnswerHeader>(&frame)?;
            let start = frame.len() - raw.len();
            return self.take_read(worker, header, Raw::Owned { frame, start }, now);
        }
        let (header, raw) = read(payload)?;
        self.take_read(worker, header, Raw::Shared(raw), now)
    }

    fn take_read(
        &mut self,
        worker: &mut WorkerHandle,
        mut header: AnswerHeader,
        raw: Raw<'_>,
        now: Instant,
    ) -> Result<bool, Violation> {
        header.parts(raw.bytes())?;
        if header.end == TaskEnd::HostFunction {
            // The host knows better than any worker.
            let failure = worker.requests.as_ref().and_then(Requests::take_failure);
            let failure = failure.ok_or(Violation("no call of the host failed"))?;
            header.message = Some(failure);
        }
        let interrupted = matches!(worker.phase(), Phase::Interrupted { .. });
        let task = worker
            .window
            .oldest_mut()
            .ok_or(Violation("it answered a task it was not sent"))?;
        if header.task != task.id {
            return Err(Violation("it answered another task than it claimed"));
        }
        let end = header.end;
        let known = Circumstances {
            initializer: self.config.initializer.is_some(),
            interrupted,
            stdio: self.config.stdio,
        };
        answer_check::check(task, &header, &known)?;
        worker.end_http();
        worker.is_running(now);
        let Some(task) = worker.window.oldest() else {
            return Ok(false);
        };
        // A call that denies functions to its own task says nothing about the key.
        let is_narrowed = task.template().narrows_host_calls(&self.config.tools);
        let observed = worker.observed(task, Some(header.run_time), now);
        let was_interrupted = match (worker.phase(), end) {
            (Phase::Interrupted { why, .. }, TaskEnd::Interrupted) => Some(why.clone()),
            _ => None,
        };
        let limits = &self.config.limits;
        let ended = match was_interrupted {
            Some(why) => {
                let outcome = outcome::lost(task, &why, observed, limits, header.message);
                TaskResult::full(outcome)
            }
            None => outcome::answered(task, header, raw, observed, self.config.stdio, limits)?,
        };
        if self.config.initializer.is_some() && !is_narrowed {
            self.count_initializer(worker, end, &ended);
        }
        if interrupted {
            // Whatever it answered, the worker lives on.
            worker.becomes_ready(now);
        }
        worker.end_requests(!ended.is_ok());
        if worker.is_in_session() && !session_end::leaves_instance(end) {
            self.session_ends_with(&ended);
        }
        if let Some(task) = worker.window.pop() {
            self.finish(worker.serial(), task, ended);
        }
        worker.pace.count_answer();
        worker.becomes_next(now);
        Ok(true)
    }

    /// Counts the results of the initializer. One that fails time after time breaks the
    /// key, since every task of the key would fail by it.
    fn count_initializer(&mut self, worker: &WorkerHandle, end: TaskEnd, ended: &TaskResult) {
        let health = &worker.worker_key().health;
        match (end, ended) {
            (TaskEnd::Initializer, TaskResult::Full(outcome)) => {
                if health.initializer_failed() {
                    let text = outcome.error.clone().unwrap_or_default();
                    self.findings.breaks_key.get_or_insert(text);
                }
            }
            (TaskEnd::Initializer | TaskEnd::Interrupted, _) => {}
            _ => health.initializer_succeeded(),
        }
    }

    fn finish(&mut self, serial: u64, mut task: Task, mut ended: TaskResult) {
        if let TaskResult::Full(outcome) = &mut ended
            && let Some(delay) = task.wants_retry(outcome)
        {
            return self.queue.put_back_after(task, delay);
        }
        self.tasks.finish(1);
        self.out.finish(Some(serial), task.end(ended));
    }

    /// Reaps a dead worker and settles its tasks: its answers stand, the task that it ran
    /// is lost, the others go back to the queue.
    fn reap(&mut self, worker: &mut WorkerHandle, now: Instant) -> bool {
        let Some(ended) = worker.child.ended() else {
            return false;
        };
        let was_starting = matches!(worker.phase(), Phase::Starting { .. });
        // A worker that ended before it took a task is counted as a failed start. Otherwise
        // its successors could end in the same way for ever.
        let failed_early = match worker.phase() {
            Phase::Dying { why: None, .. } => worker.start_up.hung_up_early(),
            Phase::Dying { why: Some(why), .. } => matches!(why, Lost::Violation(_)),
            _ => true,
        };
        if worker.verdict().is_none() {
            // The worker died by itself, or had no task: its last messages count.
            if !was_starting {
                worker.becomes_ready(now);
            }
            // All messages are read, or its last answer would be passed over. A dead worker's
            // socket holds only so many.
            for _ in 0..LAST_ROUNDS {
                if self.read_messages(worker, now) {
                    break;
                }
            }
            self.take_answers(worker, now);
        }
        // Includes a violation that was found in its last messages.
        let verdict = worker.verdict();
        self.end_running_task(worker, verdict, ended, now);
        if worker.is_in_session() && worker.has_worked() {
            let why = self.why_killed(worker, ended);
            self.session_is_lost(outcome::why_died(ended, why.as_deref()));
        }
        self.queue.put_back(worker.window.drain().into_iter());
        if was_starting
            || worker.start_up.complaint().is_some()
            || failed_early && !worker.has_worked()
        {
            self.findings.fault = Some(self.why_not_started(worker, ended));
        }
        true
    }

    fn why_not_started(&mut self, worker: &WorkerHandle, ended: ChildExit) -> Fault {
        if let Some(complaint) = worker.start_up.complaint() {
            return complaint.clone();
        }
        match worker.phase() {
            Phase::Dying {
                why: Some(Lost::Violation(violation)),
                ..
            } => Fault::no_start(Blame::Pool, violation),
            _ => {
                let killed_for = self.why_killed(worker, ended);
                blame::fault(ended, killed_for, worker.start_up.is_greeted(), self.config)
            }
        }
    }

    /// Returns the reason why the worker was killed, if the system gives one.
    fn why_killed(&mut self, worker: &WorkerHandle, ended: ChildExit) -> Option<String> {
        match ended {
            ChildExit::Killed(libc::SIGKILL) => {
                self.oom_kills.one_more(worker.start_up.oom_kills())
            }
            _ => None,
        }
    }

    fn end_running_task(
        &mut self,
        worker: &mut WorkerHandle,
        verdict: Option<Lost>,
        ended: ChildExit,
        now: Instant,
    ) {
        let verdict = match (verdict, worker.window.outstanding()) {
            (None, Ok(outstanding)) if !outstanding.running => return,
            (None, Ok(_)) => Lost::Died(ended, self.why_killed(worker, ended)),
            // A ring that broke the rules cannot be believed any more.
            (None, Err(violation)) => Lost::Violation(violation),
            (Some(verdict), _) => verdict,
        };
        if worker.window.is_empty() {
            return;
        }
        if !matches!(verdict, Lost::Violation(_)) {
            // The items that the guest has put are kept.
            while matches!(self.read_running_requests(worker), Ok(ReadProgress::More)) {}
        }
        worker.end_requests(true);
        worker.end_http();
        worker.is_running(now);
        if let Some(task) = worker.window.pop() {
            let observed = Observed {
                cpu_time: None,
                ..worker.observed(&task, None, now)
            };
            let outcome = outcome::lost(&task, &verdict, observed, &self.config.limits, None);
            let ended = TaskResult::full(outcome);
            if worker.is_in_session() {
                self.session_ends_with(&ended);
            }
            self.finish(worker.serial(), task, ended);
        }
    }
}

/// Reads an answer that lies in the ring.
fn read(payload: &[u8]) -> Result<(AnswerHeader, &[u8]), Violation> {
    match Payload::read(payload)? {
        Payload::Compact(bytes) => compact::read_answer(bytes),
        Payload::Inline(frame) => split(frame),
        Payload::InFile { .. } => Err(Violation("a payload's number cannot be read")),
    }
}

impl WorkerHandle {
    /// Returns the verdict about the running task, if there is one yet.
    pub(super) fn verdict(&self) -> Option<Lost> {
        match self.phase() {
            Phase::Dying { why, .. } => why.clone(),
            // The worker was told to end its task, and died of that or of something else.
            Phase::Interrupted { why, .. } => Some(why.clone()),
            Phase::Starting { .. } | Phase::Ready { .. } => None,
        }
    }

    /// Returns `true` if the worker is dying for a reason that voids its further answers.
    fn is_doomed(&self) -> bool {
        matches!(self.phase(), Phase::Dying { why: Some(_), .. })
    }
}
