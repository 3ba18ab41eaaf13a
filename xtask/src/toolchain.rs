//! Finding, or getting, a compiler for the wasm target, and one that checks for the other
//! kind of machine.
//!
//! There are two routes. Most machines have rustup, or a distribution's rustc,
//! with the target's standard library ready made. Where that cannot be had,
//! Debian packages a rustc together with the library's source and WASI's C
//! library, and cargo builds the standard library from them.
//!
//! `SANDPOOL_XTASK_ROUTE` takes the choice away, to try one route on a machine
//! that has several: `target`, `debian` or `none`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt};

use crate::command::{ask, cargo, on_path, run};

/// The target that all guests are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// Debian's names for its newer rustc, the source of the standard library, and WASI's
/// libc.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "wasi-libc"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// The permission to install software on this machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Install {
    Allowed,
    Forbidden,
}

/// A way to build guests that is known to be there.
#[derive(Debug)]
pub enum Toolchain {
    /// rustc has the target's standard library.
    Target,
    /// Debian's rustc, with a standard library built from source.
    Debian {
        /// The folder of the linkers, if they are not on PATH anyway.
        linkers: Option<PathBuf>,
    },
}

/// There is no compiler for the wasm target, and none could be had. To tell
/// apart from a build that failed: the demo goes on without.
#[derive(Debug)]
pub struct NoTarget {
    tried_to_install: bool,
}

impl fmt::Display for NoTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.tried_to_install {
            "and none could be installed"
        } else {
            "and installing one was not allowed"
        };
        write!(
            f,
            "no Rust compiler here can build for `{TARGET}`, {what}\n\n\
             hint: with rustup, `rustup target add {TARGET}`; \
             on Debian, `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    }
}

impl std::error::Error for NoTarget {}

/// Finds a toolchain; gets one if there is none and that is allowed.
pub fn ensure(install: Install) -> Result<Toolchain, NoTarget> {
    let no_target = NoTarget {
        tried_to_install: install == Install::Allowed,
    };
    let route = env::var("SANDPOOL_XTASK_ROUTE").unwrap_or_default();
    if route == "none" {
        return Err(no_target);
    }
    if let Some(found) = find_route(&route) {
        return Ok(found);
    }
    if install == Install::Forbidden {
        return Err(no_target);
    }
    if route != "debian" && on_path("rustup").is_some() {
        attempt(Command::new("rustup").args(["target", "add", TARGET]));
        if let Some(found) = find_target() {
            return Ok(found);
        }
    }
    if route != "target" && on_path("apt-get").is_some() {
        install_debian_packages();
        if let Some(found) = find_debian() {
            return Ok(found);
        }
    }
    Err(no_target)
}

/// Finds a toolchain that is there already.
pub fn find() -> Option<Toolchain> {
    find_route(&env::var("SANDPOOL_XTASK_ROUTE").unwrap_or_default())
}

fn find_route(route: &str) -> Option<Toolchain> {
    match route {
        "none" => None,
        "target" => find_target(),
        "debian" => find_debian(),
        _ => find_target().or_else(find_debian),
    }
}

fn find_target() -> Option<Toolchain> {
    has_library(TARGET).then_some(Toolchain::Target)
}

/// Asks rustc itself rather than rustup: a distribution's rustc may have the
/// target too. The folder is named whether it exists or not.
fn has_library(target: &str) -> bool {
    let folder = ask(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

fn find_debian() -> Option<Toolchain> {
    let sysroot = ask(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]))?;
    let library = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std");
    let libc = Path::new(DEBIAN_WASI_LIBC).join("libc.a");
    if !library.is_dir() || !libc.is_file() {
        return None;
    }
    if let Some(linkers) = rustup_linkers() {
        return Some(Toolchain::Debian {
            linkers: Some(linkers),
        });
    }
    // Debian's own `wasm-component-ld` looks for this one by name.
    on_path("wasm-ld").map(|_| Toolchain::Debian { linkers: None })
}

/// rustup's toolchains bring linkers for wasm along; Debian's packages do so
/// only in part.
fn rustup_linkers() -> Option<PathBuf> {
    let sysroot = ask(Command::new("rustc").args(["--print", "sysroot"]))?;
    let version = ask(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|l| l.strip_prefix("host: "))?;
    let folder = Path::new(&sysroot)
        .join("lib/rustlib")
        .join(host)
        .join("bin");
    let complete = ["rust-lld", "wasm-component-ld"]
        .iter()
        .all(|linker| folder.join(linker).is_file());
    complete.then_some(folder)
}

/// Returns whether WASI's libc is of the kind whose start code leaves it to the linker
/// to run constructors; see the guest `wc` for what that breaks. Newer start code calls
/// them by name.
fn debian_wasi_libc_is_old() -> bool {
    let name = b"__wasm_call_ctors";
    fs::read(Path::new(DEBIAN_WASI_LIBC).join("crt1-command.o"))
        .is_ok_and(|code| !code.windows(name.len()).any(|part| part == name))
}

fn install_debian_packages() {
    let Some(sudo) = privileged() else {
        println!("not installing Debian's packages: this needs root, or sudo without a password");
        return;
    };
    let apt_get = || {
        if sudo {
            let mut command = Command::new("sudo");
            command.args(["-n", "apt-get"]);
            command
        } else {
            Command::new("apt-get")
        }
    };
    attempt(apt_get().arg("update"));
    attempt(apt_get().args(["install", "-y"]).args(DEBIAN_PACKAGES));
}

/// Returns whether `sudo` has to be put before a command that needs root; nothing if
/// not even that helps.
fn privileged() -> Option<bool> {
    // The owner of a process' folder in /proc is the user that it runs as.
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if root {
        return Some(false);
    }
    ask(Command::new("sudo").args(["-n", "true"])).map(|_| true)
}

/// Runs a command whose failure is no error: what counts is whether there is a
/// toolchain afterwards.
fn attempt(command: &mut Command) {
    if let Err(e) = run(command) {
        println!("{e:#}");
    }
}

impl Toolchain {
    /// A cargo that builds for the wasm target in `folder`, as `cargo
    /// <subcommand> --release --target ...`, and leaves what it makes in
    /// `target_folder`.
    pub fn cargo(&self, folder: &Path, target_folder: &Path, subcommand: &str) -> Command {
        let mut cargo = cargo(folder);
        // Settings for building the host are not meant for a guest, and flags from the
        // environment would push aside the guests' own.
        for name in [
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_BUILD_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS",
            "RUSTC",
            "RUSTFLAGS",
        ] {
            cargo.env_remove(name);
        }
        cargo.args([subcommand, "--release", "--target", TARGET]);
        cargo.arg("--target-dir").arg(target_folder);
        if let Toolchain::Debian { linkers } = self {
            // This adds to the flags in the guests' .cargo/config.toml, where
            // RUSTFLAGS would replace them.
            let mut flags = format!(r#""-L", "native={DEBIAN_WASI_LIBC}""#);
            if debian_wasi_libc_is_old() {
                flags.push_str(r#", "--cfg", "old_wasi_libc""#);
            }
            let flags = format!("target.{TARGET}.rustflags=[{flags}]");
            cargo
                .args(["--config", &flags])
                .args(["-Z", "build-std=std,panic_abort"])
                .env("RUSTC", DEBIAN_RUSTC)
                // Debian's rustc is a stable one; building std is not.
                .env("RUSTC_BOOTSTRAP", "1")
                // `cargo run` put the libraries of its own rustc there.
                .env_remove("LD_LIBRARY_PATH");
            if let Some(linkers) = linkers {
                let path = env::var_os("PATH").unwrap_or_default();
                let folders = [linkers.clone()].into_iter().chain(env::split_paths(&path));
                if let Ok(path) = env::join_paths(folders) {
                    cargo.env("PATH", path);
                }
            }
        }
        cargo
    }
}

/// The kind of machine that sandpool runs on and that most developers do not have.
pub const OTHER: &str = "aarch64-unknown-linux-gnu";

/// The means to check, on one kind of machine, that everything compiles for the other.
/// Nothing is linked for it.
pub struct OtherMachine {
    /// The compiler for the few lines of C in dependencies.
    c_compiler: &'static str,
}

impl OtherMachine {
    /// Finds them, and gets the target's standard library where it is missing and may be
    /// installed; an error says why there is no check.
    pub fn find(install: Install) -> Result<Self, String> {
        if cfg!(target_arch = "aarch64") {
            return Err("this machine is one".into());
        }
        if !has_library(OTHER) && install == Install::Allowed && on_path("rustup").is_some() {
            attempt(Command::new("rustup").args(["target", "add", OTHER]));
        }
        if !has_library(OTHER) {
            return Err(format!(
                "rustc has no library for it (`rustup target add {OTHER}`)"
            ));
        }
        // Where there is none for that machine, ours does: what it makes goes into an
        // archive that nobody links.
        let cross = "aarch64-linux-gnu-gcc";
        let c_compiler = on_path(cross).map_or("cc", |_| cross);
        Ok(OtherMachine { c_compiler })
    }

    /// `cargo check` for that machine.
    pub fn check(&self, folder: &Path) -> Command {
        let mut cargo = cargo(folder);
        cargo.args(["check", "--target", OTHER]);
        let variable = "CC_aarch64_unknown_linux_gnu";
        if env::var_os(variable).is_none() {
            cargo.env(variable, self.c_compiler);
        }
        cargo
    }
}
