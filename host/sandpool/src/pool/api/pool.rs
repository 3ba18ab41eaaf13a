//! The handle to a pool: multiprocessing's names, and their meaning.

use std::path::Path;
use std::sync::Arc;

use super::builder::PoolBuilder;
use super::call::{Call, snapshot_for_pool};
use super::handle::AsyncResult;
use super::imap::IMap;
use super::map::MapResult;
use super::session::SessionBuilder;
use crate::module::{AsyncLoad, LoadError, Loader, Module};
use crate::outcome::Outcome;
use crate::pool::ending;
use crate::pool::error::Error;
use crate::pool::life::PoolPhase;
use crate::pool::state::Shared;
use sandpool_protocol::layers::SandboxReport;
use sandpool_sys::EventFd;
use sandpool_value::{FromValue, ToArgs};

/// A pool of worker processes that run tasks of WebAssembly modules, as many at once as
/// there are processes.
///
/// A `Pool` is a handle: it is cheap to clone, and all clones mean one pool. Dropping the
/// last one terminates the pool and leaves no process.
///
/// Blocking calls may be made from anywhere, also from inside a tokio runtime (where they
/// block that thread).
#[derive(Clone, Debug)]
pub struct Pool {
    handle: Arc<PoolHandle>,
}

/// The part that all clones of a pool share; dropping it ends the pool.
struct PoolHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("processes", &self.shared.config.processes)
            .finish()
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        self.shared.set_phase(PoolPhase::Terminated);
        self.shared.wait_for_end();
    }
}

impl Pool {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Pool {
            handle: Arc::new(PoolHandle { shared }),
        }
    }

    /// Returns a builder; see [`PoolBuilder`] for every default.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    pub(in crate::pool) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Returns the number of tasks that run at once.
    pub fn processes(&self) -> usize {
        self.shared().config.processes
    }

    /// Returns the ids of the worker processes that live now, those of sessions included.
    /// Workers are started as they are needed, so there may be fewer than
    /// [`Pool::processes`].
    pub fn worker_pids(&self) -> Vec<u32> {
        let state = self.shared().lock();
        state.slots.workers().map(|worker| worker.pid()).collect()
    }

    /// Loads a module from a file: WebAssembly or its text format. It is compiled in a
    /// process of its own, or taken from the cache. Blocks until that is done.
    ///
    /// A word without `/` and `.` is the name of a module that is installed: `python` is the
    /// file `python.wasm` in one of the folders of `$SANDPOOL_MODULES` (separated as in
    /// `$PATH`), beside this program or its worker's, in `../share/sandpool` from there, or,
    /// for a program in cargo's `target` folder, in `target/guests`. A file in the working
    /// directory is `./python`.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is no module that can be run here; the error says why.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        self.with_initializer(|loader| loader.load_runnable(path.as_ref(), None))
    }

    /// Reads a module from a file to look at it: its functions with their types, its
    /// imports, and whether this pool could run it ([`Module::unlinked`]). The module is
    /// validated in a process of its own, and nothing of it is compiled, so this takes
    /// milliseconds where [`Pool::load`] takes seconds. No function of the module can be
    /// called; load it for that.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::load`] does, but not for imports that nobody provides,
    /// nor for a limit that compiling the module would run past.
    pub fn inspect(&self, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        self.shared().loader.load_file(path.as_ref(), None)
    }

    /// Loads a module from bytes, as [`Pool::load`] does from a file.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::load`] does.
    pub fn load_bytes(&self, bytes: impl AsRef<[u8]>) -> Result<Module, LoadError> {
        self.with_initializer(|loader| loader.load_bytes(bytes.as_ref(), None))
    }

    /// Loads a module as [`Pool::load`] does, and is awaited: all blocking work is done on
    /// a thread of its own and by the compiler's process. Dropping the future ends the
    /// compilation; see [`AsyncLoad`].
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
        self.load_apart(path.display().to_string(), move |shared, given_up| {
            let module = shared.loader.load_runnable(&path, Some(given_up))?;
            snapshot_for_pool(shared, module.clone(), Some(given_up)).map(|_| module)
        })
    }

    /// Loads a module as [`Pool::inspect`] does, and is awaited; see [`Pool::load_async`].
    pub fn inspect_async(&self, path: impl AsRef<Path>) -> AsyncLoad {
        let path = path.as_ref().to_owned();
        self.load_apart(path.display().to_string(), move |shared, given_up| {
            shared.loader.load_file(&path, Some(given_up))
        })
    }

    /// Loads a module as [`Pool::load_bytes`] does, and is awaited; see
    /// [`Pool::load_async`].
    pub fn load_bytes_async(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> AsyncLoad {
        self.load_apart("module".into(), move |shared, given_up| {
            let loader = &shared.loader;
            let module = loader.load_bytes(bytes.as_ref(), Some(given_up))?;
            snapshot_for_pool(shared, module.clone(), Some(given_up)).map(|_| module)
        })
    }

    fn load_apart(
        &self,
        shown: String,
        load: impl FnOnce(&Arc<Shared>, &EventFd) -> Result<Module, LoadError> + Send + 'static,
    ) -> AsyncLoad {
        let shared = Arc::clone(self.shared());
        AsyncLoad::new(shown, move |given_up| load(&shared, given_up))
    }

    /// Loads a module, and has its snapshot taken if this pool's modules have one.
    fn with_initializer(
        &self,
        load: impl FnOnce(&Loader) -> Result<Module, LoadError>,
    ) -> Result<Module, LoadError> {
        let module = load(&self.shared().loader)?;
        snapshot_for_pool(self.shared(), module.clone(), None).map(|_| module)
    }

    /// Returns a call of a function, to be completed and sent. The function is found by its
    /// name or by any unique suffix of its full name when the call is sent.
    pub fn call(&self, module: &Module, function: &str) -> Call {
        Call::new(Arc::clone(self.shared()), module, Some(function))
    }

    /// Returns a run of a module that is a command, to be completed and sent.
    pub fn command(&self, module: &Module) -> Call {
        Call::new(Arc::clone(self.shared()), module, None)
    }

    /// Returns a session of a module, to be completed and opened: one live instance whose
    /// state is kept from call to call; see [`Session`](crate::Session).
    pub fn session(&self, module: &Module) -> SessionBuilder {
        SessionBuilder::new(Arc::clone(self.shared()), module)
    }

    /// Calls a function and waits for its value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Failed`], which holds the outcome, if the task does not end `ok`,
    /// and other errors if it cannot be sent.
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
    ///
    /// Returns an error if the task cannot be sent.
    pub fn apply_async<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        args: impl ToArgs,
    ) -> Result<AsyncResult<T>, Error> {
        self.call(module, function).args(args).apply_async()
    }

    /// Calls a function for each item and waits for all outcomes, in the order of the
    /// items. A task that fails costs no other its result.
    ///
    /// All items are taken at once; for more than fit into memory, use [`Pool::imap`].
    ///
    /// # Errors
    ///
    /// Returns an error if the tasks cannot be sent, or an item does not fit the function.
    pub fn map<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        self.call(module, function).map(items)
    }

    /// Calls a function for each item, as [`Pool::map`] does, and returns the values alone,
    /// or the first error.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Call::map_values`] does.
    pub fn map_values<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<T>, Error> {
        self.call(module, function).map_values(items)
    }

    /// Calls a function for each item, as [`Pool::map`] does, without waiting.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::map`] does.
    pub fn map_async<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.call(module, function).map_async(items)
    }

    /// Calls a function for each item, as [`Pool::map`] does. multiprocessing has two
    /// names, for items that are one argument and for items that are tuples of them. Here
    /// both methods take both.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::map`] does.
    pub fn starmap<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<Vec<Outcome<T>>, Error> {
        self.map(module, function, items)
    }

    /// Calls a function for each item, as [`Pool::map_async`] does; see [`Pool::starmap`].
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::map`] does.
    pub fn starmap_async<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs>,
    ) -> Result<MapResult<T>, Error> {
        self.map_async(module, function, items)
    }

    /// Calls a function for each item and yields the outcomes in the order of the items,
    /// each as soon as it and all before it are there. Items are pulled as they are needed,
    /// on a thread of their own. An item that does not fit the function has the outcome
    /// `invalid_arguments`.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool takes no tasks, or the function cannot be called.
    pub fn imap<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        self.call(module, function).imap(items)
    }

    /// Calls a function for each item, as [`Pool::imap`] does, and yields the outcomes in
    /// the order in which the tasks end.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::imap`] does.
    pub fn imap_unordered<T: FromValue>(
        &self,
        module: &Module,
        function: &str,
        items: impl IntoIterator<Item: ToArgs, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        self.call(module, function).imap_unordered(items)
    }

    /// Closes the pool: it takes no more tasks. Submitted tasks, and the streams of calls
    /// that have begun, are finished; then the workers end.
    pub fn close(&self) {
        self.shared().set_phase(PoolPhase::Closed);
    }

    /// Terminates the pool at once: tasks that have not ended are cancelled. Returns when
    /// no process is left.
    pub fn terminate(&self) {
        self.shared().set_phase(PoolPhase::Terminated);
        self.shared().wait_for_end();
    }

    /// Pauses the pool: no further task is begun until [`Pool::resume`]. Running tasks go
    /// on; tasks that were sent ahead to workers are taken back. Tasks can still be
    /// submitted and cancelled, and `join` waits.
    ///
    /// Meant for a while in which the machine has no room for more tasks.
    pub fn pause(&self) {
        let mut state = self.shared().lock();
        state.life.pause(true);
        state.recall(|_| true);
    }

    /// Resumes the pool after [`Pool::pause`].
    pub fn resume(&self) {
        self.shared().lock().life.pause(false);
        self.shared().wake.ring();
    }

    /// Returns the reason why the pool broke, if it did.
    pub fn broken(&self) -> Option<String> {
        self.shared().lock().life.broken().map(str::to_owned)
    }

    /// Returns the extent to which each layer of the sandbox holds: by the report of this
    /// pool's first child that misses a layer, else by that of its first child. `None`
    /// before there was a child.
    pub fn sandbox_report(&self) -> Option<SandboxReport> {
        self.shared().loader.confinement.report()
    }

    /// Returns the reason why output that was to be passed on could not be written, or
    /// input that a guest asked for could not be read, if that happened: a full disk, say,
    /// or a closed stream. A reader that has left is no trouble.
    pub fn stdio_trouble(&self) -> Option<&str> {
        self.shared().trouble.get().map(String::as_str)
    }

    /// Waits until all tasks have ended, all callbacks have run and no process is left.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotClosed`] unless `close` or `terminate` was called before,
    /// [`Error::Broken`] if the pool broke, and [`Error::WouldDeadlock`] from a callback.
    pub fn join(&self) -> Result<(), Error> {
        let shared = self.shared();
        shared.prepare_to_join()?;
        shared.wait_for_end();
        shared.joined()
    }
}

impl Pool {
    /// Awaits the end of the pool, as [`Pool::join`] waits for it. Dropping the future
    /// changes nothing: the pool goes on to its end.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::join`] does.
    pub async fn join_async(&self) -> Result<(), Error> {
        let shared = self.shared();
        shared.prepare_to_join()?;
        ending::ended(shared).await?;
        shared.joined()
    }

    /// Terminates the pool as [`Pool::terminate`] does, and awaits that no process is left.
    /// Tasks are cancelled as soon as the future is polled, even if it is dropped then.
    ///
    /// Dropping the last handle of a pool waits for its end; after this there is nothing
    /// left to wait for.
    pub async fn terminate_async(&self) {
        let shared = self.shared();
        shared.set_phase(PoolPhase::Terminated);
        // On a thread that the pool waits for, or without a thread to wait, nobody waits,
        // just as in `terminate`.
        if !shared.is_own_thread() {
            let _ = ending::ended(shared).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_panic_of_the_dispatcher_breaks_the_pool_and_nobody_waits_for_ever() {
        let pool = Pool::builder().worker_binary("/bin/false").build();
        let pool = pool.expect("nothing is started yet");
        pool.shared().lock().dispatcher_panics = true;
        pool.shared().wake.ring();
        let begun = Instant::now();
        while pool.broken().is_none() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "it is not broken"
            );
            std::thread::yield_now();
        }
        let why = pool.broken().unwrap_or_default();
        assert!(why.contains("dispatcher panicked"), "{why}");
        assert!(why.contains("as told"), "{why}");
        let refused = pool.load("no-such-file.wasm");
        assert!(refused.is_err());
        pool.close();
        assert!(matches!(pool.join(), Err(Error::Broken { .. })));
    }
}
