//! Merges the core modules of a component that was linked from shared libraries into one.
//!
//! componentize-py links CPython from a dozen libraries, which find each other's functions
//! at run time: through imports, through a table that each of them fills, and through
//! globals that hold addresses. Each instance pays for that: thousands of functions are
//! looked up before its first instruction runs. In a single module the calls are direct, the
//! table has its contents from the start, and addresses are constants.
//!
//! What the component imports and exports stays as it is, and so do the modules that are no
//! libraries. A component in which there is nothing to merge is an error.

mod component;
mod core;
mod linked;
#[cfg(test)]
mod tests;

pub use component::merge;

/// The source of this module: what it makes of a component changes with it.
pub const SOURCES: [&str; 3] = [
    include_str!("component.rs"),
    include_str!("core.rs"),
    include_str!("linked.rs"),
];
