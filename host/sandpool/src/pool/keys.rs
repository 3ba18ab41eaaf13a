//! Worker keys: the module, grants and tenant that a worker is bound to for life, and the
//! health of each key.
//!
//! Tasks of one key may run in each other's workers, tasks of two keys never.

mod session;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::host_calls::BoundImports;
use super::http_grants::HttpGrants;
use crate::module::{Module, WeakModule};
use sandpool_protocol::control::WorkerGrants;

pub use session::SessionEnd;
pub(super) use session::{KnownHandles, SessionLife, is_session};

/// The number of a worker key in its pool.
pub(super) type KeyId = u64;

/// The number of failed starts, one after the other, that break a key or a pool.
const MAX_FAILED: u32 = 3;

/// The module, grants and tenant that a worker is bound to for life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyParts {
    /// The hash of the module; its settings are the pool's.
    pub(super) module: String,
    pub(super) grants: WorkerGrants,
    /// The rules of HTTP, which the worker never sees.
    pub(super) http: HttpGrants,
    pub(super) tenant: Option<String>,
}

/// A key with its number and its module; lives as long as a task or a worker of it.
pub(super) struct WorkerKey {
    pub(super) id: KeyId,
    pub(super) key: KeyParts,
    pub(super) module: Module,
    /// The functions of the host that the pool gives the module, once a call needed them.
    pub(super) imports: OnceLock<Arc<BoundImports>>,
    pub(super) health: Health,
    /// The life of the session whose key this is, if it is one's.
    pub(super) session: Option<SessionLife>,
}

/// The failures of one key's workers, and the reason why the key is broken.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The number of starts that failed, one after the other.
    starts: AtomicU32,
    /// The number of initializers that failed, one after the other.
    initializers: AtomicU32,
    broken: OnceLock<String>,
}

impl Health {
    fn broken_by(why: String) -> Self {
        Health {
            broken: OnceLock::from(why),
            ..Health::default()
        }
    }

    /// Returns the reason why no task of the key is run any more.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    pub(super) fn breaks(&self, why: String) {
        // The first reason stands.
        let _ = self.broken.set(why);
    }

    /// Counts an initializer that failed; returns `true` if that breaks the key.
    pub(super) fn initializer_failed(&self) -> bool {
        self.initializers.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILED
    }

    pub(super) fn initializer_succeeded(&self) {
        self.initializers.store(0, Ordering::Relaxed);
    }

    /// Notes that a worker of the key has taken a task.
    pub(super) fn start_succeeded(&self) {
        self.starts.store(0, Ordering::Relaxed);
    }

    /// Counts a start that failed; returns `true` if that breaks the key.
    pub(super) fn start_failed(&self) -> bool {
        self.starts.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILED
    }
}

/// The keys in use. Modules and tenants come and go, so the table keeps no key alive.
#[derive(Default)]
pub(super) struct KeyTable {
    known: HashMap<KeyParts, Weak<WorkerKey>>,
    /// The broken keys, each with its reason, as long as their module is in use: a module
    /// that is loaded anew is tried anew.
    broken: HashMap<KeyParts, (WeakModule, String)>,
    next: KeyId,
    /// The broken keys whose tasks or workers are still about.
    broken_in_use: Vec<Weak<WorkerKey>>,
    /// The size at which keys that are no longer in use are thrown out.
    clean_at: usize,
}

/// The number of broken keys of modules in use beyond which all are tried anew.
const MAX_BROKEN: usize = 4096;

impl KeyTable {
    pub(super) fn bind(&mut self, key: KeyParts, module: &Module) -> Arc<WorkerKey> {
        let known = self.known.get(&key).and_then(Weak::upgrade);
        let serves = |worker_key: &Arc<WorkerKey>| {
            worker_key.health.broken().is_none() || worker_key.module.is(module)
        };
        if let Some(worker_key) = known.filter(serves) {
            return worker_key;
        }
        if self.known.len() >= self.clean_at {
            self.known
                .retain(|_, worker_key| worker_key.strong_count() > 0);
            self.clean_at = self.known.len() * 2 + 64;
        }
        let worker_key = Arc::new(WorkerKey {
            id: self.next,
            key: key.clone(),
            module: module.clone(),
            imports: OnceLock::new(),
            health: self.health_of(&key, module),
            session: None,
        });
        self.next += 1;
        self.known.insert(key, Arc::downgrade(&worker_key));
        worker_key
    }

    /// Returns the key of a new session, which nobody else can be bound to.
    pub(super) fn bind_session(
        &mut self,
        key: KeyParts,
        module: &Module,
        life: SessionLife,
    ) -> Arc<WorkerKey> {
        self.next += 1;
        Arc::new(WorkerKey {
            id: session::session_key(self.next),
            key,
            module: module.clone(),
            imports: OnceLock::new(),
            health: Health::default(),
            session: Some(life),
        })
    }

    fn health_of(&self, key: &KeyParts, module: &Module) -> Health {
        match self.broken.get(key) {
            Some((broken, why)) if broken.is(module) => Health::broken_by(why.clone()),
            _ => Health::default(),
        }
    }

    /// Breaks a key for this reason, now and in future: the pool is to end its tasks and
    /// its streams.
    pub(super) fn break_key(&mut self, worker_key: &Arc<WorkerKey>, why: String) {
        if worker_key.session.is_none() {
            self.remember_broken(worker_key, &why);
        }
        worker_key.health.breaks(why);
        self.note_if_broken(worker_key);
    }

    /// Notes a key that is in use, if it is broken; see [`KeyTable::broken`].
    #[inline]
    pub(super) fn note_if_broken(&mut self, worker_key: &Arc<WorkerKey>) {
        let is_noted = |other: &Weak<WorkerKey>| other.as_ptr() == Arc::as_ptr(worker_key);
        if worker_key.health.broken().is_some() && !self.broken_in_use.iter().any(is_noted) {
            self.broken_in_use.push(Arc::downgrade(worker_key));
        }
    }

    /// Returns the broken keys whose tasks or workers are still about.
    #[inline]
    pub(super) fn broken(&mut self) -> Vec<Arc<WorkerKey>> {
        if self.broken_in_use.is_empty() {
            return Vec::new();
        }
        self.broken_in_use
            .retain(|worker_key| worker_key.strong_count() > 0);
        let broken = self.broken_in_use.iter();
        broken.filter_map(Weak::upgrade).collect()
    }

    /// Remembers that a key is broken, when no task or worker of it is left.
    fn remember_broken(&mut self, worker_key: &WorkerKey, why: &str) {
        if self.broken.len() >= MAX_BROKEN {
            self.broken.retain(|_, (module, _)| module.is_alive());
            if self.broken.len() >= MAX_BROKEN {
                self.broken.clear();
            }
        }
        let broken = (worker_key.module.downgrade(), why.to_owned());
        self.broken.insert(worker_key.key.clone(), broken);
    }
}
