//! A ring into which a worker writes what it likes, read by the host's end.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::ring(bytes));
