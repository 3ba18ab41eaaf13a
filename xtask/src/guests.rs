//! Building the task modules of `guest-tasks/`.
//!
//! They end up as `target/guests/<folder name>.wasm`, where tests, examples
//! and the demo look for them, and nothing is left behind in `guest-tasks/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{root, run};
use crate::python;
use crate::toolchain::{TARGET, Toolchain};
use crate::zig::Zig;

/// The guest that has C code, and begins with a snapshot. It is no default member of the
/// guests' workspace.
const WITH_C: &str = "javascript";

/// Builds every guest, except for those that this machine has no tools for, which is said.
/// Returns the finished modules.
pub fn build(toolchain: &Toolchain) -> Result<Vec<PathBuf>> {
    run(&mut toolchain.cargo(&source(), &target_folder(), "build"))?;
    let zig = with_zig(toolchain, "build", run)?;

    let built = target_folder().join(TARGET).join("release");
    let finished = root().join("target/guests");
    fs::create_dir_all(&finished)
        .with_context(|| format!("cannot make `{}`", finished.display()))?;
    let mut modules = Vec::new();
    for name in names()? {
        let module = finished.join(format!("{name}.wasm"));
        if name != WITH_C {
            copy_if_changed(&built_module(&built, &name)?, &module)?;
        } else if let Some(zig) = &zig {
            let snapshot = built.join(format!("{name}-snapshot.wasm"));
            zig.take_snapshot(&built_module(&built, &name)?, &snapshot)?;
            copy_if_changed(&snapshot, &module)?;
        } else {
            continue;
        }
        modules.push(module);
    }
    if let Some(python) = python::build(&target_folder())? {
        let module = finished.join("python.wasm");
        copy_if_changed(&python, &module)?;
        modules.push(module);
    }
    Ok(modules)
}

/// Lints every guest. Debian's route has no clippy of its own, and rustup's
/// cannot read what another rustc compiled; then there is nothing to do, and
/// the answer is false.
pub fn clippy(toolchain: &Toolchain) -> Result<bool> {
    if let Toolchain::Debian { .. } = toolchain {
        return Ok(false);
    }
    let mut clippy = toolchain.cargo(&source(), &target_folder(), "clippy");
    run(clippy.args(["--", "-D", "warnings"]))?;
    with_zig(toolchain, "clippy", |clippy| {
        run(clippy.args(["--", "-D", "warnings"]))
    })?;
    Ok(true)
}

/// Runs a command of cargo for the guest that has C code, and returns the compiler; or says
/// in one line why it cannot.
fn with_zig(
    toolchain: &Toolchain,
    subcommand: &str,
    run: impl FnOnce(&mut Command) -> Result<()>,
) -> Result<Option<Zig>> {
    let zig = match Zig::ensure() {
        Ok(zig) => zig,
        Err(reason) => {
            println!("leaving out the guest `{WITH_C}`: {reason}");
            return Ok(None);
        }
    };
    let mut cargo = toolchain.cargo(&source(), &target_folder(), subcommand);
    cargo.args(["--package", &format!("{WITH_C}-task")]);
    zig.compile_with(&mut cargo, TARGET);
    run(&mut cargo)?;
    Ok(Some(zig))
}

/// The workspace of the guests.
pub fn source() -> PathBuf {
    root().join("guest-tasks")
}

/// Where cargo keeps what it makes of guests.
pub fn target_folder() -> PathBuf {
    root().join("target/guests-build")
}

/// The names of all guests: the folders that have a manifest.
fn names() -> Result<Vec<String>> {
    let source = source();
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&source).with_context(|| format!("cannot read `{}`", source.display()))?
    {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Returns cargo's file name for the guest `name`: its package is `<name>-task`, and a
/// library's file has an underscore where a program's keeps the dash.
fn built_module(folder: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [format!("{name}_task.wasm"), format!("{name}-task.wasm")];
    for candidate in &candidates {
        let path = folder.join(candidate);
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!(
        "guest `{name}` was built, but neither `{}` nor `{}` is in `{}`: its package must be called `{name}-task`",
        candidates[0],
        candidates[1],
        folder.display()
    )
}

/// Leaves an equal file alone, with its time of change; and never lets anybody
/// see half a module, so that a pool may be running while guests are built.
pub fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let unfinished = to.with_extension("wasm.new");
    fs::write(&unfinished, new)
        .and_then(|()| fs::rename(&unfinished, to))
        .with_context(|| format!("cannot write `{}`", to.display()))
}
