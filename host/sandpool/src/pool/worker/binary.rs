//! Where the pool finds a binary for its children.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::param::linux_execfn;

use crate::entry;
use crate::pool::error::Error;

/// Name of the command that can be anybody's worker.
const COMMAND: &str = "sandpool";

/// Finds the binary: the one that was asked for, `$SANDPOOL_WORKER`, this
/// program if it called `worker_entry`, `sandpool` beside this program, then on
/// PATH.
pub(crate) fn find(asked: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = asked {
        let path = path.to_owned();
        return usable(&path).ok_or(Error::WorkerBinary { path });
    }
    if let Some(path) = env::var_os("SANDPOOL_WORKER").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return usable(&path).ok_or(Error::WorkerBinaryOfEnvironment { path });
    }
    if entry::was_called() {
        return itself();
    }
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| usable(&exe.with_file_name(COMMAND)));
    let on_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).find_map(|folder| usable(&folder.join(COMMAND)))
    };
    beside.or_else(on_path).ok_or(Error::NoWorkerBinary)
}

/// This very program. By its link and not by its path: it stays this binary also
/// when the file is replaced while the program runs. Where there is no `/proc`, by the
/// path that it was started by.
fn itself() -> Result<PathBuf, Error> {
    const LINK: &str = "/proc/self/exe";
    if std::fs::symlink_metadata(LINK).is_ok() {
        return Ok(PathBuf::from(LINK));
    }
    let path = Path::new(OsStr::from_bytes(linux_execfn().to_bytes()));
    usable(path).ok_or_else(|| Error::OwnBinary {
        path: path.to_owned(),
    })
}

fn usable(path: &Path) -> Option<PathBuf> {
    let executable = rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    (executable && path.is_file()).then(|| path.to_owned())
}
