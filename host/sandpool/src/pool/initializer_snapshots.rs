//! The snapshots that a pool's `initializer_snapshot` puts in place of the modules that its
//! calls name, and the knowledge of which modules have such a snapshot behind them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::module::{LoadError, Module, WeakModule};

/// The number of snapshots beyond which those of modules that are gone are dropped.
const CLEAN_AT: usize = 64;

/// The snapshots of a pool, by the hashes of their modules.
#[derive(Default)]
pub(super) struct InitializerSnapshots {
    entries: Mutex<HashMap<String, Entry>>,
    /// The modules that begin where the initializer left them, by hash.
    initialized: Mutex<HashMap<String, WeakModule>>,
}

struct Entry {
    /// The module; the snapshot is dropped some time after it.
    of: WeakModule,
    snapshot: Arc<Mutex<Option<Module>>>,
}

impl InitializerSnapshots {
    /// Returns the snapshot of a module; `take` takes it if there is none yet. Who asks for
    /// it meanwhile waits. One that failed is tried anew by the next who asks.
    pub(super) fn get_or_take(
        &self,
        module: &Module,
        take: impl FnOnce() -> Result<Module, LoadError>,
    ) -> Result<Module, LoadError> {
        let snapshot = self.entry(module);
        let mut snapshot = snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &*snapshot {
            return Ok(snapshot.clone());
        }
        let taken = take()?;
        self.note(&taken);
        Ok(snapshot.insert(taken).clone())
    }

    /// Returns `true` if a module begins where the initializer left it, or later.
    pub(super) fn is_initialized(&self, module: &Module) -> bool {
        self.initialized().contains_key(module.hash())
    }

    /// Notes a module that begins where the initializer left it, or later.
    pub(super) fn note(&self, module: &Module) {
        let mut initialized = self.initialized();
        if initialized.len() >= CLEAN_AT {
            initialized.retain(|_, module| module.is_alive());
        }
        initialized.insert(module.hash().to_owned(), module.downgrade());
    }

    fn initialized(&self) -> MutexGuard<'_, HashMap<String, WeakModule>> {
        let initialized = self.initialized.lock();
        initialized.unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, module: &Module) -> Arc<Mutex<Option<Module>>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(module.hash()) {
            if !entry.of.is_alive() {
                entry.of = module.downgrade();
            }
            return Arc::clone(&entry.snapshot);
        }
        if entries.len() >= CLEAN_AT {
            entries.retain(|_, entry| entry.of.is_alive());
        }
        let entry = Entry {
            of: module.downgrade(),
            snapshot: Arc::default(),
        };
        let snapshot = Arc::clone(&entry.snapshot);
        entries.insert(module.hash().to_owned(), entry);
        snapshot
    }
}
