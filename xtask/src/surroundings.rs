//! The surroundings in which other people start the tests, each a program that cargo
//! starts the tests' binary with.

use std::process::Command;

use crate::command::{cargo, on_path, root};

/// A user id that nobody has.
const USER: &str = "54321";

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

/// How the tests are started.
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
            "sandpool",
            "--test",
            "integration",
        ]);
        cargo.args(["--config", &runner]);
        cargo
    }
}

/// All of them. An ordinary user needs a checkout that he may read, and is left out
/// where `setpriv` is missing or the tests run as one already.
pub fn all() -> Vec<Surrounding> {
    let mut all = vec![
        Surrounding::new("under nohup", &["nohup"]),
        Surrounding::new("with stdin closed", &["sh", "-c", "exec \"$@\" <&-", "sh"]),
    ];
    if on_path("setpriv").is_some() {
        let ids = [
            "setpriv",
            "--reuid",
            USER,
            "--regid",
            USER,
            "--clear-groups",
        ];
        let home = ["env", "HOME=/nonexistent"];
        all.push(Surrounding::new(
            "as an ordinary user",
            &[&ids[..], &home].concat(),
        ));
    }
    let launcher = root().join("target/debug/examples/launcher");
    let launcher = launcher.to_string_lossy();
    all.extend(REFUSED.map(|(call, errno)| {
        let words = [&*launcher, "--refuse", call, "--errno", errno, "--"];
        Surrounding::new(format!("where {call} is refused"), &words)
    }));
    all
}
