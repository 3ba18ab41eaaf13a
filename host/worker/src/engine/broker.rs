//! The way from a guest to shared objects, and to functions and tools of the host, which all
//! live elsewhere: in the worker's host, or in this process.

use sandpool_protocol::request::{Item, Kind, Op, Reply};
use sandpool_protocol::shared_error::SharedError;

/// Makes requests of shared objects for a guest. Timeouts are in nanoseconds.
pub trait Broker: Send + Sync {
    /// Returns the number of the object that was granted under this name.
    fn open(&self, kind: Kind, name: &str) -> Result<u32, SharedError>;
    /// Asks an object, and waits for the reply.
    fn call(&self, object: u32, op: Op, timeout: Option<u64>) -> Reply;
    /// Puts one item into a queue.
    fn put(&self, object: u32, item: Item, timeout: Option<u64>) -> Reply;
    /// Gets items from a queue: at least one, at most `most`.
    fn get(&self, object: u32, most: u32, timeout: Option<u64>) -> Reply;
    /// Calls a function of the host, by its place among the functions of all imports, with
    /// encoded arguments.
    fn function(&self, function: u32, arguments: Vec<u8>) -> Reply;
    /// Calls a tool of the host, with JSON.
    fn tool(&self, name: String, arguments: String) -> Reply;
    /// Asks for the list of the tools.
    fn tools(&self) -> Reply;
}

/// A shared object that a guest has opened.
pub struct Opened(pub(super) u32);
