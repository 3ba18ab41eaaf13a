//! An instance with its store: made fresh for each task, or kept for a few.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::{Engine, Store};
use wasmtime_wasi::WasiCtxBuilder;

use super::link::HostLink;
use super::load::{Code, Loaded};
use super::stdio::{GuestInput, GuestOutput, Output};
use crate::engine::clock::GuestClock;
use crate::engine::files::{Files, Granted};
use crate::engine::guest::{Bounds, Guest, TaskInfo};
use crate::limits::LimitName;
use crate::protocol::control::WorkerSetup;
use crate::protocol::frame::{TaskHeader, What};

/// Bytes that a guest may make the host side allocate in one call. Covers
/// dynamic values, which cost 32 bytes and more a byte of a `list<u8>`.
const HOSTCALL_FUEL: usize = 512 * 1024 * 1024;

/// Handles of resources (files, pollables, ...) that a guest may hold.
const MAX_HANDLES: usize = 10_000;

/// What every store of this worker is made of.
pub(super) struct Workshop {
    pub(super) engine: Engine,
    pub(super) loaded: Loaded,
    pub(super) granted: Granted,
    pub(super) setup: WorkerSetup,
    pub(super) link: Arc<HostLink>,
    pub(super) stdout: Arc<Output>,
    pub(super) stderr: Arc<Output>,
}

/// A guest, alive.
pub(super) struct Live {
    pub(super) store: Store<Guest>,
    pub(super) instance: Instance,
    /// Tasks that it has been used for.
    pub(super) used: u64,
}

/// The instance of either kind of module.
#[derive(Clone, Copy)]
pub(super) enum Instance {
    Component(wasmtime::component::Instance),
    Core(wasmtime::Instance),
}

impl Workshop {
    /// A store for a task, with nothing in it yet.
    pub(super) fn store(&self, header: &TaskHeader, stdin: GuestInput) -> Store<Guest> {
        let clock = GuestClock::new();
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_blocking_current_thread(true)
            .stdin(stdin)
            .stdout(self.stream(&self.stdout, LimitName::Stdout))
            .stderr(self.stream(&self.stderr, LimitName::Stderr))
            .monotonic_clock(clock)
            .envs(&self.loaded.env);
        if let What::Command { argv, .. } = &header.what {
            wasi.args(argv);
        }
        let mut guest = Guest {
            wasi: wasi.build_p1(),
            clock,
            files: Files::new(self.granted.clone()),
            task: TaskInfo::default(),
            bounds: Bounds::new(&self.setup.engine),
            messages: Arc::clone(&self.link) as _,
            log_left: None,
        };
        if let Some(filesystem) = &self.loaded.filesystem {
            use wasmtime_wasi::WasiView;
            *guest.ctx().ctx.filesystem() = filesystem.clone();
        }
        let mut store = Store::new(&self.engine, guest);
        // Asks at once how many memories, tables and instances there may be.
        store.limiter(|guest| &mut guest.bounds);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_max_component_handles(MAX_HANDLES);
        store
    }

    fn stream(&self, output: &Arc<Output>, limit: LimitName) -> GuestOutput {
        GuestOutput {
            output: Arc::clone(output),
            limit,
        }
    }

    /// Sets what holds for one task, in a store that may have had others.
    pub(super) fn begin(
        &self,
        store: &mut Store<Guest>,
        header: &TaskHeader,
        function: &str,
    ) -> wasmtime::Result<()> {
        let limits = &header.limits;
        self.stdout.begin(limits.stdout);
        self.stderr.begin(limits.stderr);
        if self.setup.engine.count_fuel {
            store.set_fuel(limits.fuel.unwrap_or(u64::MAX))?;
        }
        if self.setup.engine.check_epochs {
            store.set_epoch_deadline(1);
        }
        let guest = store.data_mut();
        guest.task = TaskInfo {
            index: header.index,
            attempt: header.attempt,
            name: header.name.clone().unwrap_or_else(|| function.to_owned()),
            worker_pid: self.setup.pid,
            deadline: limits
                .timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
        };
        guest.log_left = limits.log;
        guest.bounds.begin(limits.memory);
        Ok(())
    }

    /// Instantiates the module, which runs its start function.
    pub(super) fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        match &self.loaded.code {
            Code::Component { pre, .. } => Ok(Instance::Component(pre.instantiate(store)?)),
            Code::Core {
                pre, is_reactor, ..
            } => {
                let instance = pre.instantiate(&mut *store)?;
                if *is_reactor {
                    instance
                        .get_typed_func::<(), ()>(&mut *store, "_initialize")?
                        .call(store, ())?;
                }
                Ok(Instance::Core(instance))
            }
        }
    }
}
