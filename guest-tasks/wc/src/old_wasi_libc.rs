//! A workaround for the C library of 2022 that Debian 12 packages; `cargo xtask
//! guests` compiles it in when it meets one. Leave it out of a copy.
//!
//! That library expects the linker to run constructors at every call from
//! outside. One of them asks the host for the granted folders, which traps
//! when the call from outside is itself a part of an answer of the host's.
//! A mention of `__wasm_call_ctors` makes the linker leave all that alone, and
//! then the program has to run the constructors itself, once.

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// To be called first thing in `main`, and not again.
pub fn run_constructors() {
    // SAFETY: the linker defines this function, without arguments or result.
    // It may run once, before anything that relies on a constructor; this is
    // the start of `main`, and this C library's start code has not called it.
    unsafe { __wasm_call_ctors() }
}
