//! The handle to a pool: multiprocessing's names, and their meaning.

use std::path::Path;
use std::sync::{Arc, MutexGuard, Weak};
use std::thread;

use super::builder::PoolBuilder;
use super::call::Call;
use super::handle::AsyncResult;
use super::imap::IMap;
use super::map::MapResult;
use crate::module::{AsyncLoad, LoadError, Loader, Module};
use crate::outcome::{Outcome, Verdict};
use crate::pool::error::Error;
use crate::pool::state::{PoolPhase, PoolState, Shared, Slot};
use crate::pool::stream::StreamState;
use crate::pool::tasks::Batch;
use crate::pool::tasks::outcome;
use crate::pool::tasks::{KeyId, Task};
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
            .map(|worker| worker.child.pid())
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
        state.paused = true;
        state.recall(|_| true);
    }

    /// Ends a [`Pool::pause`].
    pub fn resume(&self) {
        self.shared().lock().paused = false;
        self.shared().wake.ring();
    }

    /// What broke the pool, if something has.
    pub fn broken(&self) -> Option<String> {
        match &self.shared().lock().phase {
            PoolPhase::Broken(reason) => Some(reason.clone()),
            _ => None,
        }
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

impl PoolState {
    fn is_at_end(&self) -> bool {
        self.ended || matches!(self.phase, PoolPhase::Broken(_))
    }

    pub(crate) fn is_own_thread(&self) -> bool {
        self.own_threads.contains(&thread::current().id())
    }
}

impl Shared {
    /// Whether this is a thread that the pool itself waits for.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.lock().is_own_thread()
    }

    /// Has the pool come to an end without anybody reading what it does.
    ///
    /// # Errors
    /// If it still takes tasks, or waits for this very thread.
    pub(crate) fn prepare_to_join(&self) -> Result<(), Error> {
        let state = self.lock();
        if state.phase == PoolPhase::Open {
            return Err(Error::NotClosed);
        }
        if state.is_own_thread() {
            return Err(Error::WouldDeadlock);
        }
        // Nobody dead-locks by joining before reading: streams no longer wait
        // for their readers.
        let streams: Vec<_> = state.streams.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        streams.iter().for_each(|stream| stream.lift());
        Ok(())
    }

    /// What became of a pool that was joined.
    pub(crate) fn joined(&self) -> Result<(), Error> {
        match &self.lock().phase {
            PoolPhase::Broken(reason) => Err(Error::Broken {
                reason: reason.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Waits until the dispatcher has ended, unless this is one of the threads
    /// that it waits for.
    pub(crate) fn wait_for_end(&self) {
        let mut state = self.lock();
        while !state.is_at_end() && !state.is_own_thread() {
            state = self.wait(state);
        }
    }

    /// Whether there is nothing to wait for.
    pub(crate) fn is_at_end(&self) -> bool {
        self.lock().is_at_end()
    }

    /// Takes over what a stream holds, be it one that began before the pool was
    /// closed, and waits while the queue is full. If there is an error, the stream
    /// holds the rest.
    ///
    /// # Errors
    /// If the pool takes no more.
    pub(crate) fn take_over(&self, stream: &Arc<StreamState>) -> Result<(), Error> {
        let goes_on =
            |state: &PoolState| matches!(state.phase, PoolPhase::Open | PoolPhase::Closed);
        loop {
            let mut state = self.lock();
            while self.room(&state) == 0 && goes_on(&state) && stream.has_pending() {
                state = self.wait(state);
            }
            if !goes_on(&state) {
                return state.accepts_tasks();
            }
            let room = self.room(&state);
            let tasks = stream.take_pending(room);
            let is_all = tasks.is_empty() || room == usize::MAX;
            self.enqueue(state, tasks.into_iter());
            if is_all {
                return Ok(());
            }
        }
    }

    /// Cancels a task wherever it is. It ends by the usual way, so its waiter
    /// hears of it once.
    pub(crate) fn cancel(&self, key: KeyId, id: u64) {
        let mut state = self.lock();
        let mut waiting = state.queue.remove(key, id);
        if waiting.is_none() {
            state.recall(|task| task.id == id);
            waiting = state.queue.remove(key, id);
        }
        self.never_ran(state, waiting.into_iter().collect());
    }

    /// Cancels every task whose flag says so.
    pub(crate) fn sweep_cancelled(&self) {
        self.sweep(Batch::is_cancelled);
    }

    /// Settles tasks that were cancelled before anybody ran them.
    pub(crate) fn never_ran(&self, state: MutexGuard<'_, PoolState>, tasks: Vec<Task>) {
        drop(state);
        let count = tasks.len() as u64;
        for task in tasks {
            let reason = "cancelled before it ran".into();
            let completion = outcome::never_ran(task, Verdict::Cancelled, reason);
            self.callback_sender.finish(completion);
        }
        // Only now: the pool may end as soon as nothing is unfinished.
        self.lock().unfinished -= count;
        // What runs, or is about to, is the dispatcher's affair; and what was
        // recalled for the sake of others goes out again.
        self.wake.ring();
    }
}

impl PoolState {
    /// Takes back what was sent to workers that have such a task and nobody
    /// has claimed.
    pub(crate) fn recall(&mut self, such: impl Fn(&Task) -> bool) {
        let PoolState { slots, queue, .. } = self;
        for worker in slots.iter_mut().filter_map(Slot::worker_mut) {
            // A violation is found again, and answered, by the dispatcher.
            if worker.sent.iter().any(&such)
                && let Ok(back) = worker.take_back()
            {
                queue.put_back(back.into_iter());
            }
        }
    }
}
