//! The surroundings in which other people start the tests, each a program that cargo
//! starts the tests' binary with.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::command::{ask, cargo, on_path, root};

/// A user id that nobody has.
const USER: &str = "54321";

/// The flags with which `setpriv` becomes that user.
const AS_USER: [&str; 5] = ["--reuid", USER, "--regid", USER, "--clear-groups"];

pub const ORDINARY_USER: &str = "as an ordinary user";

/// System calls that the profiles of containers refuse, and that can be done without.
/// Old profiles refuse with EPERM; where `clone3` is refused so, no C library starts a
/// thread, so the tests themselves would not.
const REFUSED: [(&str, &str); 8] = [
    ("clone3", "ENOSYS"),
    ("close_range", "EPERM"),
    ("faccessat2", "EPERM"),
    ("openat2", "EPERM"),
    ("pidfd_open", "EPERM"),
    ("pidfd_send_signal", "EPERM"),
    ("preadv2", "EPERM"),
    ("statx", "EPERM"),
];

/// The surroundings in which the tests are started.
pub struct Surrounding {
    pub name: String,
    /// The words in front of the tests' binary.
    runner: Vec<String>,
}

impl Surrounding {
    fn new(name: impl Into<String>, runner: &[&str]) -> Self {
        Surrounding {
            name: name.into(),
            runner: runner.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// The integration tests in it.
    pub fn tests(&self) -> Command {
        let words: Vec<_> = self.runner.iter().map(|word| format!("{word:?}")).collect();
        let runner = format!("target.'cfg(unix)'.runner=[{}]", words.join(", "));
        let mut cargo = cargo(root());
        cargo.args([
            "test",
            "--quiet",
            "--package",
            crate::checks::COMMAND,
            "--test",
            "integration",
        ]);
        cargo.args(["--config", &runner]);
        cargo
    }
}

/// Why the tests cannot be run as an ordinary user here; `None` where they can.
pub fn no_ordinary_user() -> Option<String> {
    // As which user this is.
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return Some("the other runs are as one already".to_owned());
    }
    if on_path("setpriv").is_none() {
        return Some("there is no `setpriv`".to_owned());
    }
    let root = root().display();
    // The binaries of tests lie in there.
    let mut list = Command::new("setpriv");
    list.args(AS_USER).args(["ls", &format!("{root}/target")]);
    match ask(&mut list) {
        Some(_) => None,
        None => Some(format!(
            "user {USER} may not read `{root}/target`: use a checkout that is below no \
             private folder"
        )),
    }
}

/// All that are to be had here.
pub fn all() -> Vec<Surrounding> {
    let mut all = vec![
        Surrounding::new("under nohup", &["nohup"]),
        Surrounding::new("with stdin closed", &["sh", "-c", "exec \"$@\" <&-", "sh"]),
    ];
    if no_ordinary_user().is_none() {
        // The snapshots are found without cargo, which may lie in root's home.
        let workspace = format!("INSTA_WORKSPACE_ROOT={}", root().display());
        let home = ["env", "HOME=/nonexistent", &workspace];
        let runner = [&["setpriv"][..], &AS_USER, &home].concat();
        all.push(Surrounding::new(ORDINARY_USER, &runner));
    }
    let launcher = root().join("target/debug/examples/launcher");
    let launcher = launcher.to_string_lossy();
    all.extend(REFUSED.map(|(call, errno)| {
        let words = [&*launcher, "--refuse", call, "--errno", errno, "--"];
        Surrounding::new(format!("where {call} is refused"), &words)
    }));
    all
}
