//! The cache as a loader uses it. If anything is wrong with it, modules are compiled as if
//! there were no cache, and the program is told once.

use std::path::PathBuf;
use std::sync::{Mutex, Once, PoisonError};

use super::cache::{Cache, CacheTrouble};
use sandpool_protocol::description::Description;
use sandpool_protocol::settings::EngineSettings;
use sandpool_sys::SealedMemory;
use sandpool_sys::stdio;
use sandpool_value::with_causes;

/// A function that is called with the trouble of a cache.
pub(crate) type TroubleHandler = Box<dyn FnOnce(&CacheTrouble) + Send>;

/// A cache, or the trouble with it.
pub(crate) struct ArtifactStore {
    cache: Result<Cache, CacheTrouble>,
    on_trouble: Mutex<Option<TroubleHandler>>,
}

impl std::fmt::Debug for ArtifactStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArtifactStore")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl ArtifactStore {
    /// Returns the cache of this user. Without a handler, trouble with it is one line on
    /// stderr, once in the life of this process.
    pub(crate) fn of_this_user(on_trouble: Option<TroubleHandler>) -> Self {
        ArtifactStore {
            cache: Cache::of_this_user(),
            on_trouble: Mutex::new(Some(on_trouble.unwrap_or_else(|| Box::new(say_once)))),
        }
    }

    /// Returns the artifact of a module, if it was compiled before.
    pub(crate) fn get(
        &self,
        hash: &str,
        settings: &EngineSettings,
    ) -> Option<(SealedMemory, Description)> {
        match &self.cache {
            Ok(cache) => cache.get(hash, settings),
            Err(trouble) => {
                self.tell(trouble);
                None
            }
        }
    }

    /// Keeps an artifact, if it can be kept.
    pub(crate) fn put(
        &self,
        hash: &str,
        settings: &EngineSettings,
        artifact: &SealedMemory,
        description: &Description,
    ) {
        if let Ok(cache) = &self.cache
            && let Err(trouble) = cache.put(hash, settings, artifact, description)
        {
            self.tell(&trouble);
        }
    }

    /// Forgets an artifact.
    pub(crate) fn remove(&self, hash: &str, settings: &EngineSettings) {
        if let Ok(cache) = &self.cache {
            cache.remove(hash, settings);
        }
    }

    fn tell(&self, trouble: &CacheTrouble) {
        if trouble.is_of_a_user_without_home() {
            return;
        }
        let handler = self
            .on_trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(handler) = handler {
            handler(trouble);
        }
    }
}

fn say_once(trouble: &CacheTrouble) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let line = format!("sandpool: {}\n", with_causes(trouble));
        let _ = stdio::write_stderr(line.as_bytes());
    });
}

/// Returns the folder of this user's cache, if artifacts can be kept there.
pub(crate) fn probe() -> Result<PathBuf, CacheTrouble> {
    Cache::of_this_user()?.probe()
}
