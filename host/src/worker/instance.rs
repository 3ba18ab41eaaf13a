//! An instance with its store: made fresh for each task, or kept for a few.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtxBuilder, WasiView};

use super::broker::Exchanger;
use super::link::HostLink;
use super::load::Loaded;
use super::serve::Order;
use super::stdin::GuestInput;
use crate::engine::clock::GuestClock;
use crate::engine::files::{Files, Granted};
use crate::engine::guest::{Bounds, Guest, TaskInfo};
use crate::engine::output::{GuestOutput, Output};
use crate::limits::{LimitName, MAX_HANDLES};
use crate::protocol::control::WorkerSetup;
use crate::protocol::frame::{TaskHeader, What, WireLimits};

/// What the host side keeps for one handle: a pollable has an entry of its own
/// and one for what it waits for.
const ENTRIES_A_HANDLE: usize = 2;

/// No allocation is larger than this, whatever the limits say: what cannot be
/// addressed would be a panic.
const MAX_ALLOCATION: u64 = 1 << 40;

/// What every store of this worker is made of.
pub(super) struct Workshop {
    pub(super) engine: Engine,
    pub(super) loaded: Loaded,
    pub(super) granted: Granted,
    pub(super) setup: WorkerSetup,
    pub(super) link: Arc<HostLink>,
    pub(super) exchanger: Option<Arc<Exchanger>>,
    pub(super) stdout: Arc<Output>,
    pub(super) stderr: Arc<Output>,
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
            .max_random_size(host_calls(&header.limits))
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
            broker: self
                .exchanger
                .as_ref()
                .map(|exchanger| Arc::clone(exchanger) as _),
            log_left: None,
        };
        let handles = MAX_HANDLES as usize;
        guest
            .ctx()
            .table
            .set_max_capacity(handles * ENTRIES_A_HANDLE);
        if let Some(filesystem) = &self.loaded.filesystem {
            *guest.ctx().ctx.filesystem() = filesystem.clone();
        }
        let mut store = Store::new(&self.engine, guest);
        // Asks at once how many memories, tables and instances there may be.
        store.limiter(|guest| &mut guest.bounds);
        store.set_max_component_handles(handles);
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
        order: &Order,
        started: Instant,
    ) -> wasmtime::Result<()> {
        let Order { header, name } = order;
        let limits = &header.limits;
        self.stdout.begin(limits.stdout);
        self.stderr.begin(limits.stderr);
        if self.setup.engine.count_fuel {
            store.set_fuel(limits.fuel.unwrap_or(u64::MAX))?;
        }
        let host_calls = host_calls(limits);
        store.set_hostcall_fuel(usize::try_from(host_calls).unwrap_or(usize::MAX));
        if self.setup.engine.check_epochs {
            store.set_epoch_deadline(1);
        }
        let guest = store.data_mut();
        guest.task = TaskInfo {
            index: header.index,
            attempt: header.attempt,
            name: Arc::clone(name),
            worker_pid: self.setup.pid,
            deadline: limits
                .timeout
                .and_then(|timeout| started.checked_add(timeout)),
        };
        guest.log_left = limits.log;
        guest.bounds.begin(limits.memory);
        Ok(())
    }
}

/// What one host call of a guest may make this process allocate.
fn host_calls(limits: &WireLimits) -> u64 {
    limits.host_calls.unwrap_or(u64::MAX).min(MAX_ALLOCATION)
}
