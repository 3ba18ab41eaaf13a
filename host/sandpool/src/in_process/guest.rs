//! A module that is loaded into this process, and calls of its functions.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use wasmtime::{Engine, Store};

use super::InProcessError;
use super::outcome::Ran;
use super::watchdog::Watchdog;
use crate::module::Module;
use crate::outcome::Outcome;
use crate::pool::{Error, PoolSettings, value_of};
use sandpool_protocol::settings::{LogLevel, Stdio};
use sandpool_sys::SealedMemory;
use sandpool_value::{FromValue, ToArgs, Value, encode_args};
use sandpool_worker::engine::bounds::Bounds;
use sandpool_worker::engine::clock::GuestClock;
use sandpool_worker::engine::code::{Artifact, Code, Live, Unloadable};
use sandpool_worker::engine::config;
use sandpool_worker::engine::files::{Files, Granted};
use sandpool_worker::engine::guest::{Guest, Messages, TaskInfo};
use sandpool_worker::engine::http::GuestHttp;
use sandpool_worker::engine::output::Output;
use sandpool_worker::engine::wasi::{GuestOptions, GuestWasi, WasiParts};

/// A module that you trust, loaded into this process. It runs one call at a time; for
/// several at once, [`another`](InProcess::another) makes a further one.
pub struct InProcess {
    module: Module,
    settings: Arc<PoolSettings>,
    engine: Engine,
    code: Code,
    wasi: Arc<WasiParts>,
    watchdog: Option<Watchdog>,
    /// An instance that is kept for further calls.
    kept: Option<Live>,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess")
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

/// The handler of log lines and progress, which have nowhere to go here.
struct Unheard;

impl Messages for Unheard {
    fn log(&self, _: LogLevel, _: String) {}
    fn progress(&self, _: u64, _: Option<u64>, _: Option<String>) {}

    fn may_ask_to_stop(&self) -> bool {
        false
    }

    fn asks_to_stop(&self) -> bool {
        false
    }
}

impl InProcess {
    pub(super) fn new(settings: Arc<PoolSettings>, module: Module) -> Result<Self, InProcessError> {
        let name = || module.name().to_owned();
        let refused = |error: wasmtime::Error| InProcessError::Refused {
            module: name(),
            source: error.into(),
        };
        let engine_settings = module.settings();
        let engine = config::engine(engine_settings).map_err(refused)?;
        let unreadable = |source| InProcessError::Unreadable {
            module: name(),
            source,
        };
        let artifact = module.artifact().map_err(unreadable)?;
        let load = |artifact: Artifact<'_>| {
            let links = &settings.loader.links;
            Code::load(&engine, artifact, module.is_component(), links)
        };
        let path = artifact_path(artifact);
        let code = match std::fs::exists(&path) {
            Ok(true) => load(Artifact::File(&path)),
            // There is no `/proc`.
            _ => load(Artifact::Bytes(&artifact.read().map_err(unreadable)?)),
        };
        let code = code.map_err(|unloadable| match unloadable {
            Unloadable::Artifact(error) => refused(error),
            Unloadable::Module(reason) => InProcessError::Undescribed {
                module: name(),
                reason,
            },
        })?;
        let watchdog = match engine_settings.check_epochs {
            true => Some(
                Watchdog::start(engine.clone()).map_err(|source| Error::System {
                    what: "start the thread that watches deadlines",
                    source,
                })?,
            ),
            false => None,
        };
        let output = || match settings.stdio {
            Stdio::Capture => Arc::new(Output::captured()),
            Stdio::Inherit | Stdio::Null => Arc::new(Output::thrown_away()),
        };
        Ok(InProcess {
            wasi: Arc::new(WasiParts {
                stdout: output(),
                stderr: output(),
                env: settings.grants.env.clone(),
                filesystem: None,
            }),
            module,
            settings,
            engine,
            code,
            watchdog,
            kept: None,
        })
    }

    /// Returns the module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Calls a function, found by name or by any unique suffix of its full name, and waits
    /// for its value.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Pool::apply`](crate::Pool::apply) does.
    pub fn apply<T: FromValue>(&mut self, function: &str, args: impl ToArgs) -> Result<T, Error> {
        self.outcome(function, args).and_then(value_of)
    }

    /// Calls a function and returns its outcome. There is no queue, so nothing waits in it,
    /// and no worker to lose.
    ///
    /// # Errors
    ///
    /// Returns an error if the module has no function of this name, or the arguments do not
    /// fit it.
    pub fn outcome(&mut self, function: &str, args: impl ToArgs) -> Result<Outcome<Value>, Error> {
        let index = self.module.find_index(function)?;
        let found = &self.module.callables()[index];
        if let Some(why) = found.uncallable() {
            return Err(Error::Unsupported {
                function: found.name.clone(),
                why,
            });
        }
        let arguments = encode_args(&args.into_args().bind(found)?);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if tokio::runtime::Handle::try_current().is_err() {
            return Ok(self.run(index, &arguments));
        }
        // A guest that waits would block this thread's runtime, which tokio
        // answers with a panic.
        let apart = thread::scope(|scope| scope.spawn(|| self.run(index, &arguments)).join());
        apart.map_err(|_| Error::CallPanicked)
    }

    fn run(&mut self, function: u32, arguments: &[u8]) -> Outcome<Value> {
        let kept = self.kept.take();
        let (outcome, kept) = self.run_in(kept, function, arguments);
        self.kept = kept;
        outcome
    }

    /// Calls in the instance that was kept, or in a new one; returns `true` if the instance
    /// is to be kept for the next call.
    fn run_in(
        &self,
        kept: Option<Live>,
        function: u32,
        arguments: &[u8],
    ) -> (Outcome<Value>, Option<Live>) {
        let started = Instant::now();
        let limits = &self.settings.task_limits;
        let deadline = limits
            .timeout
            .value
            .and_then(|time| started.checked_add(time));
        let _watched = self.watchdog.as_ref().map(|dog| dog.watch(deadline));
        let mut live = match self.ready(kept, function, started, deadline) {
            Ok(live) => live,
            Err((store, error)) => return (self.tell(function, started, &store, Err(error)), None),
        };
        let called = self.code.call(&mut live, function, arguments);
        let sound = called.is_ok();
        let outcome = self.tell(function, started, &live.store, called);
        live.used += 1;
        // An instance that trapped may be in any state: only sound instances are kept.
        let keep = sound && live.used < self.settings.reuse;
        (outcome, keep.then_some(live))
    }

    /// Returns the instance that was kept, or a new one, ready for a call.
    fn ready(
        &self,
        kept: Option<Live>,
        function: u32,
        started: Instant,
        deadline: Option<Instant>,
    ) -> Result<Live, (Store<Guest>, wasmtime::Error)> {
        if let Some(mut live) = kept {
            return match self.begin(&mut live.store, function, deadline) {
                Ok(()) => Ok(live),
                Err(error) => Err((live.store, error)),
            };
        }
        let mut store = self.store(started);
        let made = self
            .begin(&mut store, function, deadline)
            .and_then(|()| self.code.instantiate(&mut store));
        match made {
            Ok(instance) => Ok(Live::new(store, instance)),
            Err(error) => Err((store, error)),
        }
    }

    /// Makes a store as a worker does for a guest without grants.
    fn store(&self, started: Instant) -> Store<Guest> {
        let options = GuestOptions {
            max_random: self.host_calls() as u64,
            ..GuestOptions::default()
        };
        let guest = Guest {
            wasi: GuestWasi::new(&self.wasi, options, GuestClock::starting(started)),
            files: Files::new(Granted::new(&[]), self.module.is_interpreter()),
            task: TaskInfo::default(),
            bounds: Bounds::new(self.module.settings()),
            messages: Arc::new(Unheard),
            broker: None,
            http: GuestHttp::new(None),
            host_call_arguments: None,
            log_left: None,
        };
        guest.into_store(&self.engine)
    }

    /// Sets the limits of one call.
    fn begin(
        &self,
        store: &mut Store<Guest>,
        function: u32,
        deadline: Option<Instant>,
    ) -> wasmtime::Result<()> {
        let limits = &self.settings.task_limits;
        let host_calls = self.host_calls() as u64;
        self.wasi.stdout.begin(limits.stdout.value, host_calls);
        self.wasi.stderr.begin(limits.stderr.value, host_calls);
        if self.module.settings().count_fuel {
            store.set_fuel(limits.fuel.value.unwrap_or(u64::MAX))?;
        }
        if self.watchdog.is_some() {
            store.set_epoch_deadline(1);
        }
        store.set_hostcall_fuel(self.host_calls());
        let guest = store.data_mut();
        guest.task = TaskInfo {
            attempt: 1,
            name: self.code.function(function)?.name.as_str().into(),
            worker_pid: std::process::id(),
            deadline,
            ..TaskInfo::default()
        };
        guest.log_left = limits.log.value;
        guest.bounds.begin(limits.memory.value, host_calls);
        Ok(())
    }

    /// Returns the memory that one host call of the guest may take in this process; no
    /// allocation is larger than a terabyte, as in a worker.
    fn host_calls(&self) -> usize {
        let limit = self
            .settings
            .task_limits
            .host_calls
            .value
            .unwrap_or(u64::MAX);
        usize::try_from(limit.min(1 << 40)).unwrap_or(usize::MAX)
    }

    fn tell(
        &self,
        function: u32,
        started: Instant,
        store: &Store<Guest>,
        called: wasmtime::Result<sandpool_worker::engine::call::Returned>,
    ) -> Outcome<Value> {
        let captured = self.settings.stdio == Stdio::Capture;
        let ran = Ran {
            module: &self.module,
            function: self.module.functions().get(function as usize),
            limits: &self.settings.task_limits,
            pool: &self.settings.loader.limits,
            run_time: started.elapsed(),
            stdout: captured.then(|| self.wasi.stdout.take()),
            stderr: captured.then(|| self.wasi.stderr.take()),
        };
        ran.outcome(store, called)
    }

    /// Returns the module once more, for another thread: each runs one call at a time.
    /// Nothing is compiled again.
    ///
    /// # Errors
    ///
    /// Returns an error if wasmtime refuses it, usually for lack of memory.
    pub fn another(&self) -> Result<Self, InProcessError> {
        InProcess::new(Arc::clone(&self.settings), self.module.clone())
    }
}

/// Returns the path by which wasmtime finds the artifact in sealed memory: its descriptor.
pub(super) fn artifact_path(artifact: &SealedMemory) -> String {
    use std::os::fd::AsFd;
    format!("/proc/self/fd/{}", artifact.as_fd().as_raw_fd())
}
