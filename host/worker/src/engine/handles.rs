//! The handles of an instance's resources that the host has, by number. The host sees
//! numbers alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime::component::ResourceAny;

use sandpool_protocol::limits::MAX_HANDLES;

/// The handles of one instance.
#[derive(Default)]
pub struct Handles(Mutex<Table>);

#[derive(Default)]
struct Table {
    known: HashMap<u32, ResourceAny>,
    next: u32,
}

impl Table {
    /// Returns `true` if the host has as many handles as it may.
    fn is_full(&self) -> bool {
        self.known.len() >= MAX_HANDLES as usize || self.next == u32::MAX
    }
}

impl Handles {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a resource that a call has returned a number. Returns `None` if the host has
    /// as many handles as it may.
    pub(super) fn add(&self, resource: ResourceAny) -> Option<u32> {
        let mut table = self.table();
        if table.is_full() {
            return None;
        }
        table.next += 1;
        let number = table.next;
        table.known.insert(number, resource);
        Some(number)
    }

    pub(super) fn get(&self, number: u32) -> Option<ResourceAny> {
        self.table().known.get(&number).copied()
    }

    /// Takes out a handle that is given away or dropped.
    pub(super) fn remove(&self, number: u32) -> Option<ResourceAny> {
        self.table().known.remove(&number)
    }

    /// Returns `true` if the host has as many handles as it may.
    pub(super) fn is_full(&self) -> bool {
        self.table().is_full()
    }
}
