//! The thread on which callbacks run: in the parent, one at a time, in the
//! order in which tasks ended.

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

/// A line that a guest logged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogRecord {
    /// Index of the task within its map; 0 for a single call.
    pub task_index: u64,
    /// The function that ran.
    pub function: String,
    /// How important the guest says it is.
    pub level: LogLevel,
    /// The text, as the guest wrote it: it may hold control characters.
    pub message: String,
}

/// How far a guest says it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProgressReport {
    /// Index of the task within its map; 0 for a single call.
    pub task_index: u64,
    /// The function that runs.
    pub function: String,
    /// Steps that are done.
    pub done: u64,
    /// Steps in all, if the guest knows.
    pub total: Option<u64>,
    /// What it is doing, as the guest wrote it.
    pub message: Option<String>,
}

/// Called with each log line.
pub(crate) type LogHandler = Box<dyn FnMut(LogRecord) + Send>;
/// Called with each progress report.
pub(crate) type ProgressHandler = Box<dyn FnMut(ProgressReport) + Send>;
/// Called when a pool has been without workers for a while.
pub(crate) type StartTroubleHandler = Box<dyn FnMut(StartTrouble) + Send>;

/// The caller's handlers, which run on the callback thread.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) log: Option<LogHandler>,
    pub(crate) progress: Option<ProgressHandler>,
    pub(crate) start_trouble: Option<StartTroubleHandler>,
}

/// Something for the callback thread to do.
pub(crate) enum Job {
    Log(LogRecord),
    Progress(ProgressReport),
    StartTrouble(StartTrouble),
    /// Run the task's callback, then hand over the outcome.
    Finish(Completion),
    /// Run the callback of a whole map.
    Run(Box<dyn FnOnce() + Send>),
    /// Nothing more comes.
    Stop,
}

impl Job {
    /// What a guest's message counts: its text, and a KiB, so that there are
    /// not too many short ones. Nothing else is counted.
    fn size(&self) -> usize {
        let text = match self {
            Job::Log(record) => Some(&record.message),
            Job::Progress(report) => report.message.as_ref(),
            Job::StartTrouble(_) | Job::Finish(_) | Job::Run(_) | Job::Stop => return 0,
        };
        1024 + text.map_or(0, String::len)
    }
}

/// Hands over outcomes: by way of the callback thread if the task has a
/// callback, else at once.
#[derive(Clone)]
pub(crate) struct CallbackSender {
    jobs: Sender<Job>,
}

impl CallbackSender {
    pub(crate) fn finish(&self, completion: Completion) {
        if completion.callback.is_none() {
            return completion.deliver();
        }
        if let Err(SendError(Job::Finish(completion))) = self.jobs.send(Job::Finish(completion)) {
            // The thread has ended with its pool; the waiter must not wait.
            completion.deliver();
        }
    }

    /// Runs something on the callback thread; says whether there still is one.
    pub(crate) fn run(&self, what: impl FnOnce() + Send + 'static) -> bool {
        self.jobs.send(Job::Run(Box::new(what))).is_ok()
    }
}

/// Bytes of guests' messages that may wait for a handler. Beyond it messages are
/// dropped, and the handler is told how many: a slow handler must not fill the
/// host's memory with what guests write.
const MAX_BACKLOG: usize = 16 * 1024 * 1024;

/// The thread and the way to it.
pub(crate) struct Callbacks {
    jobs: Sender<Job>,
    /// Bytes of messages on their way to their handler.
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
    pub(crate) fn message(&self, message: Job) {
        if self.backlog.load(Ordering::Relaxed) >= MAX_BACKLOG {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.send_message(Job::Log(LogRecord {
                task_index: 0,
                function: "sandpool".into(),
                level: LogLevel::Warn,
                message: format!("{dropped} messages of guests were dropped: the handler is slow"),
            }));
        }
        self.send_message(message);
    }

    fn send_message(&self, message: Job) {
        self.backlog.fetch_add(message.size(), Ordering::Relaxed);
        // The thread lives as long as this value, so it takes every job.
        let _ = self.jobs.send(message);
    }

    /// Waits until everything that was submitted is done.
    pub(crate) fn finish(self) {
        let _ = self.jobs.send(Job::Stop);
        let _ = self.thread.join();
    }
}

fn work(inbox: &Receiver<Job>, backlog: &AtomicUsize, mut handlers: Handlers) {
    for job in inbox {
        backlog.fetch_sub(job.size(), Ordering::Relaxed);
        match job {
            Job::Log(record) => {
                if let Some(handler) = &mut handlers.log {
                    guard("log handler", || handler(record));
                }
            }
            Job::Progress(report) => {
                if let Some(handler) = &mut handlers.progress {
                    guard("progress handler", || handler(report));
                }
            }
            Job::StartTrouble(trouble) => match &mut handlers.start_trouble {
                Some(handler) => guard("handler of start trouble", || handler(trouble)),
                None => say(&trouble),
            },
            Job::Finish(mut completion) => {
                if let Some(callback) = completion.callback.take() {
                    let outcome = completion.ended.outcome(&completion.batch.template);
                    guard("callback", || callback(&outcome));
                    completion.ended = TaskResult::full(outcome);
                }
                completion.deliver();
            }
            Job::Run(what) => what(),
            Job::Stop => return,
        }
    }
}

/// A pool that nobody listens to says it on stderr: its tasks would only seem to take
/// long.
fn say(trouble: &StartTrouble) {
    // Where there is no stderr there is nobody to tell.
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
            Job::Log(LogRecord {
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
        // Let the backlog shrink; then the next message brings the news.
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
