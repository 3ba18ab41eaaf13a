//! The limits that this process was started under (`ulimit`, a cgroup), so that errors can
//! name the limit that refused something.

use std::io;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::cgroup;

/// A resource of which the system had none to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scarce {
    /// Memory.
    Memory,
    /// Processes or threads.
    Processes,
    /// Open files.
    Descriptors,
    /// Something else that comes and goes: namespaces, ports, a busy file.
    Other,
}

impl Scarce {
    /// Returns the resource that an error of a creating call (of a process, a thread,
    /// memory, a descriptor) says is exhausted; `None` if it will not come by waiting.
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.raw_os_error() {
            Some(libc::ENOMEM) => Some(Scarce::Memory),
            Some(libc::EAGAIN) => Some(Scarce::Processes),
            Some(libc::EMFILE | libc::ENFILE) => Some(Scarce::Descriptors),
            Some(
                libc::ENOSPC
                | libc::ENOBUFS
                | libc::EUSERS
                | libc::ETXTBSY
                | libc::EINTR
                | libc::EBUSY,
            ) => Some(Scarce::Other),
            None if error.kind() == io::ErrorKind::OutOfMemory => Some(Scarce::Memory),
            _ => None,
        }
    }
}

/// Resource limits, `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// Bytes of address space.
    pub address_space: Option<u64>,
    /// Bytes of private memory.
    pub data: Option<u64>,
    /// The most that [`InForce::data`] can be raised to.
    pub most_data: Option<u64>,
    /// Processes and threads of this user.
    pub processes: Option<u64>,
    /// Open files of a process.
    pub descriptors: Option<u64>,
    /// Bytes of a file.
    pub file_size: Option<u64>,
}

impl InForce {
    /// Those of this process now.
    pub fn now() -> Self {
        let current = |resource| getrlimit(resource).current;
        InForce {
            address_space: current(Resource::As),
            data: current(Resource::Data),
            most_data: getrlimit(Resource::Data).maximum,
            processes: current(Resource::Nproc),
            descriptors: current(Resource::Nofile),
            file_size: current(Resource::Fsize),
        }
    }

    /// The limit that refuses memory to a process which has a limit of its `own` as
    /// well, if that is not the one. `reserved` is the address space that it needs
    /// beside its memory.
    pub fn tighter_than(&self, own: Option<u64>, reserved: u64) -> Option<String> {
        let needed = reserved.saturating_add(own.unwrap_or(0));
        if let Some(bytes) = self.address_space.filter(|bytes| *bytes < needed) {
            return Some(address_space(bytes));
        }
        // A limit of its own stands in the place of the one that can be raised.
        let inherited = match own {
            Some(own) => self.most_data.filter(|bytes| *bytes < own),
            None => self.data,
        };
        inherited.map(data)
    }

    /// The limit on the size of files.
    pub fn named_file_size(&self) -> Option<String> {
        let bytes = self.file_size?;
        Some(format!("`ulimit -f` allows files of {bytes} bytes"))
    }

    /// The limit that most likely refused it, by its name in a shell and its value.
    pub fn named(&self, scarce: Scarce) -> Option<String> {
        match scarce {
            Scarce::Memory => match (self.address_space, self.data) {
                (Some(bytes), _) => Some(address_space(bytes)),
                (None, Some(bytes)) => Some(data(bytes)),
                (None, None) => None,
            },
            Scarce::Processes => self.processes.map(processes),
            Scarce::Descriptors => self
                .descriptors
                .map(|count| format!("`ulimit -n` allows {count} open files")),
            Scarce::Other => None,
        }
    }
}

/// Returns whether so many bytes of address space are still to be had.
pub fn has_address_space(bytes: u64) -> bool {
    let Ok(len) = usize::try_from(bytes) else {
        return false;
    };
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a null address lets the kernel choose where, so no existing mapping is
    // replaced, and nobody may access the new one.
    let Ok(start) =
        (unsafe { mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), flags) })
    else {
        return false;
    };
    // SAFETY: exactly what was just mapped, of which nobody knows.
    let _ = unsafe { munmap(start, len) };
    true
}

/// `ulimit -v` and its value.
pub fn address_space(bytes: u64) -> String {
    format!("`ulimit -v` allows {}KiB of address space", bytes / 1024)
}

/// `ulimit -d` and its value.
pub fn data(bytes: u64) -> String {
    format!("`ulimit -d` allows {}KiB of memory", bytes / 1024)
}

/// `ulimit -u` and its value.
pub fn processes(count: u64) -> String {
    format!("`ulimit -u` allows this user {count} processes and threads")
}

/// The text of an error of the system, with the limit behind it, where one is known.
pub fn with_limit(error: &io::Error) -> String {
    let limit = match error.raw_os_error() {
        Some(libc::EFBIG) => InForce::now().named_file_size(),
        _ => Scarce::of(error).and_then(named),
    };
    match limit {
        Some(limit) => format!("{error}; {limit}"),
        None => error.to_string(),
    }
}

/// The error, whose text names the limit behind it, where one is known.
pub fn naming_limit(error: io::Error) -> io::Error {
    match with_limit(&error) {
        text if text == error.to_string() => error,
        text => io::Error::new(error.kind(), text),
    }
}

/// The limit of this process that most likely refused it. Only for the host: a child
/// that is locked in sees no cgroup.
pub fn named(scarce: Scarce) -> Option<String> {
    let in_force = InForce::now();
    match scarce {
        Scarce::Processes => cgroup::full_of_processes().or_else(|| {
            // Root is not bound by it.
            let bound = in_force.named(scarce);
            bound.filter(|_| !rustix::process::geteuid().is_root())
        }),
        _ => in_force.named(scarce),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_refused_is_named_as_a_shell_names_it() {
        let in_force = InForce {
            address_space: Some(8_000_000 * 1024),
            data: Some(1024),
            processes: Some(6),
            descriptors: Some(20),
            ..InForce::default()
        };
        let named = |scarce| in_force.named(scarce).expect("one is known");
        assert_eq!(
            named(Scarce::Memory),
            "`ulimit -v` allows 8000000KiB of address space"
        );
        assert_eq!(
            named(Scarce::Processes),
            "`ulimit -u` allows this user 6 processes and threads"
        );
        assert_eq!(
            named(Scarce::Descriptors),
            "`ulimit -n` allows 20 open files"
        );
        assert_eq!(InForce::default().named(Scarce::Memory), None);
    }

    #[test]
    fn of_two_limits_on_memory_the_tighter_one_is_named() {
        let limits = |space, most_data| InForce {
            address_space: space,
            most_data,
            ..InForce::default()
        };
        let tighter = |in_force: InForce| in_force.tighter_than(Some(1 << 30), 1 << 40);
        assert_eq!(tighter(limits(None, None)), None);
        assert_eq!(tighter(limits(Some(1 << 41), Some(1 << 31))), None);
        let space = tighter(limits(Some(1 << 33), None)).expect("too little");
        assert!(space.starts_with("`ulimit -v`"), "{space}");
        let memory = tighter(limits(None, Some(1 << 20))).expect("too little");
        assert_eq!(memory, "`ulimit -d` allows 1024KiB of memory");
    }

    #[test]
    fn what_may_come_by_waiting_is_told_from_what_will_not() {
        let of = |errno| Scarce::of(&io::Error::from_raw_os_error(errno));
        assert_eq!(of(libc::EMFILE), Some(Scarce::Descriptors));
        assert_eq!(of(libc::EAGAIN), Some(Scarce::Processes));
        assert_eq!(of(libc::ENOMEM), Some(Scarce::Memory));
        assert_eq!(of(libc::ENOENT), None);
        assert_eq!(of(libc::EFBIG), None);
    }
}
