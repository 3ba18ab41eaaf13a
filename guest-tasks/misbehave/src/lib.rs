//! Everything that a task should not do, each as a function of its own.
//!
//! It shows what becomes of a task that does it: its own verdict, and nothing
//! for anybody else. Not one to copy, but one to try a pool with.

mod exhaust;
mod network;

use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io, process};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "demo:misbehave/misbehave",
    generate_all,
});

use sandpool::task::log::{Level, log};

struct Misbehave;

impl Guest for Misbehave {
    fn spin() {
        exhaust::processor()
    }

    fn trap() {
        core::arch::wasm32::unreachable()
    }

    fn abort_now() {
        process::abort()
    }

    fn panic(message: String) {
        panic!("{message}")
    }

    fn exit_with(code: u32) {
        process::exit(code as i32)
    }

    fn allocate_forever() {
        exhaust::memory()
    }

    fn allocate(bytes: u32) -> u32 {
        exhaust::touch(Vec::with_capacity(bytes as usize))
    }

    fn try_allocate(bytes: u32) -> bool {
        let mut memory = Vec::new();
        let given = memory.try_reserve_exact(bytes as usize).is_ok();
        exhaust::touch(memory);
        given
    }

    fn recurse() {
        exhaust::wasm_stack()
    }

    fn recurse_with_buffers() {
        exhaust::shadow_stack()
    }

    fn shout(bytes: u64) {
        exhaust::output(io::stdout().lock(), bytes)
    }

    fn shout_stderr(bytes: u64) {
        exhaust::output(io::stderr().lock(), bytes)
    }

    fn log_flood(messages: u64) {
        for n in 1..=messages {
            log(Level::Info, &format!("message {n} of {messages}"));
        }
    }

    fn big_result(n: u32) -> Vec<u8> {
        vec![b'x'; n as usize]
    }

    fn open_file(path: String) -> Result<String, String> {
        fs::read_to_string(&path).map_err(|e| format!("cannot read `{path}`: {e}"))
    }

    fn connect_to(address: String) -> Result<(), String> {
        network::connect(&address)
    }

    fn env(name: String) -> Option<String> {
        env::var(name).ok()
    }

    fn global_counter() -> u32 {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        CALLS.fetch_add(1, Ordering::Relaxed) + 1
    }
}

export!(Misbehave);
