//! Finds the binary that the pool starts its children from.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::param::linux_execfn;

use crate::entry;
use crate::pool::error::Error;

/// The name of the command that can serve as any program's worker.
const COMMAND: &str = "sandpool";

/// Finds the binary: the `asked` one, else `$SANDPOOL_WORKER`, else this program if it
/// called `worker_entry`, else `sandpool` beside this program, else `sandpool` on PATH.
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

/// Returns the path of this program: its link in `/proc`, which leads to this binary even
/// when the file is replaced while the program runs. Without `/proc`, the path that it was
/// started by.
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
