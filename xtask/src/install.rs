//! Builds the command for daily use, and puts it where cargo puts such things; and the
//! interpreters where the command looks for them.
//!
//! Workers are the command itself, started again and again, so what its own start
//! costs is a good part of what a process costs. Linked statically it has no
//! libraries to find, map and bind: half a millisecond less, each time.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{ask, cargo, root, run};
use crate::guests;
use crate::toolchain::{self, Install};

/// The crate `getrandom` looks for its system call by name in the C library, which
/// has no names once it is linked statically, and would open a file instead: a
/// sealed worker dies of that. This tells it that the call is there.
const STATIC: [&str; 4] = [
    "-C",
    "target-feature=+crt-static",
    "--cfg",
    "getrandom_backend=\"linux_getrandom\"",
];

/// A guest that asks for random numbers, and returns 0 if it gets some.
const DRAW: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "draw") (result i32) (call $get (i32.const 0) (i32.const 8))))
"#;

/// The guests that are installed: the modules that the command finds by name.
const INTERPRETERS: [&str; 2] = ["python", "javascript"];

/// Installs the command into `DIR/bin`, and the interpreters into `DIR/share/sandpool`. The
/// folder is cargo's own by default.
pub fn install(into: Option<&Path>, install: Install) -> Result<()> {
    // Named to cargo in any case, so that both go to one folder. Cargo is started in another
    // folder than this program, perhaps.
    let prefix = std::path::absolute(into.map_or_else(cargos_folder, |it| Ok(it.to_owned()))?)?;
    let interpreters = interpreters(install)?;
    let target = static_target();
    if target.is_none() {
        println!("there is no static C library for this machine's target: linking dynamically");
    }
    let mut build = with_flags(target.as_deref());
    run(build.args([
        "build",
        "--release",
        "--package",
        "sandpool-cli",
        "--bin",
        "sandpool",
    ]))?;
    let release = root()
        .join("target")
        .join(target.as_deref().unwrap_or_default());
    check(&release.join("release/sandpool"))?;

    let mut install = with_flags(target.as_deref());
    install.args(["install", "--locked", "--force", "--path", "host/cli"]);
    run(install.arg("--root").arg(&prefix))?;

    let folder = prefix.join("share/sandpool");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for module in interpreters {
        let name = module.file_name().context("a module has a name")?;
        guests::copy_if_changed(&module, &folder.join(name))?;
        println!("installed `{}`", folder.join(name).display());
    }
    Ok(())
}

/// Builds the interpreters. Those that this machine has no tools for are left out, which is
/// said.
fn interpreters(install: Install) -> Result<Vec<PathBuf>> {
    let toolchain = match toolchain::ensure(install) {
        Ok(toolchain) => toolchain,
        Err(no_target) => {
            println!("{no_target}\n\nthe command is installed without interpreters");
            return Ok(Vec::new());
        }
    };
    let mut modules = guests::build(&toolchain)?;
    modules.retain(|module| {
        let name = module.file_stem();
        INTERPRETERS.iter().any(|one| name == Some(one.as_ref()))
    });
    Ok(modules)
}

/// Returns the folder into which cargo installs, unless its configuration names another one.
fn cargos_folder() -> Result<PathBuf> {
    let named = ["CARGO_INSTALL_ROOT", "CARGO_HOME"]
        .into_iter()
        .find_map(env::var_os);
    let home = || env::home_dir().map(|home| home.join(".cargo"));
    let folder = named.map(PathBuf::from).or_else(home);
    folder.context("neither `CARGO_HOME` nor `HOME` says where to install: `--root DIR` does")
}

/// Cargo for this workspace, with what linking statically for `target` takes.
fn with_flags(target: Option<&str>) -> Command {
    let mut cargo = cargo(root());
    cargo.env("CARGO_TARGET_DIR", root().join("target"));
    let Some(target) = target else {
        // For this machine, where the command is looked for when it is built.
        cargo.env_remove("CARGO_BUILD_TARGET");
        return cargo;
    };
    // Named, so that the flags are not for what runs while it is built:
    // procedural macros cannot be linked so.
    cargo.env("CARGO_BUILD_TARGET", target);
    // The variable that cargo looks at first, with what the user has set in it.
    let (name, separator) = match env::var_os(ENCODED) {
        Some(_) => (ENCODED, "\u{1f}"),
        None => ("RUSTFLAGS", " "),
    };
    let theirs = env::var(name).ok().filter(|flags| !flags.is_empty());
    let flags: Vec<_> = theirs.iter().map(String::as_str).chain(STATIC).collect();
    cargo.env(name, flags.join(separator));
    cargo
}

/// Flags with a separator that is no space, as cargo hands them on.
const ENCODED: &str = "CARGO_ENCODED_RUSTFLAGS";

/// This machine's target, if a program can be linked statically for it.
fn static_target() -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let about = ask(Command::new(&rustc).arg("-vV"))?;
    let target = about.lines().find_map(|line| line.strip_prefix("host: "))?;
    if !target.ends_with("-linux-gnu") {
        return None;
    }
    let folder = root().join("target/static");
    fs::create_dir_all(&folder).ok()?;
    let source = folder.join("nothing.rs");
    fs::write(&source, "fn main() {}\n").ok()?;
    let mut linked = Command::new(&rustc);
    linked.args(&STATIC[..2]).arg("--out-dir").arg(&folder);
    ask(linked.arg(&source))?;
    Some(target.to_owned())
}

/// Checks that a worker of this command is sealed and lives.
fn check(command: &Path) -> Result<()> {
    let folder = root().join("target/static");
    let module = folder.join("draw.wat");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&module, DRAW))
        .with_context(|| format!("cannot write `{}`", module.display()))?;
    // Its own workers, whatever the user has for daily use.
    let mut apply = Command::new(command);
    apply.env_remove("SANDPOOL_WORKER");
    let drawn = ask(apply.arg("apply").arg(&module).arg("draw"));
    ensure!(
        drawn.as_deref() == Some("0"),
        "`{}` does not work: a guest of it gets no random numbers",
        command.display()
    );
    Ok(())
}
