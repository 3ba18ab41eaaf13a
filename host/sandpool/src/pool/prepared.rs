//! The snapshots that a pool's `initializer_snapshot` puts in place of the modules that its
//! calls name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::module::{LoadError, Module, WeakModule};

/// The number of snapshots beyond which those of modules that are gone are dropped.
const CLEAN_AT: usize = 64;

/// The snapshots of a pool, by the hashes of their modules.
#[derive(Default)]
pub(super) struct Prepared {
    slots: Mutex<HashMap<String, Slot>>,
}

struct Slot {
    /// The module; the snapshot is dropped some time after it.
    of: WeakModule,
    snapshot: Arc<Mutex<Option<Module>>>,
}

impl Prepared {
    /// Returns the snapshot of a module; `take` takes it if there is none yet. Who asks for
    /// it meanwhile waits. One that failed is tried anew by the next who asks.
    pub(super) fn get_or_take(
        &self,
        module: &Module,
        take: impl FnOnce() -> Result<Module, LoadError>,
    ) -> Result<Module, LoadError> {
        let snapshot = self.slot(module);
        let mut snapshot = snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &*snapshot {
            return Ok(snapshot.clone());
        }
        let taken = take()?;
        Ok(snapshot.insert(taken).clone())
    }

    fn slot(&self, module: &Module) -> Arc<Mutex<Option<Module>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(module.hash()) {
            if !slot.of.is_about() {
                slot.of = module.downgrade();
            }
            return Arc::clone(&slot.snapshot);
        }
        if slots.len() >= CLEAN_AT {
            slots.retain(|_, slot| slot.of.is_about());
        }
        let slot = Slot {
            of: module.downgrade(),
            snapshot: Arc::default(),
        };
        let snapshot = Arc::clone(&slot.snapshot);
        slots.insert(module.hash().to_owned(), slot);
        snapshot
    }
}
