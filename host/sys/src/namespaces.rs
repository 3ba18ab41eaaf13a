//! Leaving the namespaces that a process was born into, and what it does to
//! the mounts of its own.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

pub use rustix::thread::UnshareFlags;

/// Moves this process into new namespaces of the given kinds. Only before it
/// has a second thread.
pub fn leave_namespaces(kinds: UnshareFlags) -> io::Result<()> {
    // SAFETY: the call asks for memory safety only where descriptor tables are
    // unshared, which is none of the kinds that are asked for here.
    Ok(unsafe { rustix::thread::unshare_unsafe(kinds) }?)
}

/// `struct mount_attr` of the kernel.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Takes from a mount, and all that are mounted below it, what a guest has no
/// use for: programs, devices, set-uid, and writing unless it is granted.
pub fn tame_mount(mount: impl AsFd, writable: bool) -> io::Result<()> {
    let read_only = if writable { 0 } else { libc::MOUNT_ATTR_RDONLY };
    let attributes = MountAttributes {
        set: libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC | read_only,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    // SAFETY: the empty path and the attributes live through the call, and the
    // size that is passed is theirs.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
