//! Builds the command for daily use, and puts it where cargo puts such things.
//!
//! Workers are the command itself, started again and again, so what its start
//! costs is a good part of what a process costs. Linked statically it has no
//! libraries to find, map and bind, which takes half a millisecond. The flag for
//! that goes to the last step alone: all else is built as ever, and what cannot be
//! linked so (procedural macros) is not.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{cargo, root, run};

/// Installs the command into `DIR/bin`, by default cargo's own folder.
pub fn install(into: Option<&Path>) -> Result<()> {
    const WHAT: [&str; 5] = ["--release", "--package", "sandpool", "--bin", "sandpool"];
    let linked =
        run(cargo(root())
            .arg("rustc")
            .args(WHAT)
            .args(["--", "-C", "target-feature=+crt-static"]));
    if let Err(error) = linked {
        println!("{error:#}; without a static C library then");
        run(cargo(root()).arg("build").args(WHAT))?;
    }
    let folder = folder(into)?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let place = folder.join("sandpool");
    // Beside it first: one that runs cannot be written over, but replaced.
    let beside = folder.join(format!(".sandpool-{}", std::process::id()));
    fs::copy(root().join("target/release/sandpool"), &beside)
        .and_then(|_| fs::rename(&beside, &place))
        .with_context(|| format!("cannot write `{}`", place.display()))?;
    println!("{}", place.display());
    Ok(())
}

fn folder(into: Option<&Path>) -> Result<PathBuf> {
    if let Some(into) = into {
        return Ok(into.join("bin"));
    }
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(home);
    let folder = cargo_home.context("neither CARGO_HOME nor HOME is set; use `--root DIR`")?;
    Ok(folder.join("bin"))
}
