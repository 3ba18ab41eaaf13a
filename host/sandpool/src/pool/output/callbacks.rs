//! The thread on which callbacks run: in the parent, one at a time, in the order in which
//! tasks ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::thread::{self, JoinHandle, ThreadId};

use crate::guard::guard;
use crate::pool::scheduler::StartTrouble;
use crate::pool::tasks::{Completion, TaskResult};
use sandpool_protocol::settings::LogLevel;
use sandpool_sys::stdio;
use sandpool_sys::thread_error;

/// A line that a guest logged; see [`PoolBuilder::on_log`](crate::PoolBuilder::on_log).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogRecord {
    /// The index of the task within its map; 0 for a single call.
    pub task_index: u64,
    /// The name of the function that ran.
    pub function: String,
    /// The importance of the line, by the guest's own account.
    pub level: LogLevel,
    /// The text, as the guest wrote it: it may hold control characters.
    pub message: String,
}

/// A guest's report of its progress; see
/// [`PoolBuilder::on_progress`](crate::PoolBuilder::on_progress).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProgressReport {
    /// The index of the task within its map; 0 for a single call.
    pub task_index: u64,
    /// The name of the function that runs.
    pub function: String,
    /// The number of steps that are done.
    pub done: u64,
    /// The number of steps in all, if the guest knows it.
    pub total: Option<u64>,
    /// A text about the current step, as the guest wrote it: it may hold control
    /// characters.
    pub message: Option<String>,
}

/// A function that is called with each log line.
type LogHandler = Box<dyn FnMut(LogRecord) + Send>;
/// A function that is called with each progress report.
type ProgressHandler = Box<dyn FnMut(ProgressReport) + Send>;
/// A function that is called when a pool has been without workers for a while.
type StartTroubleHandler = Box<dyn FnMut(StartTrouble) + Send>;

/// The caller's handlers, which run on the callback thread.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) log: Option<LogHandler>,
    pub(crate) progress: Option<ProgressHandler>,
    pub(crate) start_trouble: Option<StartTroubleHandler>,
}

/// A job for the callback thread.
pub(crate) enum CallbackJob {
    Log(LogRecord),
    Progress(ProgressReport),
    StartTrouble(StartTrouble),
    /// Run the task's callback, then hand over the outcome.
    Finish(Completion),
    /// Run this function, such as the callback of a whole map.
    Run(Box<dyn FnOnce() + Send>),
    /// End the thread: no more jobs come.
    Stop,
}

impl CallbackJob {
    /// Returns the weight of a guest's message in the backlog: its text and 1 KiB, which
    /// also bounds the number of short messages. Other jobs weigh nothing.
    fn size(&self) -> usize {
        let text = match self {
            CallbackJob::Log(record) => Some(&record.message),
            CallbackJob::Progress(report) => report.message.as_ref(),
            CallbackJob::StartTrouble(_)
            | CallbackJob::Finish(_)
            | CallbackJob::Run(_)
            | CallbackJob::Stop => return 0,
        };
        1024 + text.map_or(0, String::len)
    }
}

/// Delivers completions: by way of the callback thread if the task has a callback, else at
/// once.
#[derive(Clone)]
pub(crate) struct CallbackSender {
    jobs: Sender<CallbackJob>,
}

impl CallbackSender {
    pub(crate) fn finish(&self, completion: Completion) {
        if completion.callback.is_none() {
            return completion.deliver();
        }
        if let Err(SendError(CallbackJob::Finish(completion))) =
            self.jobs.send(CallbackJob::Finish(completion))
        {
            // The thread has ended with its pool; the waiter must not wait for ever.
            completion.deliver();
        }
    }

    /// Runs a function on the callback thread; returns `false` if the thread has ended.
    pub(crate) fn run(&self, what: impl FnOnce() + Send + 'static) -> bool {
        self.jobs.send(CallbackJob::Run(Box::new(what))).is_ok()
    }
}

/// The highest number of bytes of guests' messages that may wait for a handler. Beyond it
/// messages are dropped, and the handler is told their number: a slow handler must not let
/// guests fill the host's memory.
const MAX_BACKLOG: usize = 16 * 1024 * 1024;

/// The callback thread and the channel to it.
pub(crate) struct Callbacks {
    jobs: Sender<CallbackJob>,
    /// The number of bytes of messages that wait for their handler.
    backlog: Arc<AtomicUsize>,
    dropped: AtomicUsize,
    thread: JoinHandle<()>,
}

impl Callbacks {
    pub(crate) fn start(handlers: Handlers) -> std::io::Result<Self> {
        let (jobs, inbox) = channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&backlog);
        let thread = thread::Builder::new()
            .name("sandpool-callbacks".into())
            .spawn(move || work(&inbox, &heard, handlers))
            .map_err(thread_error)?;
        Ok(Callbacks {
            jobs,
            backlog,
            dropped: AtomicUsize::new(0),
            thread,
        })
    }

    pub(crate) fn thread_id(&self) -> ThreadId {
        self.thread.thread().id()
    }

    pub(crate) fn sender(&self) -> CallbackSender {
        CallbackSender {
            jobs: self.jobs.clone(),
        }
    }

    /// Hands a guest's message to its handler.
    pub(crate) fn message(&self, message: CallbackJob) {
        if self.backlog.load(Ordering::Relaxed) >= MAX_BACKLOG {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.send_message(CallbackJob::Log(LogRecord {
                task_index: 0,
                function: "sandpool".into(),
                level: LogLevel::Warn,
                message: format!("{dropped} messages of guests were dropped: the handler is slow"),
            }));
        }
        self.send_message(message);
    }

    fn send_message(&self, message: CallbackJob) {
        self.backlog.fetch_add(message.size(), Ordering::Relaxed);
        // The thread lives as long as this value, so it takes every job.
        let _ = self.jobs.send(message);
    }

    /// Waits until all jobs are done.
    pub(crate) fn finish(self) {
        let _ = self.jobs.send(CallbackJob::Stop);
        let _ = self.thread.join();
    }
}

fn work(inbox: &Receiver<CallbackJob>, backlog: &AtomicUsize, mut handlers: Handlers) {
    for job in inbox {
        backlog.fetch_sub(job.size(), Ordering::Relaxed);
        match job {
            CallbackJob::Log(record) => {
                if let Some(handler) = &mut handlers.log {
                    guard("log handler", || handler(record));
                }
            }
            CallbackJob::Progress(report) => {
                if let Some(handler) = &mut handlers.progress {
                    guard("progress handler", || handler(report));
                }
            }
            CallbackJob::StartTrouble(trouble) => match &mut handlers.start_trouble {
                Some(handler) => guard("handler of start trouble", || handler(trouble)),
                None => say(&trouble),
            },
            CallbackJob::Finish(mut completion) => {
                if let Some(callback) = completion.callback.take() {
                    let outcome = completion.ended.outcome(&completion.batch.template);
                    guard("callback", || callback(&outcome));
                    completion.ended = TaskResult::full(outcome);
                }
                completion.deliver();
            }
            CallbackJob::Run(what) => what(),
            CallbackJob::Stop => return,
        }
    }
}

/// Reports trouble on stderr for a pool without a handler: its tasks would only seem to
/// take long.
fn say(trouble: &StartTrouble) {
    // Where there is no stderr, nobody can be told.
    let _ = stdio::write_stderr(format!("sandpool: {trouble}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_beyond_the_backlog_are_dropped_and_the_handler_is_told() {
        let (go, wait) = channel::<()>();
        let (heard, inbox) = channel();
        let mut waited = false;
        let handler: LogHandler = Box::new(move |record| {
            if !std::mem::replace(&mut waited, true) {
                let _ = wait.recv();
            }
            let _ = heard.send(record.message);
        });
        let handlers = Handlers {
            log: Some(handler),
            ..Handlers::default()
        };
        let callbacks = Callbacks::start(handlers).expect("starts");
        let message = |text: String| {
            CallbackJob::Log(LogRecord {
                task_index: 0,
                function: "f".into(),
                level: LogLevel::Info,
                message: text,
            })
        };
        for _ in 0..1000 {
            callbacks.message(message("x".repeat(48 * 1024)));
        }
        drop(go);
        let first = inbox.recv().expect("it comes");
        assert_eq!(first.len(), 48 * 1024);
        // The backlog must shrink before the next message tells of the dropped ones.
        while callbacks.backlog.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
        callbacks.message(message("last".into()));
        callbacks.finish();
        let texts: Vec<String> = inbox.iter().collect();
        let bytes: usize = texts.iter().map(String::len).sum();
        assert!(bytes <= MAX_BACKLOG + 64 * 1024, "{bytes} bytes waited");
        let [.., told, last] = texts.as_slice() else {
            panic!("both came");
        };
        assert!(told.contains("messages of guests were dropped"), "{told}");
        assert_eq!(last, "last");
    }
}
