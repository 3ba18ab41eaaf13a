//! The limits that a shell sets, for errors that are about one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, getrlimit};
use signal_hook::consts::SIGXFSZ;

/// Lets a write past `ulimit -f` be an error, as one on a full disk is: the signal that
/// comes with it would end this process without a word.
pub fn survive_full_files() {
    // Where no handler can be set, it is as it was.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// The limit behind an error of the system, by its name in a shell and its value.
pub fn behind(error: &anyhow::Error) -> Option<String> {
    let mut causes = error.chain();
    causes.find_map(|cause| of(cause.downcast_ref::<io::Error>()?))
}

fn of(error: &io::Error) -> Option<String> {
    let limit = |resource| getrlimit(resource).current;
    match error.raw_os_error()? {
        libc::EFBIG => {
            limit(Resource::Fsize).map(|bytes| format!("`ulimit -f` allows files of {bytes} bytes"))
        }
        libc::EMFILE => {
            limit(Resource::Nofile).map(|count| format!("`ulimit -n` allows {count} open files"))
        }
        _ => None,
    }
}

/// Returns the error of a thread that could not be started, with the limit behind it.
pub fn no_thread(error: io::Error) -> io::Error {
    // Root is not bound by it.
    let most = getrlimit(Resource::Nproc).current;
    let most = most.filter(|_| !rustix::process::geteuid().is_root());
    match (error.kind(), most) {
        (io::ErrorKind::WouldBlock, Some(count)) => io::Error::other(format!(
            "{error}; `ulimit -u` allows this user {count} processes and threads"
        )),
        _ => error,
    }
}
