//! The system calls of a process that tries to get out of its cage; see
//! `sandbox::probe`. They are made directly, as an attacker would make them.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::ptr::null_mut;

use libc::{c_int, c_long, syscall};
use rustix::fs::{CWD, Mode, OFlags, openat};

use serde::{Deserialize, Serialize};

/// An attempt of a guest that has taken over its worker to get out of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Attempt {
    /// Open `/etc/passwd`.
    OpenFile,
    /// Make a file in `/tmp`.
    MakeFile,
    /// Open the granted directory's parent, by `..`.
    LeaveDirectory,
    /// Read `/proc/self/environ`.
    ReadEnvironment,
    /// List `/proc`, to see other processes.
    SeeProcesses,
    /// Open the memory of the process that started it.
    ReadParentMemory,
    /// Trace the process that started it.
    TraceParent,
    /// Signal the process that started it.
    SignalParent,
    /// Copy from the memory of the process that started it.
    CopyParentMemory,
    /// Make a TCP socket and connect it to 127.0.0.1.
    Connect,
    /// Make a pair of local sockets.
    MakeSockets,
    /// Start a process.
    Fork,
    /// Execute `/bin/sh`.
    Execute,
    /// Map memory that can be written and executed.
    MapExecutable,
    /// Map memory that no limit counts.
    MapUncounted,
    /// Make a namespace.
    MakeNamespace,
    /// Become root.
    BecomeRoot,
    /// Take over kernel memory: ask for a BPF program.
    LoadBpf,
    /// Set up a queue of system calls that no filter sees.
    SetUpIoUring,
    /// Push input into the terminal.
    UseTerminal,
}

impl Attempt {
    /// All attempts.
    pub const ALL: [Attempt; 20] = [
        Attempt::OpenFile,
        Attempt::MakeFile,
        Attempt::LeaveDirectory,
        Attempt::ReadEnvironment,
        Attempt::SeeProcesses,
        Attempt::ReadParentMemory,
        Attempt::TraceParent,
        Attempt::SignalParent,
        Attempt::CopyParentMemory,
        Attempt::Connect,
        Attempt::MakeSockets,
        Attempt::Fork,
        Attempt::Execute,
        Attempt::MapExecutable,
        Attempt::MapUncounted,
        Attempt::MakeNamespace,
        Attempt::BecomeRoot,
        Attempt::LoadBpf,
        Attempt::SetUpIoUring,
        Attempt::UseTerminal,
    ];

    /// Describes the attempt, in a few words.
    pub fn what(self) -> &'static str {
        match self {
            Attempt::OpenFile => "open /etc/passwd",
            Attempt::MakeFile => "make a file in /tmp",
            Attempt::LeaveDirectory => "leave a granted directory",
            Attempt::ReadEnvironment => "read /proc/self/environ",
            Attempt::SeeProcesses => "list other processes",
            Attempt::ReadParentMemory => "open its parent's memory",
            Attempt::TraceParent => "trace its parent",
            Attempt::SignalParent => "signal its parent",
            Attempt::CopyParentMemory => "copy its parent's memory",
            Attempt::Connect => "connect to 127.0.0.1",
            Attempt::MakeSockets => "make a socket pair",
            Attempt::Fork => "start a process",
            Attempt::Execute => "execute /bin/sh",
            Attempt::MapExecutable => "map executable memory",
            Attempt::MapUncounted => "map memory that no limit counts",
            Attempt::MakeNamespace => "make a namespace",
            Attempt::BecomeRoot => "become root",
            Attempt::LoadBpf => "load a BPF program",
            Attempt::SetUpIoUring => "set up io_uring",
            Attempt::UseTerminal => "put input into a terminal",
        }
    }
}

/// Opens a directory before the cage is sealed, as a worker opens its grants.
pub fn open(path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

/// Makes the attempt. `Ok` means that the cage did not hold.
pub fn make(attempt: Attempt, parent: u32, directory: Option<OwnedFd>) -> io::Result<()> {
    let pid = c_int::try_from(parent).unwrap_or(c_int::MAX);
    match attempt {
        Attempt::OpenFile => read("/etc/passwd"),
        Attempt::MakeFile => make_file(),
        Attempt::LeaveDirectory => leave(directory),
        Attempt::ReadEnvironment => read("/proc/self/environ"),
        Attempt::SeeProcesses => {
            open("/proc")?;
            Ok(())
        }
        Attempt::ReadParentMemory => read(&format!("/proc/{parent}/mem")),
        Attempt::TraceParent => {
            // SAFETY: PTRACE_SEIZE takes no pointers from this process.
            done(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0) })
        }
        Attempt::SignalParent => {
            // SAFETY: signal 0 is only asked about, never sent.
            done(c_long::from(unsafe { libc::kill(pid, 0) }))
        }
        Attempt::CopyParentMemory => copy_memory(pid),
        Attempt::Connect => connect(),
        Attempt::MakeSockets => {
            rustix::net::socketpair(
                rustix::net::AddressFamily::UNIX,
                rustix::net::SocketType::STREAM,
                rustix::net::SocketFlags::CLOEXEC,
                None,
            )?;
            Ok(())
        }
        Attempt::Fork => fork(),
        Attempt::Execute => execute(),
        Attempt::MapExecutable => map(libc::PROT_EXEC, libc::MAP_PRIVATE),
        Attempt::MapUncounted => map(libc::PROT_NONE, libc::MAP_SHARED),
        // SAFETY: a plain system call without pointers.
        Attempt::MakeNamespace => done(unsafe { syscall(libc::SYS_unshare, libc::CLONE_NEWUSER) }),
        // SAFETY: a plain system call without pointers.
        Attempt::BecomeRoot => done(unsafe { syscall(libc::SYS_setresuid, 0, 0, 0) }),
        // SAFETY: a null pointer of no bytes is refused by whoever looks at it.
        Attempt::LoadBpf => done(unsafe { syscall(libc::SYS_bpf, 5, 0usize, 0) }),
        Attempt::SetUpIoUring => {
            let mut parameters = [0u64; 15];
            // SAFETY: the kernel writes its `io_uring_params`, of 120 bytes,
            // into a live local of that size.
            done(unsafe { syscall(libc::SYS_io_uring_setup, 8, &raw mut parameters) })
        }
        Attempt::UseTerminal => {
            let byte = 0u8;
            // SAFETY: the kernel reads one byte from a live local.
            done(unsafe { syscall(libc::SYS_ioctl, 0, libc::TIOCSTI, &raw const byte) })
        }
    }
}

fn done(result: c_long) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn read(path: &str) -> io::Result<()> {
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = [0; 16];
    // An empty environment has been read all the same.
    rustix::io::read(&file, &mut bytes)?;
    Ok(())
}

fn make_file() -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let path = format!("/tmp/sandpool-probe-{}", std::process::id());
    openat(CWD, &path, flags, Mode::from_raw_mode(0o600))?;
    let _ = rustix::fs::unlink(&path);
    Ok(())
}

/// Up from a granted directory and down again. Without one, up from the root.
fn leave(directory: Option<OwnedFd>) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let up = "../../../../../../../../../../etc/passwd";
    match directory {
        Some(directory) => openat(&directory, up, flags, Mode::empty())?,
        None => openat(CWD, up, flags, Mode::empty())?,
    };
    Ok(())
}

fn copy_memory(pid: c_int) -> io::Result<()> {
    let mut here = [0u8; 8];
    let local = libc::iovec {
        iov_base: here.as_mut_ptr().cast(),
        iov_len: here.len(),
    };
    let remote = libc::iovec {
        // Where programs are usually mapped; who may not look gets EPERM first.
        iov_base: 0x0040_0000 as *mut libc::c_void,
        iov_len: here.len(),
    };
    // SAFETY: the kernel writes at most the 8 bytes of a live local, and reads
    // from the other process what it may.
    let copied =
        unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    done(copied as c_long)
}

fn connect() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketType, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // Nobody listens on port 1; a refused connection was a connection all the
    // same, to a machine's loopback.
    match connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1)) {
        Err(rustix::io::Errno::CONNREFUSED) => Ok(()),
        other => Ok(other?),
    }
}

fn fork() -> io::Result<()> {
    // SAFETY: a clone without flags is a fork; the child, which has a copy of
    // everything, only leaves.
    match unsafe { syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        // SAFETY: ends the new process at once.
        0 => unsafe { libc::_exit(0) },
        pid => done(pid),
    }
}

fn execute() -> io::Result<()> {
    let path = c"/bin/sh";
    let argv = [
        path.as_ptr(),
        c"-c".as_ptr(),
        c"exit 42".as_ptr(),
        std::ptr::null(),
    ];
    let environment: [*const libc::c_char; 1] = [std::ptr::null()];
    // SAFETY: C strings and null-ended arrays of them that live through the
    // call, which returns only on error.
    done(c_long::from(unsafe {
        libc::execve(path.as_ptr(), argv.as_ptr(), environment.as_ptr())
    }))
}

/// Maps memory that can be read and written, and this besides.
fn map(protection: c_int, flags: c_int) -> io::Result<()> {
    let protection = libc::PROT_READ | libc::PROT_WRITE | protection;
    let flags = flags | libc::MAP_ANONYMOUS;
    // SAFETY: a null address lets the kernel choose where, so nothing that is
    // mapped is replaced.
    let mapped = unsafe { libc::mmap(null_mut(), 4096, protection, flags, -1, 0) };
    match mapped == libc::MAP_FAILED {
        true => Err(io::Error::last_os_error()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_cage_an_attempt_succeeds() {
        assert!(read("/proc/self/environ").is_ok());
        assert!(fork().is_ok());
        assert!(make(Attempt::MapExecutable, 0, None).is_ok());
        assert!(make(Attempt::MapUncounted, 0, None).is_ok());
        let to_self = Attempt::SignalParent;
        assert!(make(to_self, std::process::id(), None).is_ok());
    }
}
