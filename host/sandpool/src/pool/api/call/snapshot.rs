//! Snapshots: calls that leave a module.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use rustix::event::{PollFd, PollFlags, poll};

use super::Call;
use super::template::callable;
use crate::module::{AsyncLoad, LoadError, Module, Problem, SnapshotKey};
use crate::outcome::{Outcome, Verdict};
use crate::pool::api::handle::AsyncResult;
use crate::pool::api::{Grants, Pool};
use crate::pool::error::{Error, SettingError};
use crate::pool::state::Shared;
use crate::pool::tasks::wrong_kind;
use sandpool_protocol::limits::LimitName;
use sandpool_sys::EventFd;
use sandpool_value::{Function, ToArgs, Value, encode_args};

impl Pool {
    /// Calls a function once, in a sealed worker, and returns a module that begins where
    /// the function left its instance: every fresh instance of it has that memory and those
    /// globals, and none sees the changes of another. For what many tasks need and takes
    /// long to make, such as a parsed grammar or a loaded table.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = sandpool::Pool::builder().build()?;
    /// let search = pool.load("search.wasm")?;
    /// let search = pool.snapshot(&search, "build-index", ("en",))?;
    /// let hits: u32 = pool.apply(&search, "count", ("needle",))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Call::snapshot`] says what a snapshot keeps, and what it does not: **random numbers
    /// that the function drew are equal in all instances**.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::snapshot`] does.
    pub fn snapshot(
        &self,
        module: &Module,
        function: &str,
        args: impl ToArgs,
    ) -> Result<Module, LoadError> {
        self.call(module, function).args(args).snapshot()
    }

    /// Takes a snapshot as [`Pool::snapshot`] does, and is awaited; see
    /// [`Call::snapshot_async`].
    pub fn snapshot_async(&self, module: &Module, function: &str, args: impl ToArgs) -> AsyncLoad {
        self.call(module, function).args(args).snapshot_async()
    }
}

impl Call {
    /// Calls the function once, in a sealed worker and within the limits of this call, and
    /// returns a module that begins where the function left its instance. Blocks until that
    /// is done. What the function returns is dropped.
    ///
    /// The new module has the name and the functions of the old one, and a hash of its own.
    /// Its bytes are held to the limit of modules (`module_size`), not to that of results.
    /// It is kept in the cache, with all that the arguments left in memory, so give it no
    /// secret: to take the snapshot again, of a module with this hash by
    /// this function with these arguments, starts no process.
    ///
    /// **What the function found out is frozen**: random numbers that it drew, and the time
    /// that it read, are equal in all instances and in all later runs of this program. A
    /// hash table with a random seed, a generator of keys or of unique names must draw
    /// after the snapshot, not in it.
    ///
    /// A snapshot keeps linear memories and globals, and nothing else:
    ///
    /// - The function runs without grants: no directory, no variable, no shared object, of
    ///   the pool's neither. A module that looks for them in it finds none, and may remember
    ///   that.
    /// - A component that still holds a resource of its host when the function returns, such
    ///   as a stream, is refused.
    /// - Modules that can change a table or drop a segment (`table.set`, `table.grow`,
    ///   `table.copy`, `table.init`, `table.fill`, `elem.drop`, `data.drop`), and those with
    ///   a mutable global that is a reference, are refused, whether or not the function gets
    ///   there. So are components that instantiate a module twice or nest a component with
    ///   modules.
    /// - A component's handles of its own resources are not kept. A guest that printed may
    ///   hold its standard output, which is a resource of its host: do not print.
    /// - Interpreters with a program in them (componentize-py, componentize-js) were saved
    ///   in this way when they were built, and may not survive it a second time.
    ///
    /// In a pool with an `initializer_snapshot`, the function finds what that has left. A pool's
    /// `initializer` runs later, in each instance of the snapshot.
    ///
    /// The limit on process memory is raised for the worker by six times the pool's limit on
    /// `memory`, for the bytes that it writes.
    ///
    /// # Errors
    ///
    /// Returns an error if the function cannot be called or does not end `ok`
    /// ([`LoadError::verdict`] is the verdict of its task then), if no snapshot can be taken
    /// of the module, and if the snapshot cannot be compiled.
    pub fn snapshot(self) -> Result<Module, LoadError> {
        self.take_snapshot(None)
    }

    /// Takes a snapshot as [`Call::snapshot`] does, and is awaited. Dropping the future ends
    /// the function and the compilation; see [`AsyncLoad`].
    pub fn snapshot_async(self) -> AsyncLoad {
        let shown = self.module.name().to_owned();
        AsyncLoad::new(shown, move |given_up| self.take_snapshot(Some(given_up)))
    }

    fn take_snapshot(self, given_up: Option<&EventFd>) -> Result<Module, LoadError> {
        let shared = Arc::clone(&self.shared);
        // As any call: the function finds what the pool's initializer has left.
        let module = snapshot_for_pool(&shared, self.module.clone(), given_up)?;
        let snapshot = self.take_snapshot_of(module, given_up)?;
        if shared.config.initializer_snapshot.is_some() {
            shared.initializer_snapshots.note(&snapshot);
        }
        Ok(snapshot)
    }

    fn take_snapshot_of(
        mut self,
        module: Module,
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        self.module = module.clone();
        let asked = self.function.clone().unwrap_or_default();
        let failed = |problem| LoadError::new(module.name().to_owned(), problem);
        let not_sent = |error: Error| {
            failed(Problem::SnapshotNotSent {
                function: asked.clone(),
                source: error.into(),
            })
        };
        let (function, arguments) = self.check_for_snapshot().map_err(not_sent)?;
        let key = SnapshotKey::new(&module, &function, &arguments);
        let shared = Arc::clone(&self.shared);
        let loader = &shared.loader;
        if let Some(found) = loader.find_snapshot(&module, &key, given_up)? {
            return Ok(found);
        }
        self.module = loader.instrument(&module, &key, given_up)?;
        self.function = Some(function.full_name());
        self.grants = Some(Grants::none());
        self.limits.result = shared.config.limits.module_size;
        let sent = self.apply_async::<Value>().map_err(not_sent)?;
        let outcome = wait(sent, given_up).map_err(failed)?;
        match outcome {
            Outcome {
                verdict: Verdict::Ok,
                value: Some(Value::Bytes(wasm)),
                ..
            } => loader.load_snapshot(&module, &key, &wasm, given_up),
            outcome => Err(failed(problem(&shared, &function, outcome))),
        }
    }

    /// Returns the function and its encoded arguments.
    fn check_for_snapshot(&self) -> Result<(Function, Vec<u8>), Error> {
        self.shared.check_module(&self.module)?;
        let Some(name) = &self.function else {
            return Err(wrong_kind(&self.module));
        };
        if self.callback.is_some() || self.error_callback.is_some() {
            return Err(SettingError::CallbackOfSnapshot.into());
        }
        if !self.shares.is_empty() || !self.args.attachments.is_empty() {
            return Err(SettingError::SharesOfSnapshot.into());
        }
        let function = callable(&self.module, name, false)?.function;
        let values = self.args.clone().bind(&function)?;
        Ok((function, encode_args(&values)))
    }
}

/// Returns the problem of a function that left no snapshot.
fn problem(shared: &Shared, function: &Function, outcome: Outcome) -> Problem {
    let is_too_large = outcome.verdict == Verdict::OutputLimit
        && outcome.limit.as_ref().map(|hit| hit.name) == Some(LimitName::Result);
    let too_large = is_too_large.then(|| shared.config.limits.hit(LimitName::ModuleSize));
    match too_large.flatten() {
        Some(hit) => Problem::Limit { hit },
        None => Problem::Snapshot {
            function: function.name.clone(),
            verdict: outcome.verdict,
            error: outcome.error,
            hit: outcome.limit.map(Box::new),
        },
    }
}

/// Waits for the outcome of the task, and cancels it when it is given up.
fn wait(mut sent: AsyncResult, given_up: Option<&EventFd>) -> Result<Outcome, Problem> {
    let Some(given_up) = given_up else {
        return sent.into_outcome().map_err(|_| Problem::Terminated);
    };
    sent = sent.cancel_on_drop();
    let refused = |source: io::Error| Problem::Refused { source };
    let ended = Arc::new(Bell(EventFd::new().map_err(refused)?));
    let waker = Waker::from(Arc::clone(&ended));
    while !sent.ready() {
        if Pin::new(&mut sent)
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            break;
        }
        let bells = [&ended.0, given_up];
        let mut ready = bells.map(|bell| PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN));
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(refused(error.into())),
        }
        if !ready[1].revents().is_empty() {
            // Nobody reads this error.
            return Err(Problem::Terminated);
        }
    }
    sent.into_outcome().map_err(|_| Problem::Terminated)
}

/// Rings when the task has ended.
struct Bell(EventFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.ring();
    }
}

/// Returns the module that the tasks of a call of `module` run: itself, or its snapshot if
/// the pool has an [`initializer_snapshot`](crate::PoolBuilder::initializer_snapshot) that
/// has not run in it yet.
pub(in crate::pool::api) fn snapshot_for_pool(
    shared: &Arc<Shared>,
    module: Module,
    given_up: Option<&EventFd>,
) -> Result<Module, LoadError> {
    let Some((function, args)) = &shared.config.initializer_snapshot else {
        return Ok(module);
    };
    let snapshots = &shared.initializer_snapshots;
    if module.is_instrumented() || snapshots.is_initialized(&module) {
        return Ok(module);
    }
    snapshots.get_or_take(&module, || {
        let call = Call::new(Arc::clone(shared), &module, Some(function));
        call.args(args.clone())
            .take_snapshot_of(module.clone(), given_up)
    })
}
