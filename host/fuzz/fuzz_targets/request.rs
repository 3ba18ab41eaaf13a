//! Requests of a worker, in any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::request(bytes));
