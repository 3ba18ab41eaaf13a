//! The system calls that a child may make, each with the reason why. What is
//! in no list kills the process.
//!
//! A worker has [`SEALED`] for its whole life and [`LOADING`] until it has
//! loaded its artifact; [`FILES`] and [`CHANGES`] only if directories are
//! granted to it. A compiler has [`COMPILING`], and [`THREADING`] until it has
//! started its threads.

/// A call that is allowed, under a condition.
pub(super) struct AllowedCall {
    pub(super) number: i64,
    pub(super) only: Only,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers, and for a test"))]
    pub(super) why: &'static str,
}

/// The condition on a call's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// Anything.
    Any,
    /// The third argument asks for no executable memory.
    NotExecutable,
    /// The arguments are mmap's, and ask for no memory that `RLIMIT_DATA` does
    /// not count: shared without a file, or a stack that grows.
    Counted,
    /// Both: mmap of memory that is counted and not executable.
    CountedNotExecutable,
    /// The first argument's flags make a thread, not a process.
    Thread,
    /// The first argument is this process.
    OwnProcess,
    /// The second argument is one of the commands of fcntl that concern a
    /// descriptor that is open already.
    DescriptorFlags,
    /// The second argument is the command of fcntl that seals a memory file.
    Sealing,
    /// The second argument is the command of ioctl for descriptors that do not
    /// block.
    NonBlocking,
    /// The first argument is 0, by which prlimit means this process.
    OwnLimits,
    /// The first argument is the command of prctl that names a thread.
    ThreadName,
    /// The first argument is the command of prctl that refuses new privileges.
    NoNewPrivileges,
}

const fn any(number: i64, why: &'static str) -> AllowedCall {
    AllowedCall {
        number,
        only: Only::Any,
        why,
    }
}

const fn only(only: Only, number: i64, why: &'static str) -> AllowedCall {
    AllowedCall { number, only, why }
}

/// The calls of a worker while it runs guests.
pub(super) const SEALED: &[AllowedCall] = &[
    any(
        libc::SYS_futex,
        "sleeps until there is a task; locks between its two threads",
    ),
    any(
        libc::SYS_read,
        "a guest's standard input; the wake-ups of the event loop",
    ),
    any(libc::SYS_pread64, "arguments that came in a memory file"),
    any(
        libc::SYS_write,
        "the host's bell; output that is passed on; wake-ups of the event loop",
    ),
    any(
        libc::SYS_sendmsg,
        "messages to the host, on the one socket there is",
    ),
    any(libc::SYS_recvmsg, "messages from the host"),
    any(
        libc::SYS_close,
        "memory files of payloads, when they are read",
    ),
    only(
        Only::DescriptorFlags,
        libc::SYS_fcntl,
        "std looks at a descriptor before it closes it; how a file was opened; copies",
    ),
    only(
        Only::CountedNotExecutable,
        libc::SYS_mmap,
        "memories of new instances, from the artifact; the allocator",
    ),
    only(
        Only::NotExecutable,
        libc::SYS_mprotect,
        "memories that grow; guard pages",
    ),
    any(libc::SYS_munmap, "the allocator"),
    any(libc::SYS_mremap, "the allocator"),
    any(libc::SYS_brk, "the allocator"),
    any(
        libc::SYS_madvise,
        "memories of instances that ended are given back; large pages for payloads",
    ),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_epoll_wait, "the event loop"),
    any(libc::SYS_epoll_pwait, "the event loop"),
    any(
        libc::SYS_epoll_ctl,
        "standard input joins the event loop at the first read",
    ),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_poll, "waits for room on the socket"),
    any(libc::SYS_ppoll, "waits for room on the socket"),
    any(libc::SYS_clock_nanosleep, "a guest sleeps"),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_nanosleep, "a guest sleeps"),
    any(
        libc::SYS_clock_gettime,
        "clocks, where the kernel has no faster way",
    ),
    any(libc::SYS_clock_getres, "a guest asks how fine its clock is"),
    any(
        libc::SYS_gettimeofday,
        "clocks, where the kernel has no faster way",
    ),
    any(
        libc::SYS_getrandom,
        "random numbers for guests; seeds of hash tables",
    ),
    any(libc::SYS_sched_yield, "locks that spin first"),
    any(
        libc::SYS_sched_getaffinity,
        "the allocator counts cores for its arenas",
    ),
    any(
        libc::SYS_rt_sigreturn,
        "traps of guests are signals: the way back",
    ),
    any(libc::SYS_rt_sigprocmask, "traps of guests; abort"),
    any(
        libc::SYS_sigaltstack,
        "a stack overflow is handled on another stack",
    ),
    any(
        libc::SYS_restart_syscall,
        "a sleep goes on after the process was stopped and continued",
    ),
    any(libc::SYS_getpid, "abort asks whom to signal"),
    any(libc::SYS_gettid, "abort asks whom to signal"),
    only(Only::OwnProcess, libc::SYS_tgkill, "abort signals itself"),
    any(libc::SYS_exit, "a thread ends"),
    any(libc::SYS_exit_group, "the process ends"),
    // Answered with an error, see `REFUSED`.
    any(
        libc::SYS_process_madvise,
        "wasmtime tries it, and can do without",
    ),
];

/// The additional calls of a worker until it has loaded its artifact.
pub(super) const LOADING: &[AllowedCall] = &[
    any(
        libc::SYS_openat,
        "the artifact, by its descriptor; granted directories",
    ),
    any(libc::SYS_openat2, "granted directories"),
    any(libc::SYS_statx, "the length of the artifact"),
    any(libc::SYS_newfstatat, "the length of the artifact"),
    any(libc::SYS_fstat, "the length of the artifact"),
    any(libc::SYS_lseek, "reading a file to its end"),
    only(
        Only::Sealing,
        libc::SYS_fcntl,
        "images of memories are sealed; other commands are in `SEALED`",
    ),
    any(libc::SYS_mmap, "the artifact's code is mapped"),
    any(libc::SYS_mprotect, "the artifact's code becomes executable"),
    any(libc::SYS_membarrier, "new code is seen by every core"),
    any(
        libc::SYS_memfd_create,
        "images of memories that the artifact does not hold page by page",
    ),
    any(libc::SYS_ftruncate, "the size of such an image"),
    any(libc::SYS_pwrite64, "the contents of such an image"),
    only(Only::Thread, libc::SYS_clone, "the second thread"),
    // Answered with an error, see `REFUSED`.
    any(
        libc::SYS_clone3,
        "threads; its flags cannot be looked at, so `clone` has to do",
    ),
    any(libc::SYS_set_robust_list, "the second thread starts"),
    any(libc::SYS_rseq, "the second thread starts"),
    any(
        libc::SYS_rt_sigaction,
        "traps of guests are signals; the C library's threads",
    ),
    only(
        Only::ThreadName,
        libc::SYS_prctl,
        "the second thread gets its name",
    ),
    only(
        Only::NoNewPrivileges,
        libc::SYS_prctl,
        "goes with the filter that seals",
    ),
    only(
        Only::OwnLimits,
        libc::SYS_prlimit64,
        "the size of stacks; no more threads from now on",
    ),
    only(
        Only::NonBlocking,
        libc::SYS_ioctl,
        "the socket does not block the event loop",
    ),
    any(
        libc::SYS_chdir,
        "leaves the folder in which it found the artifact",
    ),
    any(
        libc::SYS_dup3,
        "standard streams become the artifact, which nobody can write to",
    ),
    #[cfg(target_arch = "x86_64")]
    any(
        libc::SYS_dup2,
        "standard streams become the artifact, which nobody can write to",
    ),
    any(libc::SYS_seccomp, "the filter that seals"),
];

/// The additional calls of a worker with granted directories. What paths they may name,
/// and whether they may be opened for writing, is not for a filter to see: Landlock and
/// the mounts see to that.
pub(super) const FILES: &[AllowedCall] = &[
    any(libc::SYS_openat, "opens what is in a granted directory"),
    any(
        libc::SYS_openat2,
        "opens what is in a granted directory, and nothing outside",
    ),
    any(libc::SYS_statx, "what a file is"),
    any(libc::SYS_newfstatat, "what a file is"),
    any(libc::SYS_fstat, "what a file is"),
    any(
        libc::SYS_fstatfs,
        "whether the kernel's process files are what they should be",
    ),
    any(libc::SYS_getdents64, "lists a directory"),
    any(
        libc::SYS_lseek,
        "where in a file, or in the list of a directory",
    ),
    any(libc::SYS_readv, "reads a file"),
    any(libc::SYS_preadv, "reads a file"),
    any(libc::SYS_preadv2, "reads a file"),
    any(
        libc::SYS_readlinkat,
        "reads a link, and follows those that stay inside",
    ),
    any(libc::SYS_faccessat, "whether a file is there"),
    any(libc::SYS_faccessat2, "whether a file is there"),
    any(libc::SYS_fadvise64, "a guest says how it will read"),
    any(libc::SYS_fsync, "a guest syncs a file"),
    any(libc::SYS_fdatasync, "a guest syncs a file"),
];

/// The additional calls of a worker with a directory that is granted for writing.
pub(super) const CHANGES: &[AllowedCall] = &[
    any(libc::SYS_writev, "writes a file"),
    any(libc::SYS_pwrite64, "writes a file"),
    any(libc::SYS_pwritev, "writes a file"),
    any(libc::SYS_pwritev2, "writes a file"),
    any(libc::SYS_ftruncate, "sets a file's length"),
    any(libc::SYS_fallocate, "sets a file's length"),
    any(libc::SYS_mkdirat, "makes a folder"),
    any(libc::SYS_unlinkat, "removes a file or a folder"),
    any(libc::SYS_renameat, "renames"),
    any(libc::SYS_renameat2, "renames"),
    any(libc::SYS_linkat, "makes a hard link"),
    any(libc::SYS_symlinkat, "makes a symbolic link"),
    any(libc::SYS_utimensat, "sets a file's times"),
];

/// The calls of a compiler. It keeps executable memory: wasmtime maps what it has
/// compiled, though nobody calls it here.
pub(super) const COMPILING: &[AllowedCall] = &[
    any(libc::SYS_futex, "locks between the threads that compile"),
    any(libc::SYS_read, "the module"),
    any(libc::SYS_pread64, "the module"),
    any(libc::SYS_write, "artifact and description"),
    any(libc::SYS_lseek, "the start of the module"),
    any(libc::SYS_statx, "the length of the module"),
    any(libc::SYS_newfstatat, "the length of the module"),
    any(libc::SYS_fstat, "the length of the module"),
    any(libc::SYS_sendmsg, "the answer to the host"),
    any(libc::SYS_close, "files that are done with"),
    only(
        Only::Counted,
        libc::SYS_mmap,
        "the allocator; compiled code",
    ),
    any(libc::SYS_mprotect, "the allocator; compiled code"),
    any(libc::SYS_munmap, "the allocator"),
    any(libc::SYS_mremap, "the allocator"),
    any(libc::SYS_brk, "the allocator"),
    any(libc::SYS_madvise, "the allocator"),
    any(libc::SYS_membarrier, "new code is seen by every core"),
    any(
        libc::SYS_memfd_create,
        "answered with an error: its memory would not be counted",
    ),
    only(
        Only::DescriptorFlags,
        libc::SYS_fcntl,
        "std looks at a descriptor before it closes it",
    ),
    any(
        libc::SYS_sched_getaffinity,
        "the allocator counts cores for its arenas",
    ),
    any(libc::SYS_sched_yield, "threads that look for work"),
    any(libc::SYS_clock_nanosleep, "threads that look for work"),
    any(
        libc::SYS_clock_gettime,
        "clocks, where the kernel has no faster way",
    ),
    any(libc::SYS_getrandom, "seeds of hash tables"),
    any(
        libc::SYS_rt_sigaction,
        "wasmtime's handlers; the C library's threads",
    ),
    any(libc::SYS_rt_sigprocmask, "abort lets its signal through"),
    any(libc::SYS_rt_sigreturn, "the way back from a signal"),
    any(
        libc::SYS_sigaltstack,
        "a stack overflow is handled on another stack",
    ),
    any(
        libc::SYS_restart_syscall,
        "a wait goes on after the process was stopped and continued",
    ),
    any(
        libc::SYS_openat,
        "answered with an error: the allocator counts cores for its arenas",
    ),
    any(libc::SYS_getpid, "abort asks whom to signal"),
    any(libc::SYS_gettid, "abort asks whom to signal"),
    only(Only::OwnProcess, libc::SYS_tgkill, "abort signals itself"),
    any(libc::SYS_exit, "a thread ends"),
    any(libc::SYS_exit_group, "the process ends"),
];

/// The additional calls of a compiler until its threads are started, which is before it
/// reads the module.
pub(super) const THREADING: &[AllowedCall] = &[
    only(Only::Thread, libc::SYS_clone, "one thread for each core"),
    any(
        libc::SYS_clone3,
        "answered with an error: its flags cannot be looked at",
    ),
    any(libc::SYS_set_robust_list, "a thread starts"),
    any(libc::SYS_rseq, "a thread starts"),
    only(Only::ThreadName, libc::SYS_prctl, "a thread gets its name"),
    only(
        Only::OwnLimits,
        libc::SYS_prlimit64,
        "the size of stacks; no more threads from now on",
    ),
    only(
        Only::NoNewPrivileges,
        libc::SYS_prctl,
        "goes with the filter that seals",
    ),
    any(libc::SYS_seccomp, "the filter that seals"),
];

/// Calls that libraries try and can do without: they are answered with an
/// error, where death would be the answer to an attack.
pub(super) const REFUSED: &[(i64, i32)] = &[
    (libc::SYS_clone3, libc::ENOSYS),
    (libc::SYS_process_madvise, libc::ENOSYS),
];

/// Calls that an allocator of the final program's own tries at any time, in every child, and
/// can do without: mimalloc names its memory and looks for further memory nodes. Where
/// no list allows it, it is answered with an error, so that nobody's choice of an
/// allocator is taken for an attack.
pub(super) const TRIED: &[(i64, i32)] = &[
    (libc::SYS_prctl, libc::EINVAL),
    (libc::SYS_getcpu, libc::ENOSYS),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_access, libc::ENOENT),
    (libc::SYS_faccessat, libc::ENOENT),
    (libc::SYS_mbind, libc::ENOSYS),
    (libc::SYS_get_mempolicy, libc::ENOSYS),
];

/// Calls that a sealed worker tries in addition if it found its artifact in memory and
/// not in a file. They are listed to be answered: see [`REFUSED_WITHOUT_FILE`].
pub(super) const WITHOUT_FILE: &[AllowedCall] = &[any(
    libc::SYS_memfd_create,
    "answered with an error: wasmtime can do without images of memories",
)];

/// As [`REFUSED`], in such a worker.
pub(super) const REFUSED_WITHOUT_FILE: &[(i64, i32)] = &[
    (libc::SYS_clone3, libc::ENOSYS),
    (libc::SYS_process_madvise, libc::ENOSYS),
    (libc::SYS_memfd_create, libc::ENOSYS),
];

/// As [`REFUSED`], in a compiler, which has no file to open.
pub(super) const REFUSED_IN_COMPILER: &[(i64, i32)] = &[
    (libc::SYS_clone3, libc::ENOSYS),
    (libc::SYS_openat, libc::ENOENT),
    // Images of memories are made when a module is instantiated, which is not
    // done here.
    (libc::SYS_memfd_create, libc::ENOSYS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_its_reason() {
        for list in [SEALED, LOADING, FILES, CHANGES, COMPILING, THREADING] {
            assert!(list.iter().all(|call| call.why.len() >= 7));
        }
    }

    #[test]
    fn a_sealed_worker_starts_nothing_opens_nothing_and_connects_nowhere() {
        let forbidden = [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_openat,
            libc::SYS_openat2,
            libc::SYS_memfd_create,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_userfaultfd,
            libc::SYS_perf_event_open,
            libc::SYS_keyctl,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_kill,
            libc::SYS_prctl,
            libc::SYS_seccomp,
            libc::SYS_ioctl,
        ];
        for call in SEALED {
            assert!(!forbidden.contains(&call.number), "{}", call.number);
        }
    }

    #[test]
    fn a_compiler_that_reads_a_module_starts_nothing_and_changes_no_rule() {
        let forbidden = [
            libc::SYS_execve,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_socket,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_seccomp,
            libc::SYS_ioctl,
        ];
        for call in COMPILING {
            assert!(!forbidden.contains(&call.number), "{}", call.number);
        }
    }

    #[test]
    fn while_it_loads_a_worker_is_not_free_to_ask_what_takes_many_commands() {
        for call in LOADING {
            let many = [libc::SYS_prctl, libc::SYS_ioctl, libc::SYS_fcntl];
            let any = call.only == Only::Any && many.contains(&call.number);
            assert!(!any, "{}", call.number);
        }
    }

    #[test]
    fn what_changes_files_is_for_directories_that_are_granted_for_writing() {
        for change in CHANGES {
            let number = change.number;
            for list in [SEALED, FILES] {
                assert!(list.iter().all(|call| call.number != number), "{number}");
            }
        }
    }
}
