//! Descriptions of modules that a compiler wrote.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::description(bytes));
