//! The handle to a process: Python's names, and their meaning.

use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::builder::{ModuleSource, ProcessBuilder, Recipe};
use super::children;
use super::error::ProcessError;
use super::exit;
use crate::off_thread::off_thread;
use crate::outcome::Outcome;
use crate::pool::{AsyncResult, Error, Pool};
use sandpool_value::Value;

/// A function or a command of a module that runs in a process of its own: multiprocessing's
/// `Process`.
///
/// ```no_run
/// use sandpool::Process;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     sandpool::worker_entry(); // this program is its own worker
///     let process = Process::call("math.wasm", "fib").args((30u32,)).build();
///     process.start()?;
///     println!("{} is process {:?}", process.name(), process.pid());
///     process.join(None)?;
///     assert_eq!(process.exitcode(), Some(0));
///     Ok(())
/// }
/// ```
///
/// A `Process` is a handle: it is cheap to clone, and all clones mean one process. Blocking
/// calls may be made from anywhere, also from inside a tokio runtime (where they block that
/// thread).
///
/// It is isolated as a pool's worker is, and never shares a worker with a pool or another
/// process. It starts faster if its module was compiled before: it is then in the cache, or
/// loaded by a pool (see [`ModuleSource`]).
///
/// # Dropping it
///
/// Dropping the handle lets the process run on, as in Python, unless it was told to be
/// [killed on drop](Process::kill_on_drop). [`active_children`](crate::active_children)
/// finds the process again. But it never outlives this program: processes that still run
/// when `main` returns, or when the program is killed, are ended by the system. Python
/// waits at its exit for children that are not daemons; here, a process that must finish
/// has to be joined. A process that was not joined prints nothing any more.
///
/// # Where it differs from Python's
///
/// Every process is a daemon, in Python's terms. A worker that dies before it has taken the
/// task (killed by somebody while it was starting) is replaced, twice at most;
/// [`Process::pid`] then returns the new one's id. There is no `sentinel` and no `close`:
/// dropping the handle replaces `close`.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
    /// Kills the process with the last of the handles that share this.
    end: Option<Arc<KillOnDrop>>,
}

/// Kills a process when it is dropped.
struct KillOnDrop(Arc<Inner>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // A process that was never started need not be killed.
        let _ = Process::of(Arc::clone(&self.0)).kill();
    }
}

/// The state that all clones share. While the task has not ended it holds this alive.
pub(super) struct Inner {
    name: String,
    /// The settings, until a caller takes them to start the process.
    recipe: Mutex<Option<Recipe>>,
    running: OnceLock<Running>,
    /// The signal of the caller that ended the process first; 0 if none did.
    asked: AtomicI32,
}

/// The parts of a started process.
struct Running {
    pool: Pool,
    result: AsyncResult<Value>,
    /// The first process id that was seen.
    pid: Option<u32>,
}

impl Process {
    /// Returns a builder for a process that calls a function. The function is found by its
    /// name or by any unique suffix of its full name when the process is started.
    pub fn call(module: impl Into<ModuleSource>, function: &str) -> ProcessBuilder {
        ProcessBuilder::new(module.into(), Some(function))
    }

    /// Returns a builder for a process that runs a module that is a command.
    pub fn command(module: impl Into<ModuleSource>) -> ProcessBuilder {
        ProcessBuilder::new(module.into(), None)
    }

    pub(super) fn new(name: String, recipe: Recipe) -> Self {
        Process::of(Arc::new(Inner {
            name,
            recipe: Mutex::new(Some(recipe)),
            running: OnceLock::new(),
            asked: AtomicI32::new(0),
        }))
    }

    pub(super) fn of(inner: Arc<Inner>) -> Self {
        Process { inner, end: None }
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    /// Makes dropping the last clone of this handle kill the process, as [`Process::kill`]
    /// does: by a handler whose client has gone away, or with a whole program's state.
    /// Handles that [`active_children`](crate::active_children) returns do not count.
    #[must_use = "it is killed when this handle is dropped"]
    pub fn kill_on_drop(self) -> Self {
        let end = Arc::new(KillOnDrop(Arc::clone(&self.inner)));
        let end = self.end.or(Some(end));
        Process {
            inner: self.inner,
            end,
        }
    }

    /// Returns the name of the process.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Starts the process: compiles the module if that was not done before, and returns as
    /// soon as there is a process. A start that failed cannot be tried again; build another
    /// process.
    ///
    /// # Errors
    ///
    /// Returns [`ProcessError::AlreadyStarted`] the second time, and other errors if the
    /// module cannot be loaded, the arguments do not fit or a setting is invalid.
    pub fn start(&self) -> Result<(), ProcessError> {
        let mut recipe = self
            .inner
            .recipe
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = recipe.take();
        drop(recipe);
        let recipe = taken.ok_or_else(|| ProcessError::AlreadyStarted {
            name: self.name().to_owned(),
        })?;
        let (pool, result) = recipe.start(self.name(), Arc::clone(&self.inner))?;
        let pid = pool.wait_for_worker();
        // No other thread comes here: there was only one recipe.
        let _ = self.inner.running.set(Running { pool, result, pid });
        children::add(self);
        Ok(())
    }

    /// Starts the process as [`Process::start`] does, and is awaited: all blocking work is
    /// done on a thread of its own. Dropping the future after it was polled lets the
    /// process start; [`Process::kill`] ends it.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Process::start`] does.
    pub async fn start_async(&self) -> Result<(), ProcessError> {
        let process = self.clone();
        let refused = |source| Error::System {
            what: "start a thread that starts the process",
            source,
        };
        let started = off_thread("start", move || process.start()).map_err(refused)?;
        let panicked = || refused(std::io::Error::other("it panicked")).into();
        started.await.unwrap_or_else(|| Err(panicked()))
    }

    fn running(&self) -> Result<&Running, ProcessError> {
        let running = self.inner.running.get();
        running.ok_or_else(|| ProcessError::NotStarted {
            name: self.name().to_owned(),
        })
    }

    /// Waits until the process has ended, for `timeout` at most; returns `true` if it has.
    /// Then its output was passed on, and no process is left.
    ///
    /// # Errors
    ///
    /// Returns [`ProcessError::NotStarted`] before the start, and [`Error::WouldDeadlock`]
    /// in a handler of the process's own log or progress.
    pub fn join(&self, timeout: Option<Duration>) -> Result<bool, ProcessError> {
        let running = self.running()?;
        if running.pool.is_own_thread() {
            return Err(Error::WouldDeadlock.into());
        }
        let ended = running.result.wait(timeout);
        if ended {
            // The task has ended; this waits for the end of the process, which takes no longer.
            running.pool.terminate();
        }
        Ok(ended)
    }

    /// Awaits the end of the process, as [`Process::join`] waits for it. Dropping the
    /// future leaves the process alone.
    ///
    /// # Errors
    ///
    /// Returns [`ProcessError::NotStarted`] before the start.
    pub async fn join_async(&self) -> Result<(), ProcessError> {
        let running = self.running()?;
        running.result.outcome_async().await;
        running.pool.terminate_async().await;
        Ok(())
    }

    /// Returns `true` if the process was started and has no outcome yet.
    pub fn is_alive(&self) -> bool {
        let running = self.inner.running.get();
        running.is_some_and(|running| !running.result.ready())
    }

    /// Returns the process id, even after the end; `None` before the start.
    pub fn pid(&self) -> Option<u32> {
        let running = self.inner.running.get()?;
        let ran_in = running.result.peek(|outcome| outcome.worker_pid);
        let now = match ran_in {
            Some(ran_in) => ran_in,
            None => running.pool.worker_pids().first().copied(),
        };
        now.or(running.pid)
    }

    /// Returns the exit code of the process; `None` before it has ended.
    ///
    /// - 0: the function returned, or the command left with 0.
    /// - 1: the function returned an error, trapped, or met a limit or a refusal that ended
    ///   it.
    /// - From 1 to 255: the command left with this code (the low byte, 1 if that is 0).
    /// - Negative: ended by this signal; -15 after [`Process::terminate`], -9 after
    ///   [`Process::kill`] and for a process that ran past its wall or CPU time.
    ///
    /// [`Process::outcome`] tells the exact cause.
    pub fn exitcode(&self) -> Option<i32> {
        let running = self.inner.running.get()?;
        // A caller that ends the process notes its signal first, so this is read last.
        let asked = || Some(self.inner.asked.load(Ordering::Acquire)).filter(|it| *it != 0);
        let code = |outcome: &Outcome<Value>| exit::code(outcome, asked());
        running.result.peek(code)
    }

    /// Returns the outcome of the process, with the function's value; `None` before it has
    /// ended.
    pub fn outcome(&self) -> Option<Outcome<Value>> {
        let running = self.inner.running.get()?;
        running.result.peek(Outcome::clone)
    }

    /// Ends the process, without waiting for its end: [`Process::join`] does that. A guest
    /// that is compiled to be interrupted ([`Interrupt::Epoch`](crate::Interrupt::Epoch))
    /// is told to end, and killed if it has not after 100 ms; any other guest is killed,
    /// since it cannot be told anything. A process that has ended keeps its exit code.
    ///
    /// # Errors
    ///
    /// Returns [`ProcessError::NotStarted`] before the start.
    pub fn terminate(&self) -> Result<(), ProcessError> {
        let running = self.running()?;
        self.ask(exit::TERMINATED);
        running.result.cancel();
        Ok(())
    }

    /// Kills the process, without waiting for its end: [`Process::join`] does that. A
    /// process that has ended keeps its exit code.
    ///
    /// # Errors
    ///
    /// Returns [`ProcessError::NotStarted`] before the start.
    pub fn kill(&self) -> Result<(), ProcessError> {
        let running = self.running()?;
        self.ask(exit::KILLED);
        running.pool.begin_to_terminate();
        Ok(())
    }

    /// Notes the signal by which the process is ended. The first one counts, so that an
    /// exit code never changes.
    fn ask(&self, signal: i32) {
        let asked = &self.inner.asked;
        let _ = asked.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.inner.name)
            .field("pid", &self.pid())
            .field("exitcode", &self.exitcode())
            .finish()
    }
}
