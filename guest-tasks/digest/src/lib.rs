//! Bytes in, text or bytes out.
//!
//! It shows that a crate from crates.io is a dependency like any other, and
//! `echo` is what measures how fast bytes travel to a task and back.

use std::fmt::Write;

use sha2::{Digest as _, Sha256};

wit_bindgen::generate!({ path: "wit", world: "digest" });

struct Digest;

impl Guest for Digest {
    fn sha256(data: Vec<u8>) -> String {
        let digest = Sha256::digest(&data);
        let mut hex = String::with_capacity(2 * digest.len());
        for byte in digest {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        }
        hex
    }

    fn echo(data: Vec<u8>) -> Vec<u8> {
        data
    }
}

export!(Digest);
