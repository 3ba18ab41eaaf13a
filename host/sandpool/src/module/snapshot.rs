//! Snapshots of modules: their place in the cache, and the steps that compilers take. A
//! worker takes the step between, as the task of a pool.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::Problem;
use super::source::Source;
use super::{Inner, LoadError, Loader, Module, Named, Purpose, compile};
use sandpool_protocol::description::Description;
use sandpool_sys::{EventFd, writes_to_a_limit};
use sandpool_value::Function;

/// The name of a snapshot in the cache: of the module that it is taken of, the function
/// that is called, and its encoded arguments.
#[derive(Debug)]
pub(crate) struct SnapshotKey(Arc<str>);

impl SnapshotKey {
    pub(crate) fn new(module: &Module, function: &Function, arguments: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for part in ["snapshot", module.hash(), &function.full_name()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(arguments);
        let digest = hasher.finalize();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        SnapshotKey(hex.into())
    }
}

impl Loader {
    /// Compiles a module so that the state of its instances can be read. Calls of it return
    /// a snapshot.
    pub(crate) fn instrument(
        &self,
        module: &Module,
        key: &SnapshotKey,
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        let source = Arc::clone(&module.inner.source);
        let compiled = compile::compile(self, &source, Purpose::Snapshot, given_up);
        let (artifact, description) = compiled.map_err(|problem| {
            LoadError::new(module.name().to_owned(), problem.sorted(&self.limits))
        })?;
        Ok(Module {
            inner: Arc::new(Inner {
                callables: description.callables(),
                name: module.name().to_owned(),
                file: module.file().map(Path::to_owned),
                hash: Arc::clone(&key.0),
                source,
                description,
                artifact,
                settings: self.settings.clone(),
                links: Arc::clone(&self.links),
                unlinked: None,
                is_instrumented: true,
            }),
        })
    }

    /// Returns a snapshot of a module that was taken before.
    pub(crate) fn find_snapshot(
        &self,
        module: &Module,
        key: &SnapshotKey,
        given_up: Option<&EventFd>,
    ) -> Result<Option<Module>, LoadError> {
        let cache = self.cache.as_ref();
        let found = cache.and_then(|cache| writes_to_a_limit(|| cache.get(&key.0, &self.settings)));
        let Some((wasm, _)) = found else {
            return Ok(None);
        };
        let source = Source::from_memory(wasm, self.limits.module_size);
        self.load_source(module, source, given_up).map(Some)
    }

    /// Loads a snapshot that a worker made of a module: the bytes of a stranger's module.
    pub(crate) fn load_snapshot(
        &self,
        module: &Module,
        key: &SnapshotKey,
        wasm: &[u8],
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        let source = writes_to_a_limit(|| Source::from_bytes(wasm, self.limits.module_size));
        let loaded = self.load_source(module, source, given_up)?;
        if let Some(cache) = &self.cache {
            let wasm = &loaded.inner.source.memory;
            let nothing = Description::default();
            writes_to_a_limit(|| cache.put(&key.0, &self.settings, wasm, &nothing));
        }
        Ok(loaded)
    }

    fn load_source(
        &self,
        of: &Module,
        source: Result<Source, Problem>,
        given_up: Option<&EventFd>,
    ) -> Result<Module, LoadError> {
        let name = of.name();
        let named = Named {
            name: name.to_owned(),
            file: of.file().map(Path::to_owned),
        };
        source
            .and_then(|source| self.load(named, source, Purpose::Run, given_up))
            .map_err(|problem| LoadError::new(name.to_owned(), problem))?
            .runnable(name, self)
    }
}
