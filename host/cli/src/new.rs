//! `sandpool new`: a project that builds into a task module, and runs in the
//! pool at once. The files are in `new/`, with `{{name}}` and the like in them.
//!
//! It is written into a folder beside the one that was asked for, which it then
//! becomes: there is a whole project or none.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::report::{self, Failure, Kind};
use super::shell;

const EXAMPLES: &str = "\
A name consists of small letters, digits and dashes: `word-count`. The folder must not
exist, or must be empty.

Exit codes: 0 ok, 2 usage, 4 the project could not be written.

Examples:
  sandpool new word-count
  sandpool new ~/tasks/word-count";

/// Create a project for a task module, which builds with plain cargo
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct New {
    /// The folder to create; its last part is the project's name
    name: PathBuf,
    /// The language of the project
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
}

/// The files of a project, each with what is in it.
type ProjectFiles = &'static [(&'static str, &'static str)];

const RUST: ProjectFiles = &[
    ("Cargo.toml", include_str!("new/Cargo.toml.in")),
    ("src/lib.rs", include_str!("new/lib.rs.in")),
    ("wit/world.wit", include_str!("new/world.wit.in")),
    ("README.md", include_str!("new/README.md.in")),
    (".gitignore", include_str!("new/gitignore.in")),
    (
        "rust-toolchain.toml",
        include_str!("new/rust-toolchain.toml.in"),
    ),
];

/// Words of Rust and of WIT, and crates that every project has: none of them
/// can be a crate's name and a world's.
const TAKEN: &str = "as async await borrow break const continue core crate do dyn else enum \
    export extern fn for from func gen if impl import in include interface let loop macro match \
    mod move mut own package priv proc-macro pub record ref resource result return self static \
    std stream string struct super test trait true try type typeof union unsafe use variant \
    where while with wit-bindgen world yield abstract alloc become box bool char error-context \
    false final flags float32 float64 f32 f64 future list option override s8 s16 s32 s64 tuple \
    u8 u16 u32 u64 unsized virtual";

impl New {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let name = self.name.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| bad_name(&self.name.to_string_lossy(), "not a name"))?;
        check_name(name)?;
        let files = match self.lang {
            Language::Rust => RUST,
        };
        let module = module(name);
        make(&self.name, files, |text| {
            text.replace("{{name}}", name)
                .replace("{{module}}", &module)
        })?;
        let said = format!(
            "made `{name}`, a project for a task module; now\n\n  \
             cd {}\n  \
             cargo build --release --target wasm32-wasip2\n  \
             sandpool apply {module} greet Ada\n",
            shell::quote(&self.name.to_string_lossy()),
        );
        Ok(report::print(said.as_bytes())?.unwrap_or(ExitCode::SUCCESS))
    }
}

/// Where cargo leaves the module, in the project's folder.
fn module(name: &str) -> String {
    let file = name.replace('-', "_");
    format!("target/wasm32-wasip2/release/{file}.wasm")
}

/// A name is a crate's, a WIT package's and a world's at once. WIT is the
/// strictest: words of letters and digits, each with a letter first.
fn check_name(name: &str) -> Result<(), Failure> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !name.split('-').all(word) {
        return Err(bad_name(name, "not a name for a project").hint(
            "use words of small letters and digits, each beginning with a letter, joined by dashes: \
             `word-count`",
        ));
    }
    if name.len() > 64 {
        return Err(bad_name(name, "too long for a project's name"));
    }
    if TAKEN.split_whitespace().any(|taken| taken == name) {
        return Err(bad_name(name, "a name that Rust or WIT reserves"));
    }
    Ok(())
}

fn bad_name(name: &str, is: &str) -> Failure {
    Failure::usage(format!("`{name}` is {is}"))
}

/// Makes the folder with its files, each of which `fill` gives its names.
fn make(folder: &Path, files: ProjectFiles, fill: impl Fn(&str) -> String) -> Result<(), Failure> {
    refuse_what_is_there(folder)?;
    write(folder, files, fill)
        .with_context(|| format!("cannot make `{}`", folder.display()))
        .map_err(|error| Failure::new(Kind::Pool, error))
}

fn refuse_what_is_there(folder: &Path) -> Result<(), Failure> {
    let Ok(there) = folder.symlink_metadata() else {
        return Ok(());
    };
    let shown = folder.display();
    if !there.is_dir() {
        return Err(Failure::usage(format!("`{shown}` exists already")));
    }
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::usage(format!("`{shown}` exists and is not empty"))),
        Err(error) => Err(Failure::new(
            Kind::Pool,
            anyhow::Error::new(error).context(format!("cannot read `{shown}`")),
        )),
    }
}

fn write(folder: &Path, files: ProjectFiles, fill: impl Fn(&str) -> String) -> io::Result<()> {
    let beside = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Removed again if any of this fails.
    let unfinished = tempfile::Builder::new()
        .prefix(".sandpool-new-")
        // As `mkdir` would have it: the umask says what is left of it.
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(beside)?;
    for (name, text) in files {
        let path = unfinished.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, fill(text))?;
    }
    // An empty folder is replaced, one that is not is an error.
    fs::rename(unfinished.path(), folder)?;
    // The folder that it named does not exist any more.
    let _ = unfinished.keep();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_rust_and_wit_can_both_have() {
        for good in ["a", "word-count", "sha256", "a1-b2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "2d",
            "a-2",
            "Word",
            "a_b",
            "a b",
            "a.b",
            "é",
            "fn",
            "record",
            "wit-bindgen",
            &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_guests_here_and_those_made_use_the_same_wit_bindgen() {
        let version = |manifest: &str| {
            let line = manifest.lines().find(|it| it.starts_with("wit-bindgen = "));
            let (_, rest) = line.and_then(|it| it.split_once("version = ")).unwrap();
            rest.split('"').nth(1).map(str::to_owned)
        };
        let ours = include_str!("../../../guest-tasks/Cargo.toml");
        assert_eq!(version(include_str!("new/Cargo.toml.in")), version(ours));
    }
}
