//! Answers: a frame, its header and its parts, and a value of any type.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sandpool_protocol::fuzzing::frames(bytes));
