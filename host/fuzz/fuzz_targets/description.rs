//! What a compiler says about a module.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::description(bytes));
