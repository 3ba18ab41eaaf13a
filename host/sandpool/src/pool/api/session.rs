//! Sessions: live instances whose state is kept from call to call.

use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, snapshot_for_pool};
use super::grants::Grants;
use super::handle::AsyncResult;
use super::session_call::SessionCall;
use crate::module::Module;
use crate::off_thread::off_thread;
use crate::pool::error::Error;
use crate::pool::keys::{SessionEnd, SessionLife, WorkerKey};
use crate::pool::state::Shared;
use crate::pool::tasks::wrong_kind;
use crate::pool::worker::WorkerHandle;
use sandpool_protocol::limits::{Limit, Origin, TaskLimits};
use sandpool_value::{FromValue, Resource, ToArgs};

/// Builds a [`Session`]; made by [`Pool::session`](crate::Pool::session).
///
/// | setting | default |
/// |---|---|
/// | `tenant`, `grants` | those of the pool |
/// | `timeout`, `memory` | those of the pool |
/// | `interruptible` | no |
#[must_use = "a session does nothing until it is opened"]
pub struct SessionBuilder {
    shared: Arc<Shared>,
    module: Module,
    grants: Option<Grants>,
    tenant: Option<String>,
    limits: TaskLimits,
    interruptible: bool,
}

impl SessionBuilder {
    pub(super) fn new(shared: Arc<Shared>, module: &Module) -> Self {
        SessionBuilder {
            module: module.clone(),
            grants: None,
            interruptible: false,
            tenant: shared.config.tenant.clone(),
            limits: shared.config.task_limits.clone(),
            shared,
        }
    }

    /// Sets the tenant of the session. A session shares its process with nobody in any
    /// case.
    pub fn tenant(mut self, key: impl Into<String>) -> Self {
        self.tenant = Some(key.into());
        self
    }

    /// Grants only a part of the pool's grants \[all of them\].
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Limits the wall time of each call, unless the call sets its own. A call that runs
    /// past it ends the session.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.timeout = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the linear memory of the session, in bytes: the memory that all its calls
    /// together have left in the instance. The limit of the process stays the pool's
    /// ([`PoolBuilder::process_memory`](crate::PoolBuilder::process_memory)).
    pub fn memory(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.memory = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Lets [`Session::interrupt`] ask a running call to stop \[no\]. `python` runs slower then,
    /// since it has to look whether it is asked.
    pub fn interruptible(mut self, on: bool) -> Self {
        self.interruptible = on;
        self
    }

    /// Opens the session. Its worker process is started by its first call; if something
    /// outside prevents that for 5 s, the session ends, and that call has the error. Returns at once, unless the pool has an
    /// `initializer_snapshot` and another pool loaded the module: then the snapshot is taken
    /// first.
    ///
    /// # Errors
    ///
    /// Returns [`Error::SessionsFull`] if the pool has as many sessions as it may (see
    /// [`PoolBuilder::sessions`](crate::PoolBuilder::sessions)), [`Error::WrongKind`] if the
    /// module is only a command, [`Error::Snapshot`] if the pool's `initializer_snapshot`
    /// fails, and other errors if the pool takes no tasks, or the module or the grants are
    /// not the pool's.
    pub fn open(self) -> Result<Session, Error> {
        let SessionBuilder {
            shared,
            module,
            grants,
            tenant,
            limits,
            interruptible,
        } = self;
        shared.check_module(&module)?;
        let module = snapshot_for_pool(&shared, module, None)
            .map_err(|error| Error::Snapshot(Box::new(error)))?;
        if module.functions().is_empty() && module.resources().is_empty() {
            return Err(wrong_kind(&module));
        }
        let key = shared.key_parts(&module, grants.as_ref(), tenant)?;
        let worker_key = shared.open_session(key, &module, SessionLife::new(interruptible))?;
        Ok(Session {
            shared,
            worker_key,
            limits,
        })
    }
}

/// One live instance of a module, in a worker process of its own: what a call leaves in its
/// memory is there for the next.
///
/// Calls may come from any thread; they run one after the other, in the order in which they
/// were made. A running call takes one of the pool's `processes`. An idle session takes a
/// process and its memory, but no place and no CPU time. When both wait, calls of sessions
/// and ordinary tasks take turns.
///
/// ```no_run
/// # fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
/// use sandpool::{Error, Pool};
///
/// let pool = Pool::builder().sessions(100).build()?;
/// let cart = pool.load("cart.wasm")?;
/// let session = pool.session(&cart).tenant("user-17").open()?;
/// session.call::<()>("add", ("apples", 3u32))?;
/// let items: u32 = session.call("count", ())?;
/// assert_eq!(items, 3);
///
/// // What `Pool::call` has: limits, keywords, the whole outcome.
/// let outcome = session
///     .run("checkout")
///     .kwarg("currency", "EUR")
///     .timeout(Duration::from_secs(2))
///     .outcome()?;
/// println!("{outcome}");
/// if let Some(end) = session.ended() {
///     println!("{end}"); // for instance: session ended: timeout: ran past 2s ...
/// }
/// session.close();
/// # Ok(())
/// # }
/// ```
///
/// # The end of a session
///
/// A function that returns, an `err` included, leaves the session as it is; so does a
/// result that is too large. Everything else ends it: a trap, an exit, a limit that was
/// hit, a timeout and a cancelled call that ran (by [`Interrupt::Kill`] and by
/// [`Interrupt::Epoch`]), a lost worker. The outcome of that call says what happened. Calls
/// that wait behind it are not run: their outcomes are `cancelled`, with the reason. Later
/// calls fail with [`Error::SessionEnded`]. Nothing is run again.
///
/// A session also ends by [`close`](Session::close), when its handle is dropped, after
/// [`PoolBuilder::session_idle`](crate::PoolBuilder::session_idle) without a call, and with
/// its pool. A closed pool lets sessions finish the calls that they took; further calls fail
/// with [`Error::Closed`] or [`Error::Terminated`].
///
/// # Resources
///
/// The resources that a module exports live in its sessions. Their functions have the names
/// that WIT gives them (`[method]counter.next`) and short ones:
///
/// ```no_run
/// # fn example(session: &sandpool::Session) -> Result<(), sandpool::Error> {
/// use sandpool::Resource;
///
/// let counter: Resource = session.call("counter", (5u32,))?; // its constructor
/// let next: u32 = session.call("counter.next", (&counter,))?;
/// session.drop_resource(&counter)?;
/// # Ok(())
/// # }
/// ```
///
/// A [`Resource`] is checked before it is sent: one of another session, or one that was
/// dropped or given away (as an argument of type `own`, from the moment the call is sent),
/// is [`Error::Handle`]. A session has 10,000 handles at most.
///
/// # Limits
///
/// The memory limit is that of all calls together, since their memory is kept; the other
/// limits are of each call. The pool's `initializer` is called once, within the first call.
/// `maxtasksperchild` and `isolation` do not count here.
///
/// [`Interrupt::Kill`]: crate::Interrupt::Kill
/// [`Interrupt::Epoch`]: crate::Interrupt::Epoch
#[must_use = "dropping a session ends it"]
pub struct Session {
    shared: Arc<Shared>,
    worker_key: Arc<WorkerKey>,
    limits: TaskLimits,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("module", &self.worker_key.module.name())
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Calls a function and waits for its value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Failed`], which holds the outcome, if the call does not end `ok`,
    /// [`Error::SessionEnded`] if the session is over, and other errors if the call cannot
    /// be sent.
    pub fn call<T: FromValue>(&self, function: &str, args: impl ToArgs) -> Result<T, Error> {
        self.run(function).args(args).apply()
    }

    /// Calls a function and returns at once. The handle is also a future of the value.
    ///
    /// # Errors
    ///
    /// Returns an error if the call cannot be sent.
    pub fn call_async<T: FromValue>(
        &self,
        function: &str,
        args: impl ToArgs,
    ) -> Result<AsyncResult<T>, Error> {
        self.run(function).args(args).apply_async()
    }

    /// Returns a call of a function, to be completed and sent: with limits, keywords and
    /// callbacks of its own.
    pub fn run(&self, function: &str) -> SessionCall {
        let module = &self.worker_key.module;
        let call = Call::new(Arc::clone(&self.shared), module, Some(function));
        SessionCall::new(call.in_session(&self.worker_key, &self.limits))
    }

    /// Drops a resource of the session, and waits until the guest has done so. Clones of the
    /// handle are of no use then. The end of the session drops all that are left.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Handle`] if the session does not have the handle, and errors as
    /// [`Session::call`] does.
    pub fn drop_resource(&self, handle: &Resource) -> Result<(), Error> {
        let (interface, name) = match handle.name().rsplit_once('#') {
            Some((interface, name)) => (format!("{interface}#"), name),
            None => (String::new(), handle.name()),
        };
        self.call(&format!("{interface}[resource-drop]{name}"), (handle,))
    }

    /// Returns the id of the session's process. `None` before the first call, and when the
    /// process is gone.
    pub fn pid(&self) -> Option<u32> {
        let state = self.shared.lock();
        let mut workers = state.slots.workers();
        let worker = workers.find(|worker| worker.key() == self.worker_key.id);
        worker.map(WorkerHandle::pid)
    }

    /// Returns the reason why the session is over. `None` while it takes calls, and after
    /// [`close`](Session::close) until the calls that it took have ended.
    pub fn ended(&self) -> Option<SessionEnd> {
        let life = self.worker_key.session.as_ref();
        let end = life.and_then(|life| life.ended()).cloned();
        let takes_tasks = || self.shared.lock().life.accepts_tasks().is_ok();
        end.or_else(|| (!takes_tasks()).then_some(SessionEnd::PoolEnded))
    }

    /// Closes the session: it takes no more calls. Waits until those that it took have
    /// ended and its process is gone, except in a callback of the pool, where it does not
    /// wait. Dropping the session closes it without waiting.
    pub fn close(&self) {
        self.shared.close_session(&self.worker_key);
        self.shared.wait_for_session(&self.worker_key);
    }

    /// Closes the session as [`Session::close`] does, and is awaited. The session is closed
    /// as soon as the future is polled, even if it is dropped then.
    pub async fn close_async(&self) {
        self.shared.close_session(&self.worker_key);
        self.wait_async().await;
    }

    /// Asks the running call to stop, and returns at once. The call ends with an error of its
    /// own, and the session and its state stay. Does nothing if no call runs.
    ///
    /// This works for sessions that are [`interruptible`](SessionBuilder::interruptible) and
    /// for guests that look (they import `sandpool:task/interrupt`), such as `python` and
    /// `javascript`; not while those wait for the host or are in one long operation, and code
    /// may go on all the same. [`Session::terminate`] ends everything.
    pub fn interrupt(&self) {
        self.shared.ask_session_to_stop(&self.worker_key);
    }

    /// Ends the session at once: a running call ends `cancelled`, and so do those that
    /// wait. Waits as [`Session::close`] does until its process is gone.
    pub fn terminate(&self) {
        self.shared.terminate_session(&self.worker_key);
        self.shared.wait_for_session(&self.worker_key);
    }

    /// Ends the session as [`Session::terminate`] does, and is awaited.
    pub async fn terminate_async(&self) {
        self.shared.terminate_session(&self.worker_key);
        self.wait_async().await;
    }

    async fn wait_async(&self) {
        // On a thread that the pool waits for, or without a thread to wait, nobody waits.
        if self.shared.is_own_thread() {
            return;
        }
        let (shared, worker_key) = (Arc::clone(&self.shared), Arc::clone(&self.worker_key));
        if let Ok(over) = off_thread("session-end", move || shared.wait_for_session(&worker_key)) {
            over.await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.close_session(&self.worker_key);
    }
}
