//! An instance with its store: made fresh for each task, or kept for a few.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::{Engine, Store};
use wasmtime_wasi::cli::StdinStream;

use super::broker::BrokerClient;
use super::http::LinkSender;
use super::link::HostLink;
use super::serve::Order;
use crate::engine::bounds::Bounds;
use crate::engine::clock::GuestClock;
use crate::engine::code::Code;
use crate::engine::files::{Files, Granted};
use crate::engine::guest::{Guest, TaskInfo};
use crate::engine::http::GuestHttp;
use crate::engine::wasi::{GuestOptions, GuestWasi, WasiParts};
use sandpool_protocol::control::WorkerSetup;
use sandpool_protocol::frame::{Callee, TaskHeader, WireLimits};
use sandpool_sys::SealedMapping;

/// No allocation is larger than this, whatever the limits say: what cannot be
/// addressed would be a panic.
const MAX_ALLOCATION: u64 = 1 << 40;

/// The parts that every store of this worker shares.
pub(super) struct WorkerContext {
    pub(super) engine: Engine,
    pub(super) code: Code,
    /// The original of an instrumented module.
    pub(super) original: Option<SealedMapping>,
    pub(super) granted: Granted,
    pub(super) setup: WorkerSetup,
    pub(super) link: Arc<HostLink>,
    pub(super) broker: Option<Arc<BrokerClient>>,
    pub(super) wasi: Arc<WasiParts>,
}

impl WorkerContext {
    /// Makes a store for a task, with nothing in it yet.
    pub(super) fn store(
        &self,
        header: &TaskHeader,
        stdin: Option<Box<dyn StdinStream + Sync>>,
        started: Instant,
    ) -> Store<Guest> {
        let options = GuestOptions {
            stdin,
            argv: match &header.callee {
                Callee::Command { argv, .. } => argv.clone(),
                Callee::Function(_) => Vec::new(),
            },
            max_random: host_calls(&header.limits),
        };
        let guest = Guest {
            wasi: GuestWasi::new(&self.wasi, options, GuestClock::starting(started)),
            files: Files::new(self.granted.clone(), self.setup.is_interpreter),
            task: TaskInfo::default(),
            bounds: Bounds::new(&self.setup.engine),
            messages: Arc::clone(&self.link) as _,
            broker: self.broker.as_ref().map(|broker| Arc::clone(broker) as _),
            http: GuestHttp::new(
                self.link
                    .http()
                    .map(|link| Arc::new(LinkSender(Arc::clone(link))) as _),
            ),
            host_call_arguments: None,
            log_left: None,
        };
        guest.into_store(&self.engine)
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
        let host_calls = host_calls(limits);
        self.wasi.stdout.begin(limits.stdout, host_calls);
        self.wasi.stderr.begin(limits.stderr, host_calls);
        if self.setup.engine.count_fuel {
            store.set_fuel(limits.fuel.unwrap_or(u64::MAX))?;
        }
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
        guest.host_call_arguments = limits.host_call_arguments;
        guest.bounds.begin(limits.memory, host_calls);
        Ok(())
    }
}

/// Returns the memory that one host call of a guest may take in this process.
fn host_calls(limits: &WireLimits) -> u64 {
    limits.host_calls.unwrap_or(u64::MAX).min(MAX_ALLOCATION)
}
