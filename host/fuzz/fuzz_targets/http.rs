//! Frames of outgoing HTTP, read by the host's end.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::http(bytes));
