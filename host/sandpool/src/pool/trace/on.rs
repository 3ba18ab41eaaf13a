//! Reports a call that is made within a span to the subscriber of that span, and everything
//! else to the subscriber of the pool, on whichever thread it happens.

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::dispatcher::{self, Dispatch};
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Level, Span, debug, debug_span, event, info, info_span, warn};

use super::{TaskReport, WorkerExit};
use crate::guard::guard;
use crate::outcome::{HttpExchange, Verdict};
use sandpool_value::Printable;

/// A span whose end is reported safely: a panic of the subscriber ends nothing.
#[derive(Clone)]
struct GuardedSpan(Span);

impl GuardedSpan {
    fn none() -> Self {
        GuardedSpan(Span::none())
    }
}

impl Drop for GuardedSpan {
    fn drop(&mut self) {
        let span = mem::replace(&mut self.0, Span::none());
        // A subscriber closes the parents of a span by way of the thread's current one.
        if let Some(subscriber) = span.with_subscriber(|(_, subscriber)| subscriber.clone()) {
            guard("tracing subscriber", || {
                dispatcher::with_default(&subscriber, || drop(span));
            });
        }
    }
}

/// A subscriber, and one of its spans, which other spans and events belong to.
#[derive(Clone)]
struct Reporter {
    subscriber: Dispatch,
    span: GuardedSpan,
}

impl Reporter {
    /// Returns this thread's subscriber and span; `None` without a subscriber.
    #[inline]
    fn current() -> Option<Self> {
        match LevelFilter::current() == LevelFilter::OFF {
            true => None,
            false => Self::of_thread(),
        }
    }

    #[cold]
    fn of_thread() -> Option<Self> {
        let subscriber = dispatcher::get_default(Dispatch::clone);
        (!subscriber.is::<NoSubscriber>()).then(|| Reporter {
            subscriber,
            span: GuardedSpan(Span::current()),
        })
    }

    /// Calls the subscriber, whose panics end here.
    fn report(&self, report: impl FnOnce(&Span)) {
        guard("tracing subscriber", || {
            dispatcher::with_default(&self.subscriber, || report(&self.span.0));
        });
    }
}

/// The span of a pool, which lasts as long as the pool.
pub(crate) struct PoolSpan(Option<Reporter>);

impl PoolSpan {
    pub(crate) fn new(processes: usize) -> Self {
        let mut reporter = Reporter::current();
        if let Some(reporter) = &mut reporter {
            let mut span = GuardedSpan::none();
            reporter.report(|_| span.0 = info_span!("pool", processes));
            reporter.span = span;
        }
        PoolSpan(reporter)
    }

    /// Returns the span that the tasks of a call belong to: the caller's, or else the
    /// pool's.
    #[inline]
    pub(crate) fn caller(&self) -> Caller {
        match LevelFilter::current() == LevelFilter::OFF {
            true => Caller(None),
            false => Caller(self.reporter_of_caller().map(Box::new)),
        }
    }

    /// Each span goes with its own subscriber: to another one it means nothing. The thread
    /// of the caller need not have a subscriber.
    #[cold]
    fn reporter_of_caller(&self) -> Option<Reporter> {
        match Reporter::of_thread() {
            Some(caller) if !caller.span.0.is_none() => Some(caller),
            caller => self.0.clone().or(caller),
        }
    }

    /// Returns the subscriber that is told of workers: the pool's, or else a global one
    /// that was set after the pool was built.
    fn of_workers(&self) -> Option<Reporter> {
        self.0.clone().or_else(Reporter::current)
    }
}

/// The span that the tasks of a call belong to; none where nobody subscribes.
pub(crate) struct Caller(Option<Box<Reporter>>);

impl Caller {
    /// Returns `true` if a subscriber may want to know how the tasks end.
    #[inline]
    pub(crate) fn is_reported(&self) -> bool {
        self.0.is_some()
    }
}

/// The spans of tasks that are submitted together, in their order; none where nobody
/// subscribes. Each lasts from the submission of its task to the handing over of its
/// outcome.
#[derive(Default)]
pub(crate) struct TaskSpans(Mutex<Vec<GuardedSpan>>);

impl TaskSpans {
    /// Begins the span of the next task.
    #[inline]
    pub(crate) fn begin(&mut self, caller: &Caller, function: &str, name: Option<&str>) {
        if let Some(caller) = &caller.0 {
            self.begin_for(caller, function, name);
        }
    }

    #[cold]
    fn begin_for(&mut self, caller: &Reporter, function: &str, name: Option<&str>) {
        let mut span = GuardedSpan::none();
        caller.report(|parent| {
            span.0 = debug_span!(
                parent: parent,
                "task",
                function,
                name,
                index = Empty,
                verdict = Empty,
                attempts = Empty,
                worker_pid = Empty,
                queue_wait_us = Empty,
                run_time_us = Empty,
            );
        });
        self.spans().push(span);
    }

    /// Appends the spans of others.
    #[inline]
    pub(crate) fn append(&mut self, others: &mut TaskSpans) {
        let others = others.spans();
        if !others.is_empty() {
            self.spans().append(others);
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.spans().clear();
    }

    #[inline]
    fn spans(&mut self) -> &mut Vec<GuardedSpan> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the outcome of the task in this place, and ends its span.
    #[cold]
    pub(crate) fn end(&self, caller: &Caller, place: usize, task: &TaskReport<'_>) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A task that was never sent may have none.
        let span = spans.get_mut(place).map_or_else(GuardedSpan::none, |span| {
            mem::replace(span, GuardedSpan::none())
        });
        drop(spans);
        if let Some(caller) = &caller.0 {
            caller.report(|parent| {
                record(&span.0, task);
                tell(if span.0.is_none() { parent } else { &span.0 }, task);
            });
        }
    }
}

fn record(span: &Span, task: &TaskReport<'_>) {
    span.record("index", task.index);
    span.record("verdict", task.verdict.name());
    span.record("attempts", task.attempts);
    span.record("queue_wait_us", micros(task.queue_wait));
    if let Some(pid) = task.worker_pid {
        span.record("worker_pid", pid);
    }
    if let Some(run_time) = task.run_time {
        span.record("run_time_us", micros(run_time));
    }
}

/// Tells what a task was refused and what it asked of others, and its verdict. Texts may be the guest's, so control
/// characters are escaped.
fn tell(parent: &Span, task: &TaskReport<'_>) {
    let TaskReport {
        module,
        function,
        index,
        ..
    } = *task;
    for refusal in task.refusals {
        warn!(parent: parent, module, function, index, %refusal, "task was refused something");
    }
    for HttpExchange {
        method,
        origin,
        status,
        sent,
        received,
    } in task.http
    {
        // Both texts are the host's own, of what a rule allows.
        let (method, origin, status) = (method.as_str(), origin.as_str(), *status);
        debug!(
            parent: parent, module, function, index, method, origin, status, sent, received,
            "task made an HTTP request"
        );
    }
    macro_rules! verdict {
        ($level:expr) => {
            event!(
                parent: parent,
                $level,
                module,
                function,
                index,
                verdict = task.verdict.name(),
                error = task.error.map(|error| display(Printable(error))),
                "task ended"
            )
        };
    }
    match task.verdict {
        Verdict::Ok => verdict!(Level::DEBUG),
        _ => verdict!(Level::INFO),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The spans of a pool's workers, by serial. Each lasts from its worker's start until the
/// worker is gone.
#[derive(Default)]
pub(crate) struct WorkerSpans(HashMap<u64, Reporter>);

impl WorkerSpans {
    pub(crate) fn started(&mut self, pool: &PoolSpan, serial: u64, pid: u32, module: &str) {
        let Some(mut worker) = pool.of_workers() else {
            return;
        };
        let mut span = GuardedSpan::none();
        worker.report(|pool| {
            span.0 = info_span!(parent: pool, "worker", pid, module);
            info!(parent: &span.0, pid, module, "worker started");
        });
        worker.span = span;
        self.0.insert(serial, worker);
    }

    pub(crate) fn not_started(&self, pool: &PoolSpan, module: &str, why: &str) {
        if let Some(pool) = pool.of_workers() {
            pool.report(|pool| {
                warn!(parent: pool, module, why = %Printable(why), "worker not started");
            });
        }
    }

    pub(crate) fn ended(&mut self, serial: u64, exit: &WorkerExit) {
        let Some(worker) = self.0.remove(&serial) else {
            return;
        };
        worker.report(|span| match exit {
            WorkerExit::Dismissed => debug!(parent: span, "worker dismissed"),
            WorkerExit::Killed(why) => {
                warn!(parent: span, why = %Printable(why), "worker killed");
            }
            WorkerExit::Left => warn!(parent: span, "worker died"),
        });
    }
}

/// The reason why a worker was killed, if it was.
#[derive(Default)]
pub(crate) struct KillNote(Option<Option<Cow<'static, str>>>);

impl KillNote {
    /// Notes that the worker was killed, and why, if not for want of work. The first
    /// reason stands.
    pub(crate) fn note(&mut self, why: impl FnOnce() -> Option<Cow<'static, str>>) {
        self.0.get_or_insert_with(why);
    }

    pub(crate) fn exit(&self) -> WorkerExit {
        match &self.0 {
            None => WorkerExit::Left,
            Some(None) => WorkerExit::Dismissed,
            Some(Some(why)) => WorkerExit::Killed(why.clone()),
        }
    }
}
