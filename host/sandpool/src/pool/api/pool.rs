//! The handle to a pool: multiprocessing's names, and their meaning.

use std::path::Path;
use std::sync::Arc;

use super::builder::PoolBuilder;
use super::call::Call;
use super::handle::AsyncResult;
use super::imap::IMap;
use super::map::MapResult;
use crate::module::{AsyncLoad, LoadError, Loader, Module};
use crate::outcome::Outcome;
use crate::pool::ending;
use crate::pool::error::Error;
use crate::pool::life::PoolPhase;
use crate::pool::state::{Shared, Slot};
use sandpool_protocol::layers::SandboxReport;
use sandpool_sys::EventFd;
use sandpool_value::{FromValue, ToArgs};

/// Worker processes that run tasks of WebAssembly modules, as many at once as
/// there are processes.
///
/// A `Pool` is a handle: it is cheap to clone, and all clones mean the same
/// pool. Dropping the last one terminates the pool and leaves no process.
///
/// Blocking calls may be made from anywhere, also from inside a tokio runtime
/// (where they block that thread).
#[derive(Clone, Debug)]
pub struct Pool {
    handle: Arc<Handle>,
}

/// What all clones of a pool share; its end is the pool's.
struct Handle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("processes", &self.shared.config.processes)
            .finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.set_phase(PoolPhase::Terminated);
        self.shared.wait_for_end();
    }
}

impl Pool {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Pool {
            handle: Arc::new(Handle { shared }),
        }
    }

    /// A builder; see its methods for every default.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// How many tasks run at once.
    pub fn processes(&self) -> usize {
        self.shared().config.processes
    }

    /// The processes that live now. Workers are started as they are needed, so
    /// there may be fewer than [`Pool::processes`].
    pub fn worker_pids(&self) -> Vec<u32> {
        let state = self.shared().lock();
        state
            .slots
            .iter()
            .filter_map(Slot::worker)
            .map(|worker| worker.pid())
            .collect()
    }

    /// Loads a module from a file: WebAssembly or its text format. It is
    /// compiled in a process of its own, or taken from the cache.
    ///
    /// Blocks until that is done.
    ///
    /// # Errors
    /// If the file is no module that can be run here; the error says why.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        self.shared().loader.load_runnable(path.as_ref(), None)
    }

    /// As [`Pool::load`], to look at the module: also one whose imports nobody
    /// gives, so that they can be shown. The functions of such a module cannot
    /// be called.
    ///
    /// # Errors
    /// As [`Pool::load`], but for imports.
    pub fn inspect(&self, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        self.shared().loader.load_file(path.as_ref(), None)
    }

    /// As [`Pool::load`], from bytes.
    ///
    /// # Errors
    /// As [`Pool::load`].
    pub fn load_bytes(&self, bytes: impl AsRef<[u8]>) -> Result<Module, LoadError> {
        self.shared().loader.load_bytes(bytes.as_ref(), None)
    }

    /// As [`Pool::load`], for those who await: all that blocks is done on a thread of
    /// its own and by the compiler's process. A future that is dropped ends its
    /// compilation; [`AsyncLoad`] tells more.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = sandpool::Pool::builder().build()?;
    /// let (math, text) = (pool.load_async("math.wasm"), pool.load_async("text.wasm"));
    /// let (math, text) = tokio::try_join!(math, text)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn load_async(&self, path: impl AsRef<Path>) -> AsyncLoad {
        let path = path.as_ref().to_owned();
        self.load_apart(path.display().to_string(), move |loader, given_up| {
            loader.load_runnable(&path, Some(given_up))
        })
    }

    /// As [`Pool::inspect`], for those who await; see [`Pool::load_async`].
    pub fn inspect_async(&self, path: impl AsRef<Path>) -> AsyncLoad {
        let path = path.as_ref().to_owned();
        self.load_apart(path.display().to_string(), move |loader, given_up| {
            loader.load_file(&path, Some(given_up))
        })
    }

    /// As [`Pool::load_bytes`], for those who await; see [`Pool::load_async`].
    pub fn load_bytes_async(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> AsyncLoad {
        self.load_apart("module".into(), move |loader, given_up| {
            loader.load_bytes(bytes.as_ref(), Some(given_up))
        })
    }

    fn load_apart(
        &self,
        shown: String,
        load: impl FnOnce(&Loader, &EventFd) -> Result<Module, LoadError> + Send + 'static,
    ) -> AsyncLoad {
        let shared = Arc::clone(self.shared());
        AsyncLoad::new(shown, move |given_up| load(&shared.loader, given_up))
    }

    /// Puts together a call of a function, found by name or by any unique
    /// suffix of its full name.
    pub fn call(&self, module: &Module, function: &str) -> Call {
        Call::new(Arc::clone(self.shared()), module, Some(function))
    }

    /// Puts together a run of a module that is a command.
    pub fn command(&self, module: &Module) -> Call {
        Call::new(Arc::clone(self.shared()), module, None)
    }

    /// Calls a function and waits for its value.
    ///
    /// # Errors
    /// [`Error::Failed`] if the task does not end `ok`; others if it cannot be
    /// sent.
    pub fn apply<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.call(module, function).args(args).apply()
    }

    /// Calls a function and returns at once.
    ///
    /// # Errors
    /// If the task cannot be sent.
    pub fn apply_async<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        args: impl ToArgs,
    ) -> Result<AsyncResult<T>, Error> {
        self.call(module, function).args(args).apply_async()
    }

    /// Calls a function for each item and waits for all outcomes, in the order
    /// of the items. A task that fails costs no other its result.
    ///
    /// All items are taken at once; for more than fit into memory, use
    /// [`Pool::imap`].
    ///
    /// # Errors
    /// If the tasks cannot be sent, or an item does not fit the function.
    pub fn map<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        self.call(module, function).map(items)
    }

    /// As [`Pool::map`], for the values alone, or the first error.
    ///
    /// # Errors
    /// As [`Call::map_values`].
    pub fn map_values<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<T>, Error> {
        self.call(module, function).map_values(items)
    }

    /// As [`Pool::map`], without waiting.
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn map_async<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.call(module, function).map_async(items)
    }

    /// As [`Pool::map`]; multiprocessing has two names, for items that are one
    /// argument and for items that are tuples of them. Here both take both.
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn starmap<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        self.map(module, function, items)
    }

    /// As [`Pool::map_async`]; see [`Pool::starmap`].
    ///
    /// # Errors
    /// As [`Pool::map`].
    pub fn starmap_async<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.map_async(module, function, items)
    }

    /// Calls a function for each item and yields the outcomes in the order of
    /// the items, each as soon as it and all before it are there. Items are
    /// pulled as they are needed, on a thread of their own. An item that does
    /// not fit the function has the outcome `invalid_arguments`.
    ///
    /// # Errors
    /// If the pool takes no tasks, or the function cannot be called.
    pub fn imap<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        self.call(module, function).imap(items)
    }

    /// As [`Pool::imap`], in the order in which the tasks end.
    ///
    /// # Errors
    /// As [`Pool::imap`].
    pub fn imap_unordered<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        self.call(module, function).imap_unordered(items)
    }

    /// Takes no more tasks. Those that were submitted, and the streams of calls
    /// that have begun, are finished; then the workers end.
    pub fn close(&self) {
        self.shared().set_phase(PoolPhase::Closed);
    }

    /// Ends at once: tasks that have not ended are cancelled. Returns when no
    /// process is left.
    pub fn terminate(&self) {
        self.shared().set_phase(PoolPhase::Terminated);
        self.shared().wait_for_end();
    }

    /// Begins no further task until [`Pool::resume`]: what waits, waits. Tasks
    /// that run go on; those that were sent ahead of their time come back. Tasks
    /// can be submitted and cancelled as ever, and `join` waits.
    ///
    /// For a while in which the machine has no room for them.
    pub fn pause(&self) {
        let mut state = self.shared().lock();
        state.life.pause(true);
        state.recall(|_| true);
    }

    /// Ends a [`Pool::pause`].
    pub fn resume(&self) {
        self.shared().lock().life.pause(false);
        self.shared().wake.ring();
    }

    /// What broke the pool, if something has.
    pub fn broken(&self) -> Option<String> {
        self.shared().lock().life.broken().map(str::to_owned)
    }

    /// How much of each layer of the sandbox holds, as the first child of this
    /// pool reported it that misses one, else its first child; `None` before
    /// there was one.
    pub fn sandbox_report(&self) -> Option<SandboxReport> {
        self.shared().loader.confinement.report()
    }

    /// Why output that was to be passed on could not be written, or input that a guest
    /// asked for could not be read, if so: a full disk, say, or a stream that is closed.
    /// A reader that has left is none.
    pub fn stdio_trouble(&self) -> Option<&str> {
        self.shared().trouble.get().map(String::as_str)
    }

    /// Waits until all tasks have ended, all callbacks have run and no process
    /// is left.
    ///
    /// # Errors
    /// [`Error::NotClosed`] unless `close` or `terminate` was called before;
    /// [`Error::Broken`] if the pool broke; [`Error::WouldDeadlock`] from a
    /// callback.
    pub fn join(&self) -> Result<(), Error> {
        let shared = self.shared();
        shared.prepare_to_join()?;
        shared.wait_for_end();
        shared.joined()
    }
}

impl Pool {
    /// Awaits what [`Pool::join`] waits for. A future that is dropped changes
    /// nothing: the pool goes on to its end.
    ///
    /// # Errors
    /// As [`Pool::join`].
    pub async fn join_async(&self) -> Result<(), Error> {
        let shared = self.shared();
        shared.prepare_to_join()?;
        ending::ended(shared).await?;
        shared.joined()
    }

    /// Ends the pool as [`Pool::terminate`] does, and awaits that no process is
    /// left. Tasks are cancelled as soon as this is polled, also if it is dropped
    /// then.
    ///
    /// To drop the last handle of a pool waits for its end; after this there is
    /// nothing left to wait for.
    pub async fn terminate_async(&self) {
        let shared = self.shared();
        shared.set_phase(PoolPhase::Terminated);
        // On a thread that the pool waits for, or where there is no thread, nobody
        // waits, as `terminate` does not.
        if !shared.is_own_thread() {
            let _ = ending::ended(shared).await;
        }
    }
}
