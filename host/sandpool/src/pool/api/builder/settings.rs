//! The parts of a builder that need no pool: the loader of modules, and the settings that
//! the isolation level in this process keeps.

use std::sync::Arc;
use std::time::Duration;

use super::PoolBuilder;
use crate::confinement::Confinement;
use crate::module::{ArtifactStore, ImportCheck, Loader};
use crate::pool::error::{Error, SettingError};
use crate::pool::worker::binary;
#[cfg(feature = "in-process")]
use sandpool_protocol::control::WorkerGrants;
use sandpool_protocol::imports::Links;
#[cfg(feature = "in-process")]
use sandpool_protocol::limits::TaskLimits;
use sandpool_protocol::roles::WORKER_ROLE;
use sandpool_protocol::settings::{EngineSettings, Interrupt};
#[cfg(feature = "in-process")]
use sandpool_protocol::settings::{Isolation, Sandbox, Stdio};
use sandpool_sys::{EventFd, Program};

/// The largest wasm stack in bytes: guests run on the worker's own stack, of 8 MiB.
const MAX_WASM_STACK: u64 = 4 * sandpool_protocol::limits::MIB;

/// The time for which a compilation is tried again that is killed, or that the system has
/// no process for. Loading a module takes that much longer.
const MAX_COMPILE_RETRY: Duration = Duration::from_secs(10);

impl PoolBuilder {
    /// Returns the loader of modules with these settings.
    pub(super) fn loader(&mut self) -> Result<Loader, Error> {
        if self.limits.wasm_stack > MAX_WASM_STACK || self.limits.wasm_stack == 0 {
            return Err(SettingError::WasmStack {
                asked: self.limits.wasm_stack,
                most: MAX_WASM_STACK,
            }
            .into());
        }
        let settings = EngineSettings {
            count_fuel: self.task_limits.fuel.value.is_some(),
            check_epochs: self.interrupt == Interrupt::Epoch,
            features: std::mem::take(&mut self.features),
            ..EngineSettings::new(&self.limits)
        };
        let imports = Arc::clone(&self.imports);
        Ok(Loader {
            import_check: ImportCheck::new(move |of_module| imports.check(of_module)),
            program: Program {
                path: binary::find(self.worker_binary.as_deref())?,
                role: WORKER_ROLE.into(),
            },
            settings,
            links: Arc::new(Links {
                given: self.imports.names(),
                unknown: self.unknown_imports,
            }),
            limits: self.limits.clone(),
            max_retry_time: self
                .start_timeout
                .map_or(MAX_COMPILE_RETRY, |most| most.min(MAX_COMPILE_RETRY)),
            cache: (!self.no_cache)
                .then(|| ArtifactStore::of_this_user(self.on_cache_trouble.take())),
            stop: EventFd::new().map_err(Error::system("give an eventfd"))?,
            confinement: Confinement::new(
                self.sandbox,
                std::mem::take(&mut self.without),
                self.on_sandbox_gap.take(),
            ),
        })
    }

    /// Returns these settings for use without a pool: by the isolation level in this
    /// process.
    #[cfg(feature = "in-process")]
    pub(crate) fn into_settings(mut self) -> Result<PoolSettings, Error> {
        let has_imports = !self.imports.is_empty();
        let loader = self.loader()?;
        Ok(PoolSettings {
            loader,
            sandbox: self.sandbox,
            task_limits: self.task_limits,
            reuse: match self.isolation {
                Isolation::ProcessReuse(tasks) => tasks.get(),
                Isolation::Process | Isolation::ProcessPerTask => 1,
            },
            stdio: self.stdio,
            grants: self.grants,
            has_initializer: self.initializer.is_some() || self.initializer_snapshot.is_some(),
            has_shares: !self.shares.is_empty(),
            has_imports,
        })
    }
}

/// The settings of a pool that is never built.
#[cfg(feature = "in-process")]
pub(crate) struct PoolSettings {
    pub(crate) loader: Loader,
    pub(crate) sandbox: Sandbox,
    pub(crate) task_limits: TaskLimits,
    pub(crate) reuse: u64,
    pub(crate) stdio: Stdio,
    pub(crate) grants: WorkerGrants,
    pub(crate) has_initializer: bool,
    pub(crate) has_shares: bool,
    pub(crate) has_imports: bool,
}
