//! The verdict of a failed call.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::bounds::{Bounds, HostFunctionFailed, NotGranted, OutputLimitReached};
use sandpool_protocol::frame::TaskEnd;
use sandpool_protocol::limits::LimitName;

/// The number of bytes of a function's name that an error shows: a guest may choose names
/// of 100,000.
const MAX_NAME: usize = 200;

/// Reads an error of wasmtime's: returns the way in which the task ended, and a text about
/// it. Earlier refusals are in the task's refusals; only a refusal of memory changes the
/// verdict, since a guest that gets no memory usually aborts.
pub fn of_error(error: &wasmtime::Error, bounds: &Bounds) -> (TaskEnd, Option<String>) {
    if let Some(OutputLimitReached { limit }) = error.downcast_ref() {
        return (TaskEnd::OutputLimit(*limit), None);
    }
    if error.is::<HostFunctionFailed>() {
        return (TaskEnd::HostFunction, None);
    }
    if error.is::<NotGranted>() {
        return (TaskEnd::Denied, None);
    }
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => return (TaskEnd::OutOfFuel, None),
        Some(Trap::Interrupt) => return (TaskEnd::Interrupted, where_it_was(error)),
        _ => {}
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return (TaskEnd::Exit(exit.0), None);
    }
    let text = error_text(error, trap);
    if let Some(limit) = bounds.refused_growth {
        // A module that wants too much from the first has not trapped: the limit says it
        // all.
        let is_birth = trap.is_none() && refused_by_wasmtime(error).is_some();
        return (TaskEnd::MemoryLimit(limit), (!is_birth).then_some(text));
    }
    if trap.is_none()
        && let Some(limit) = refused_by_wasmtime(error)
    {
        return (TaskEnd::MemoryLimit(limit), None);
    }
    (TaskEnd::Trap, Some(text))
}

/// Returns the limit that wasmtime enforces by itself and tells only in words.
fn refused_by_wasmtime(error: &wasmtime::Error) -> Option<LimitName> {
    let os = error.downcast_ref::<std::io::Error>();
    if os.is_some_and(|os| os.raw_os_error() == Some(libc::ENOMEM)) {
        return Some(LimitName::ProcessMemory);
    }
    // Not the whole chain, which holds names that the guest chose.
    let text = error.root_cause().to_string();
    let known = [
        ("fuel allocated for hostcalls", LimitName::HostCalls),
        // Random bytes, asked for by the gigabyte.
        ("requested len ", LimitName::HostCalls),
        ("store handle limit exceeded", LimitName::Handles),
        ("resource table has no free keys", LimitName::Handles),
        ("instance count too high", LimitName::Instances),
        ("memory count too high", LimitName::Memories),
        ("table count too high", LimitName::Tables),
        ("memory minimum size", LimitName::Memory),
        ("table minimum size", LimitName::TableElements),
    ];
    let said = known.iter().find(|(words, _)| text.contains(words));
    said.map(|(_, limit)| *limit)
}

/// Returns one line: the trap code in words, and the place in the guest's code.
fn error_text(error: &wasmtime::Error, trap: Option<&Trap>) -> String {
    let what = match trap {
        Some(trap) => trap
            .to_string()
            .trim_start_matches("wasm trap: ")
            .to_owned(),
        None => error.root_cause().to_string(),
    };
    match where_it_was(error) {
        Some(place) => format!("{what}, {place}"),
        None => what,
    }
}

/// Returns the innermost functions of the backtrace, if there is one.
fn where_it_was(error: &wasmtime::Error) -> Option<String> {
    let backtrace = error.downcast_ref::<WasmBacktrace>()?;
    let mut names: Vec<String> = backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => format!("`{}`", readable(name)),
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    // A function that calls itself is named once.
    names.dedup();
    names.truncate(4);
    if names.is_empty() {
        None
    } else {
        Some(format!("in {}", names.join(" from ")))
    }
}

/// Returns a Rust or C++ symbol without its mangling, and other names unchanged.
fn readable(name: &str) -> String {
    let mut name = rustc_demangle::try_demangle(name)
        .map_or_else(|_| name.to_owned(), |name| format!("{name:#}"));
    if name.len() > MAX_NAME {
        name.truncate(name.floor_char_boundary(MAX_NAME));
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_goes_on_and_on_is_cut() {
        let name = readable(&"é".repeat(100_000));
        assert!(name.len() <= MAX_NAME + '…'.len_utf8() && name.ends_with('…'));
        assert_eq!(readable("_ZN3foo3barE"), "foo::bar");
        assert_eq!(
            readable("\u{1b}[31m"),
            "\u{1b}[31m",
            "the host makes it harmless"
        );
    }
}
