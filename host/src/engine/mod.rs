//! Everything that knows wasmtime and is not one process's own affair: its
//! configuration, what a guest may import, code that is loaded and called. For
//! compiler and worker; of the host, only the in-process notch touches it.

mod assembly_script;
pub(crate) mod call;
pub(crate) mod clock;
pub(crate) mod code;
pub(crate) mod config;
mod convert;
pub(crate) mod describe;
mod file_stream;
pub(crate) mod files;
mod filesystem;
pub(crate) mod guest;
pub(crate) mod imports;
pub(crate) mod memory;
pub(crate) mod output;
mod preview1;
mod preview1_call;
pub(crate) mod shared;
mod typed;
pub(crate) mod verdict;
pub(crate) mod wasi;

/// Whether there was no memory for something, which as a rule is the doing of
/// our own limit.
pub(crate) fn out_of_memory(error: &wasmtime::Error) -> bool {
    let os = error.downcast_ref::<std::io::Error>();
    error.is::<wasmtime::OutOfMemory>()
        || os.is_some_and(|os| os.kind() == std::io::ErrorKind::OutOfMemory)
        // wasmtime maps memory with rustix.
        || error.downcast_ref() == Some(&rustix::io::Errno::NOMEM)
}
