//! The demo: everything that it needs is got and built, then it runs.
//!
//! It is an example of the library, and run by cargo: were it linked in here,
//! every other command of these would have to wait for wasmtime's build.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, root, run};
use crate::guests;
use crate::toolchain::{self, Install};

/// Runs the demo with compiled guests, or, where they cannot be had, with such
/// as need no compiler.
pub fn demo(install: Install) -> Result<()> {
    match toolchain::ensure(install) {
        Ok(toolchain) => {
            guests::build(&toolchain)?;
            run(&mut command(Guests::Compiled))
        }
        Err(no_target) => {
            println!("{no_target}\n");
            println!("the demo goes on with guests that are written as WebAssembly text");
            run(&mut command(Guests::Written))
        }
    }
}

/// The task modules that the demo shows.
pub enum Guests {
    /// Those of `guest-tasks/`, which have to be built before.
    Compiled,
    /// Those that the demo holds itself, as text.
    Written,
}

/// The command that builds the host and runs the demo.
pub fn command(guests: Guests) -> Command {
    let mut cargo = cargo(root());
    cargo.args(["run", "--package", "sandpool", "--example", "demo", "--"]);
    match guests {
        Guests::Compiled => cargo.args(["--guests", "target/guests", "--root", "."]),
        Guests::Written => cargo.arg("--wat-only"),
    };
    cargo
}
