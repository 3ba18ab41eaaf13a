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

/// One function or command of a module, in a process of its own.
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
/// A `Process` is a handle: it is cheap to clone, and all clones mean the same
/// process. Blocking calls may be made from anywhere, also from inside a tokio
/// runtime (where they block that thread).
///
/// It is isolated as a pool's worker is, and never shares a worker with a pool
/// or another process. It starts faster if its module was compiled before: it
/// is then in the cache, or loaded by a pool (see [`ModuleSource`]).
///
/// # Dropping it
///
/// To drop a process is to let it go, unless it was told to be [killed on
/// drop](Process::kill_on_drop): it runs on, as in Python, and as a thread does whose
/// handle is dropped. [`active_children`](crate::active_children) finds it again. But
/// it never outlives this program: whatever runs when `main` returns, or when the
/// program is killed, is ended by the system. Python waits at its exit for children
/// that are not daemons; here, a process that must finish has to be joined. A process
/// that was not joined prints nothing any more.
///
/// # Where it differs from Python's
///
/// Every process is a daemon, in Python's terms. A worker that dies before it has taken
/// the task (killed by somebody while it was starting) is replaced, twice at most;
/// [`Process::pid`] then tells the new one's. There is no `sentinel` and no `close`:
/// dropping does it.
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
        // One that was never started has nothing to be killed.
        let _ = Process::of(Arc::clone(&self.0)).kill();
    }
}

/// The state that all clones share. While the task has not ended it holds this alive.
pub(super) struct Inner {
    name: String,
    /// Taken by the one who starts it.
    recipe: Mutex<Option<Recipe>>,
    running: OnceLock<Running>,
    /// The signal of whoever ended it first; 0 if nobody did.
    asked: AtomicI32,
}

/// The parts of a started process.
struct Running {
    pool: Pool,
    result: AsyncResult<Value>,
    /// The first that was seen.
    pid: Option<u32>,
}

impl Process {
    /// Puts together a process that calls a function, found by name or by any
    /// unique suffix of its full name.
    pub fn call(module: impl Into<ModuleSource>, function: &str) -> ProcessBuilder {
        ProcessBuilder::new(module.into(), Some(function))
    }

    /// Puts together a process that runs a module that is a command.
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

    /// Has it killed, as by [`Process::kill`], when the last clone of this handle is
    /// dropped: by a handler whose client has gone away, or with a whole program's
    /// state. Handles that [`active_children`](crate::active_children) gives do not
    /// count.
    #[must_use = "it is killed when this handle is dropped"]
    pub fn kill_on_drop(self) -> Self {
        let end = Arc::new(KillOnDrop(Arc::clone(&self.inner)));
        let end = self.end.or(Some(end));
        Process {
            inner: self.inner,
            end,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Starts it: compiles the module where that was not done before, and
    /// returns as soon as there is a process. A start that failed cannot be
    /// tried again; build another.
    ///
    /// # Errors
    /// [`ProcessError::AlreadyStarted`] the second time; others if the module
    /// cannot be loaded, the arguments do not fit or a setting makes no sense.
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
        // Nobody else comes here: there was but one recipe.
        let _ = self.inner.running.set(Running { pool, result, pid });
        children::add(self);
        Ok(())
    }

    /// The async form of [`Process::start`]: all blocking work is done on a thread of
    /// its own. A future that is dropped once it was polled leaves the process to
    /// start; [`Process::kill`] ends it.
    ///
    /// # Errors
    /// As [`Process::start`].
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

    /// Waits until it has ended, for `timeout` at most, and says whether it
    /// has. Then its output was passed on, and no process is left.
    ///
    /// # Errors
    /// [`ProcessError::NotStarted`]; [`Error::WouldDeadlock`] in a handler of
    /// its own log or progress.
    pub fn join(&self, timeout: Option<Duration>) -> Result<bool, ProcessError> {
        let running = self.running()?;
        if running.pool.is_own_thread() {
            return Err(Error::WouldDeadlock.into());
        }
        let ended = running.result.wait(timeout);
        if ended {
            // Its task is over; this waits for the process's end, and no
            // longer.
            running.pool.terminate();
        }
        Ok(ended)
    }

    /// Awaits its end, as [`Process::join`] waits for it. A future that is dropped
    /// leaves the process alone.
    ///
    /// # Errors
    /// [`ProcessError::NotStarted`].
    pub async fn join_async(&self) -> Result<(), ProcessError> {
        let running = self.running()?;
        running.result.outcome_async().await;
        running.pool.terminate_async().await;
        Ok(())
    }

    /// Returns whether it runs: it was started, and has no outcome yet.
    pub fn is_alive(&self) -> bool {
        let running = self.inner.running.get();
        running.is_some_and(|running| !running.result.ready())
    }

    /// Its process id, also when it has ended; `None` before it is started.
    pub fn pid(&self) -> Option<u32> {
        let running = self.inner.running.get()?;
        let ran_in = running.result.peek(|outcome| outcome.worker_pid);
        let now = match ran_in {
            Some(ran_in) => ran_in,
            None => running.pool.worker_pids().first().copied(),
        };
        now.or(running.pid)
    }

    /// Returns the exit code of the process; `None` before it has.
    ///
    /// 0: the function returned, or the command left with 0. 1: the function
    /// returned an error, trapped, or met a limit or a refusal that ended it.
    /// From 1 to 255: the command left with it (the low byte, 1 if that is 0).
    /// Negative: ended by that signal; -15 after [`Process::terminate`], -9
    /// after [`Process::kill`] and for a process that ran past its wall or CPU
    /// time. [`Process::outcome`] says exactly.
    pub fn exitcode(&self) -> Option<i32> {
        let running = self.inner.running.get()?;
        // Whoever ends it says so first, so this is looked at last.
        let asked = || Some(self.inner.asked.load(Ordering::Acquire)).filter(|it| *it != 0);
        let code = |outcome: &Outcome<Value>| exit::code(outcome, asked());
        running.result.peek(code)
    }

    /// All that is known of how it ended, with the function's value; `None`
    /// before it has.
    pub fn outcome(&self) -> Option<Outcome<Value>> {
        let running = self.inner.running.get()?;
        running.result.peek(Outcome::clone)
    }

    /// Ends it, and does not wait for that: [`Process::join`] does. A guest
    /// that is compiled to be interrupted
    /// ([`Interrupt::Epoch`](crate::Interrupt::Epoch)) is told to end and
    /// killed if it has not after 100 ms; any other is killed, since there is
    /// nothing in it that could hear. One that has ended keeps its exit code.
    ///
    /// # Errors
    /// [`ProcessError::NotStarted`].
    pub fn terminate(&self) -> Result<(), ProcessError> {
        let running = self.running()?;
        self.ask(exit::TERMINATED);
        running.result.cancel();
        Ok(())
    }

    /// Kills it, and does not wait for that: [`Process::join`] does. One that
    /// has ended keeps its exit code.
    ///
    /// # Errors
    /// [`ProcessError::NotStarted`].
    pub fn kill(&self) -> Result<(), ProcessError> {
        let running = self.running()?;
        self.ask(exit::KILLED);
        running.pool.begin_to_terminate();
        Ok(())
    }

    /// Notes by which signal it is ended. The first one counts, so that an exit
    /// code never changes.
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
