//! Running other programs: printed before they run, and free of what the
//! cargo that started this program left in the environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ lies in the repository's root")
}

/// The cargo that started this program, for the workspace in `folder`.
pub fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder);
    // `cargo run` describes the package that it runs, xtask, in the
    // environment. Passed on, that is a lie about every other package, and
    // what watches such a variable would be built again and again.
    for (name, _) in env::vars_os() {
        if describes_a_package(&name) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn describes_a_package(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || [
                "CARGO_BIN_NAME",
                "CARGO_CRATE_NAME",
                "CARGO_PRIMARY_PACKAGE",
            ]
            .contains(&name)
    })
}

/// Prints the command and runs it; a failure of it is an error that names it.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Returns the stdout of a command, without white space around it; nothing if it cannot
/// be run or fails. For asking a tool about itself, quietly.
pub fn ask(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Where a program lies on PATH. A link that leads nowhere is no program.
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// A command as one would type it: the variables that were set, the program,
/// its arguments.
fn line(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| {
            let mut assignment = name.to_owned();
            assignment.push("=");
            assignment.push(value?);
            Some(assignment)
        })
        // PATH is only ever added to, and printing it whole helps nobody.
        .filter(|assignment| !assignment.to_string_lossy().starts_with("PATH="));
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program())
        .to_owned();
    let arguments = command.get_args().map(OsStr::to_owned);
    let words: Vec<String> = set
        .chain([program])
        .chain(arguments)
        .map(|word: OsString| quoted(&word.to_string_lossy()))
        .collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
