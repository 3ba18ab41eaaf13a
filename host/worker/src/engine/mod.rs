//! The code that knows wasmtime and that several processes need: its configuration, the
//! imports of guests, the loading and calling of code. For compiler and worker; in the
//! host, only `in_process` uses it.

mod assembly_script;
mod bindings;
pub mod bounds;
pub mod broker;
pub mod call;
pub mod clock;
pub mod code;
pub mod config;
mod convert;
pub mod describe;
mod file_stream;
pub mod files;
mod filesystem;
pub mod guest;
mod handles;
mod host_functions;
pub mod http;
mod http_imports;
pub mod imports;
pub mod memory;
pub mod output;
mod preview1;
mod preview1_call;
mod shared;
mod signature;
mod sleep;
pub mod snapshot;
mod task_interfaces;
mod tools;
mod typed;
pub mod verdict;
pub mod wasi;

/// Returns `true` if memory was refused, usually by our own limit.
pub fn out_of_memory(error: &wasmtime::Error) -> bool {
    let os = error.downcast_ref::<std::io::Error>();
    error.is::<wasmtime::OutOfMemory>()
        || os.is_some_and(|os| os.kind() == std::io::ErrorKind::OutOfMemory)
        // wasmtime maps memory with rustix.
        || error.downcast_ref() == Some(&rustix::io::Errno::NOMEM)
}
