//! Messages on the control socket, and the hello.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::control(bytes));
