//! The settings of a pool, and their defaults.

mod capabilities;
mod host_calls;
mod sessions;
mod settings;
mod snapshot;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::grants;
use super::pool::Pool;
use crate::confinement::{self, Confinement, GapHandler, OpenGrant, Probed};
use crate::module::{CacheTrouble, LoadError, Loader, TroubleHandler, find_by_name, probe_cache};
use crate::pool::config::Config;
use crate::pool::error::{Error, GrantError, SettingError};
use crate::pool::host_calls::{MAX_CALL_THREADS, PoolImports, Tools};
use crate::pool::http_grants::HttpGrants;
use crate::pool::output::{Handlers, LogRecord, ProgressReport};
use crate::pool::scheduler::StartTrouble;
use crate::pool::threads;
use crate::pool::worker::binary;
use crate::shared::{Share, Shares};
use sandpool_protocol::control::WorkerGrants;
use sandpool_protocol::layers::{Layer, SandboxReport};
use sandpool_protocol::limits::{Limit, Origin, PoolLimits, TaskLimits};
use sandpool_protocol::ring::INLINE;
use sandpool_protocol::roles::WORKER_ROLE;
use sandpool_protocol::settings::{
    DirGrant, Interrupt, Isolation, Sandbox, Stdio, UnknownImports, WasmFeature,
};
use sandpool_sys::{Attempt, Program};
use sandpool_value::{Args, ToArgs};

pub(in crate::pool::api) use host_calls::check_tools;
use sessions::SessionSettings;
#[cfg(feature = "in-process")]
pub(crate) use settings::PoolSettings;

/// The largest number of processes; a larger one is taken for a mistake.
const MAX_PROCESSES: usize = 65_535;

/// The highest niceness of a process.
const MAX_NICE: u8 = 19;

/// The private memory in bytes that a worker needs beside its guests' linear memory.
const WORKER_MEMORY: u64 = 512 * sandpool_protocol::limits::MIB;

/// Builds a [`Pool`].
///
/// ```no_run
/// use std::time::Duration;
/// use sandpool::{MIB, Pool};
///
/// let pool = Pool::builder()
///     .processes(4)
///     .timeout(Duration::from_secs(2))
///     .memory(64 * MIB)
///     .build()?;
/// # drop(pool);
/// # Ok::<(), sandpool::Error>(())
/// ```
///
/// Every limit takes a value, or `None` for no limit. Sizes are in bytes. Defaults:
///
/// | setting | default |
/// |---|---|
/// | `processes` | number of cores |
/// | `maxtasksperchild` | no limit |
/// | `nice` | 0: as nice as the host |
/// | `isolation` | [`Isolation::Process`]: a fresh instance for each task |
/// | `interrupt` | [`Interrupt::Kill`] |
/// | `stdio` | [`Stdio::Capture`] |
/// | `whole_lines` | yes, for output that is passed on |
/// | `sandbox` | [`Sandbox::Auto`] |
/// | `timeout` | 10 s |
/// | `cpu_time`, `fuel`, `queue_length` | no limit |
/// | `memory` | 128 MiB |
/// | `result_limit`, `arguments_limit` | 64 MiB each |
/// | `stdout_limit`, `stderr_limit`, `log_limit` | 1 MiB each |
/// | `host_call_memory` | 256 MiB |
/// | `http_requests`, `http_bytes` | 100; 16 MiB each way |
/// | `host_call_arguments`, `host_call_results` | 1 MiB, 16 MiB |
/// | `host_call_threads` | 256 |
/// | `process_memory` | `memory` and 512 MiB; no limit if `memory` has none |
/// | `file_size` | 1 GiB |
/// | `module_size` | 256 MiB |
/// | `wasm_stack` | 512 KiB |
/// | `compile_timeout`, `compile_cpu_time` | 120 s, 240 s |
/// | `compile_memory` | 4 GiB |
/// | `cache` | on |
/// | `measure_cpu_time` | off |
/// | `spin` | on, if there are two cores or more |
/// | `start_timeout` | no limit |
/// | `initializer`, `initializer_snapshot` | none |
/// | `unknown_imports` | [`UnknownImports::Refuse`] |
/// | `sessions`, `session_idle` | 64 at once; 10 min without a call |
/// | capabilities (`env`, `dir`, `http`), shared objects (`share`) | none |
/// | functions and tools of the host (`import`, `tool`) | none |
///
/// [`TaskLimits`] and [`PoolLimits`] say what each limit covers, and what it does not.
#[must_use = "a builder does nothing until it is built"]
#[derive(Default)]
pub struct PoolBuilder {
    processes: Option<usize>,
    max_tasks: Option<u64>,
    isolation: Isolation,
    interrupt: Interrupt,
    stdio: Stdio,
    byte_for_byte: bool,
    sandbox: Sandbox,
    without: Vec<Layer>,
    on_sandbox_gap: Option<GapHandler>,
    on_cache_trouble: Option<TroubleHandler>,
    task_limits: TaskLimits,
    limits: PoolLimits,
    features: Vec<WasmFeature>,
    unknown_imports: UnknownImports,
    grants: WorkerGrants,
    #[cfg(feature = "http")]
    http: Vec<crate::http::HttpRule>,
    tenant: Option<String>,
    initializer: Option<(String, Args)>,
    initializer_snapshot: Option<(String, Args)>,
    no_cache: bool,
    measure_cpu: bool,
    nice: u8,
    no_spin: bool,
    most_in_ring: Option<usize>,
    worker_binary: Option<PathBuf>,
    shares: Shares,
    imports: Arc<PoolImports>,
    tools: Tools,
    host_call_threads: Option<usize>,
    start_timeout: Option<Duration>,
    sessions: SessionSettings,
    handlers: Handlers,
}

/// The setters for limits of tasks.
macro_rules! task_limits {
    ($($(#[$doc:meta])* $method:ident: $field:ident, $ty:ty;)+) => {
        $(
            $(#[$doc])*
            pub fn $method(mut self, limit: impl Into<Option<$ty>>) -> Self {
                self.task_limits.$field = Limit::set(limit.into(), Origin::Pool);
                self
            }
        )+
    };
}

/// The setters for limits of the pool.
macro_rules! pool_limits {
    ($($(#[$doc:meta])* $method:ident: $ty:ty;)+) => {
        $(
            $(#[$doc])*
            pub fn $method(mut self, limit: impl Into<Option<$ty>>) -> Self {
                self.limits.$method = Limit::set(limit.into(), Origin::Pool);
                self
            }
        )+
    };
}

impl PoolBuilder {
    task_limits! {
        /// Limits the wall time of a task, from the moment a worker takes it \[10 s\]. Time
        /// in the queue does not count.
        timeout: timeout, Duration;
        /// Limits the CPU time of the worker during a task \[none\].
        cpu_time: cpu_time, Duration;
        /// Limits the linear memory of a task, in bytes \[128 MiB\].
        memory: memory, u64;
        /// Limits a task's encoded result, in bytes \[64 MiB\].
        result_limit: result, u64;
        /// Limits a task's encoded arguments, in bytes, standard input included \[64 MiB\].
        arguments_limit: arguments, u64;
        /// Limits a task's captured standard output, in bytes \[1 MiB\].
        stdout_limit: stdout, u64;
        /// Limits a task's captured standard error, in bytes \[1 MiB\].
        stderr_limit: stderr, u64;
        /// Limits a task's log and progress messages, in bytes \[1 MiB\].
        log_limit: log, u64;
        /// Limits the memory that one host call of a task, or its result, may make its
        /// worker allocate, in bytes \[256 MiB\].
        host_call_memory: host_calls, u64;
        /// Limits the encoded arguments of one call of a function or tool of the host, in
        /// bytes \[1 MiB\].
        host_call_arguments: host_call_arguments, u64;
        /// Limits the encoded result of one call of a function or tool of the host, in bytes
        /// \[16 MiB\].
        host_call_results: host_call_results, u64;
        /// Limits the units of fuel that a task uses \[not counted\]. The pool then counts
        /// fuel, and compiles its modules for it, which slows loops down; see
        /// [`TaskLimits::fuel`].
        fuel: fuel, u64;
        /// Limits the number of HTTP requests of a task \[100\].
        http_requests: http_requests, u64;
        /// Limits the bytes of the bodies of all HTTP requests of a task, and of those of
        /// all responses \[16 MiB each\].
        http_bytes: http_bytes, u64;
    }

    pool_limits! {
        /// Limits the private memory of a worker process, in bytes \[`memory` and 512 MiB;
        /// none if `memory` has none\].
        process_memory: u64;
        /// Limits each file that a task writes, in bytes \[1 GiB\]. Does not limit the
        /// number of files.
        file_size: u64;
        /// Limits the size of a module, in bytes \[256 MiB\].
        module_size: u64;
        /// Limits the wall time of a compilation \[120 s\]. A program whose dependencies
        /// are not optimised needs many times as long: see the [crate's page](crate).
        compile_timeout: Duration;
        /// Limits the CPU time of a compilation, all its threads together \[240 s\].
        compile_cpu_time: Duration;
        /// Limits the memory of a compilation, in bytes \[4 GiB\].
        compile_memory: u64;
        /// Limits the number of tasks that wait in the queue \[none\]. A call beyond it
        /// fails with [`Error::QueueFull`]; a stream of calls waits.
        queue_length: u64;
    }

    /// Sets the number of tasks that run at once, each in a process of its own \[number of
    /// cores\].
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = Some(processes);
        self
    }

    /// Sets the number of tasks that a worker runs before a new one replaces it \[no
    /// limit\].
    pub fn maxtasksperchild(mut self, tasks: u64) -> Self {
        self.max_tasks = Some(tasks);
        self
    }

    /// Sets a function to call in each new instance before its first task, within that
    /// task's limits. If the function fails, that task ends with `internal_error`; after
    /// three failures in a row, so do all other tasks of its module, grants and tenant.
    pub fn initializer(mut self, function: &str, args: impl ToArgs) -> Self {
        self.initializer = Some((function.to_owned(), args.into_args()));
        self
    }

    /// Sets the size of the wasm stack in bytes, at most 4 MiB \[512 KiB\]. Modules that
    /// export `sandpool:script`, such as `python`, always have 4 MiB in a worker.
    pub fn wasm_stack(mut self, bytes: u64) -> Self {
        self.limits.wasm_stack = bytes;
        self
    }

    /// Sets the state that two tasks share \[[`Isolation::Process`]\].
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets the way in which a task that runs past its wall time is ended
    /// \[[`Interrupt::Kill`]\].
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Sets the destination of the guests' standard output and error
    /// \[[`Stdio::Capture`]\].
    pub fn stdio(mut self, stdio: Stdio) -> Self {
        self.stdio = stdio;
        self
    }

    /// Sets whether output that is passed on ([`Stdio::Inherit`]) comes in whole lines
    /// \[yes\]. If not, it is passed on byte for byte, as soon as it is there; only for a
    /// pool of one process, since the output of several would be torn.
    pub fn whole_lines(mut self, on: bool) -> Self {
        self.byte_for_byte = !on;
        self
    }

    /// Sets the reaction to a missing layer of the operating system's sandbox
    /// \[[`Sandbox::Auto`]\].
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Sets a handler that is called, once, when a layer of the sandbox is missing on this
    /// machine and the sandbox is [`Sandbox::Auto`]. Without a handler, one line on stderr
    /// says so, once in the life of this process.
    pub fn on_sandbox_gap(mut self, handler: impl FnOnce(&SandboxReport) + Send + 'static) -> Self {
        self.on_sandbox_gap = Some(Box::new(handler));
        self
    }

    /// Leaves layers of the sandbox out: to measure the cost of each and to test the layers
    /// behind it, and for nothing else.
    #[doc(hidden)]
    pub fn without_layers(mut self, layers: &[Layer]) -> Self {
        self.without.extend_from_slice(layers);
        self
    }

    /// Locks a process in as this pool would lock in its workers, lets it try to get out,
    /// and returns the findings. No guest is involved.
    ///
    /// # Errors
    ///
    /// Returns an error if no worker binary is found, a granted directory cannot be opened,
    /// or the process cannot be started or cannot lock itself in.
    pub fn probe_sandbox(&self, attempt: Option<Attempt>) -> Result<Probed, Error> {
        let program = Program {
            path: binary::find(self.worker_binary.as_deref())?,
            role: WORKER_ROLE.into(),
        };
        let grants = open_grants(&self.grants.dirs)?;
        let confinement = Confinement::new(self.sandbox, self.without.clone(), None);
        confinement::probe(&program, &confinement, &grants, attempt)
            .map_err(Error::system("lock a process in"))
    }

    /// Turns on a WebAssembly proposal that is off by default.
    pub fn wasm_feature(mut self, feature: WasmFeature) -> Self {
        if let Err(place) = self.features.binary_search(&feature) {
            self.features.insert(place, feature);
        }
        self
    }

    /// Keeps the tasks of this pool's calls apart from those of calls with another tenant;
    /// see [`Call::tenant`](crate::Call::tenant).
    pub fn tenant(mut self, key: impl Into<String>) -> Self {
        self.tenant = Some(key.into());
        self
    }

    /// Sets whether artifacts are kept for the next run \[yes\]: in `$SANDPOOL_CACHE_DIR`,
    /// else `$XDG_CACHE_HOME/sandpool`, else `~/.cache/sandpool`. The first may be relative
    /// to the working directory; the second is ignored if it is, as its specification says.
    /// A folder that others may use, or that is a symbolic link, is not used: see
    /// [`PoolBuilder::on_cache_trouble`].
    pub fn cache(mut self, on: bool) -> Self {
        self.no_cache = !on;
        self
    }

    /// Sets a handler that is called, once, when a module is loaded and the cache cannot be
    /// used, which makes nothing else fail. Without a handler, one line on stderr says so,
    /// once in the life of this process.
    pub fn on_cache_trouble(
        mut self,
        handler: impl FnOnce(&CacheTrouble) + Send + 'static,
    ) -> Self {
        self.on_cache_trouble = Some(Box::new(handler));
        self
    }

    /// Returns the folder of the cache, if artifacts can be kept there.
    ///
    /// # Errors
    ///
    /// Returns the reason why the folder cannot be used.
    #[doc(hidden)]
    pub fn probe_cache(&self) -> Result<PathBuf, CacheTrouble> {
        probe_cache()
    }

    /// Returns the file of a module by name, such as `python`, as [`Pool::load`] finds it.
    ///
    /// # Errors
    ///
    /// Returns an error that names the folders if the module is in none of them.
    pub fn find_module(&self, name: &str) -> Result<PathBuf, LoadError> {
        // Without a worker's program, its folder is one place less.
        let worker = binary::find(self.worker_binary.as_deref()).unwrap_or_default();
        find_by_name(name, &worker)
    }

    /// Sets the niceness of the workers, from 1 (a little less CPU time than others get) to
    /// 19 (only CPU time that nobody else wants) \[0: as nice as the host\]. The host keeps
    /// its own niceness, so that deadlines are kept.
    pub fn nice(mut self, nice: u8) -> Self {
        self.nice = nice;
        self
    }

    /// Sets whether every outcome tells its CPU time \[no\]. Costs one system call a task.
    pub fn measure_cpu_time(mut self, on: bool) -> Self {
        self.measure_cpu = on;
        self
    }

    /// Sets whether waiting threads look for a moment (50 us at most) before they sleep
    /// \[yes, if there are two cores or more\]. They do so only while their waits are short
    /// and nobody else wants their core, so an idle pool uses no CPU either way. Without it
    /// a blocking call takes about as long as two wake-ups.
    pub fn spin(mut self, on: bool) -> Self {
        self.no_spin = !on;
        self
    }

    /// Sets the size in bytes above which a payload has a memory file of its own. For
    /// tests, which then need no very large payloads to see a memory file.
    #[doc(hidden)]
    pub fn most_in_ring(mut self, bytes: usize) -> Self {
        self.most_in_ring = Some(bytes.min(INLINE));
        self
    }

    /// Sets the binary for worker and compiler processes. Without it the pool uses the
    /// first of these that it finds: `$SANDPOOL_WORKER`, this program if it called
    /// [`worker_entry`](crate::worker_entry), `sandpool` beside this program, `sandpool` on
    /// PATH.
    pub fn worker_binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.worker_binary = Some(path.into());
        self
    }

    /// Grants a queue, a side of a pipe or a managed object to every task, which opens it
    /// by this name. See also [`Call::share`](crate::Call::share).
    pub fn share(mut self, name: impl Into<String>, object: &impl Share) -> Self {
        self.shares.add(name.into(), object.handle());
        self
    }

    /// Sets a handler that is called with each line that a guest logs, on the callback
    /// thread.
    pub fn on_log(mut self, handler: impl FnMut(LogRecord) + Send + 'static) -> Self {
        self.handlers.log = Some(Box::new(handler));
        self
    }

    /// Sets a handler that is called with each progress report of a guest, on the callback
    /// thread.
    pub fn on_progress(mut self, handler: impl FnMut(ProgressReport) + Send + 'static) -> Self {
        self.handlers.progress = Some(Box::new(handler));
        self
    }

    /// Limits the time that the pool may be without any worker, though tasks wait, because
    /// none can be started for a reason from outside: somebody kills them, or the system
    /// has no memory, processes, threads or descriptors left \[no limit\]. After that time
    /// the pool breaks. Without a limit tasks wait until there is a worker again; they can
    /// be cancelled, and callers can wait with a timeout.
    pub fn start_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.start_timeout = limit.into();
        self
    }

    /// Sets a handler that is called, on the callback thread, when the pool has been
    /// without any worker for a second, though tasks wait, and then at most once a minute
    /// while that lasts. Without a handler a line on stderr says so.
    pub fn on_start_trouble(mut self, handler: impl FnMut(StartTrouble) + Send + 'static) -> Self {
        self.handlers.start_trouble = Some(Box::new(handler));
        self
    }

    /// Builds the pool. Workers are started when there are tasks for them.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Setting`] if a setting is invalid, [`Error::Grant`] if a directory or a
    /// variable cannot be granted, and another error if no worker binary is found, the sandbox
    /// is [`Sandbox::Strict`] and a layer is missing, or the operating system gives no thread.
    pub fn build(mut self) -> Result<Pool, Error> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let processes = match self.processes {
            Some(processes @ 1..=MAX_PROCESSES) => processes,
            Some(asked) => {
                let most = MAX_PROCESSES;
                return Err(SettingError::Processes { asked, most }.into());
            }
            None => cores,
        };
        if self.max_tasks == Some(0) {
            return Err(SettingError::MaxTasks.into());
        }
        if self.nice > MAX_NICE {
            return Err(SettingError::Niceness {
                asked: self.nice,
                most: MAX_NICE,
            }
            .into());
        }
        if self.limits.queue_length.value == Some(0) {
            return Err(SettingError::QueueLength.into());
        }
        if self.host_call_threads == Some(0) {
            return Err(SettingError::HostCallThreads.into());
        }
        check_tools(&self.tools)?;
        let process_memory = &mut self.limits.process_memory;
        if process_memory.origin == Origin::Default {
            let memory = self.task_limits.memory.value;
            process_memory.value = memory.and_then(|memory| memory.checked_add(WORKER_MEMORY));
        }
        self.check_initializers()?;
        grants::check(&self.grants)?;
        #[cfg(feature = "http")]
        let http = HttpGrants::new(std::mem::take(&mut self.http));
        #[cfg(feature = "http")]
        http.check()?;
        #[cfg(not(feature = "http"))]
        let http = HttpGrants::default();
        let directories = open_grants(&self.grants.dirs)?;
        let loader = self.loader()?;
        let (max_tasks, reuse) = match self.isolation {
            Isolation::Process => (self.max_tasks, 1),
            Isolation::ProcessReuse(tasks) => (self.max_tasks, NonZeroU64::get(tasks)),
            Isolation::ProcessPerTask => (Some(1), 1),
        };
        if self.sandbox == Sandbox::Strict {
            hold_strictly(&loader)?;
        }
        let config = Config {
            processes,
            max_tasks: max_tasks.unwrap_or(u64::MAX),
            reuse,
            nice: self.nice,
            limits: self.limits,
            task_limits: passed_through(self.task_limits, self.stdio),
            stdio: self.stdio,
            interrupt: self.interrupt,
            measure_cpu: self.measure_cpu,
            spin: !self.no_spin && cores > 1,
            most_in_ring: self.most_in_ring.unwrap_or(INLINE),
            cores,
            grants: WorkerGrants {
                dirs: directories.iter().map(|open| open.grant.clone()).collect(),
                ..self.grants
            },
            directories,
            http,
            tenant: self.tenant,
            initializer: self.initializer,
            initializer_snapshot: self.initializer_snapshot,
            shares: self.shares,
            imports: self.imports,
            tools: Arc::new(self.tools),
            host_call_threads: self.host_call_threads.unwrap_or(MAX_CALL_THREADS),
            wants_log: self.handlers.log.is_some(),
            wants_progress: self.handlers.progress.is_some(),
            start_timeout: self.start_timeout,
            sessions: self.sessions.most,
            session_idle: self.sessions.idle,
            worker_binary: loader.program.path.clone(),
        };
        let raw = config.processes == 1 && self.byte_for_byte;
        threads::start(config, loader, raw, self.handlers)
            .map(Pool::new)
            .map_err(Error::system("start the pool's threads"))
    }
}

/// Opens the granted directories, for as long as the pool lives.
fn open_grants(dirs: &[DirGrant]) -> Result<Vec<OpenGrant>, GrantError> {
    let open = |dir: &DirGrant| {
        OpenGrant::open(dir).map_err(|source| GrantError::Directory {
            host: dir.host.clone(),
            source,
        })
    };
    dirs.iter().map(open).collect()
}

/// Tries the sandbox before anything depends on it.
fn hold_strictly(loader: &Loader) -> Result<(), Error> {
    let probed = confinement::probe(&loader.program, &loader.confinement, &[], None);
    let probed = probed.map_err(Error::system("lock a process in"))?;
    match probed.report.line() {
        Some(missing) => Err(Error::Sandbox { missing }),
        None => Ok(()),
    }
}

/// Lifts the limits of output that is passed on, unless they were set.
fn passed_through(mut limits: TaskLimits, stdio: Stdio) -> TaskLimits {
    if stdio != Stdio::Capture {
        for limit in [&mut limits.stdout, &mut limits.stderr] {
            if limit.origin == Origin::Default {
                limit.value = None;
            }
        }
    }
    limits
}
