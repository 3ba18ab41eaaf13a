//! Loading a module, with a notice where that takes long: nothing looks as much like a hang
//! as a large module that is being compiled.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use sandpool::{LoadError, Module, Pool};

use super::report;

/// Time after which loading is worth a notice.
const LONG: Duration = Duration::from_secs(1);

/// Loads a module. Unless `quiet`, a notice on stderr says so after a second.
pub fn load(pool: &Pool, path: &Path, quiet: bool) -> Result<Module, LoadError> {
    if quiet {
        return pool.load(path);
    }
    let (loaded, waits) = mpsc::channel::<()>();
    let text = format!(
        "compiling `{}`; the cache keeps the result for later runs",
        path.display()
    );
    // Where there is no thread to be had, there is no notice.
    let _ = thread::Builder::new().name("notice".into()).spawn(move || {
        if waits.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            report::note(&text);
        }
    });
    let module = pool.load(path);
    drop(loaded);
    module
}
