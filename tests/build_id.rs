//! The scope of the build id: all that a host and a worker must agree on, and nothing
//! else. The build script is run on a copy of the sources in which one file is changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::process::program;
use crate::support::{repository, test};

/// A copy of what the build script looks at, and of the command beside it.
struct Sources {
    folder: tempfile::TempDir,
    script: PathBuf,
}

impl Sources {
    /// `None` where this user may not run the compiler.
    fn copied() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["protocol", "value", "worker", "sandpool", "cli"] {
            let from = repository().join("host").join(part).join("src");
            copy(&from, &folder.path().join("host").join(part).join("src"));
        }
        copy(&repository().join("wit"), &folder.path().join("wit"));
        let script = folder.path().join("host/protocol/build.rs");
        fs::copy(repository().join("host/protocol/build.rs"), &script).expect("copied");
        let built = folder.path().join("script");
        let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
        let output = program(rustc.to_str().expect("text"))
            .args(["--edition", "2024", "-o"])
            .args([&built, &script])
            .env("CARGO_PKG_VERSION", "0.1.0")
            .output();
        let output = match output {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                eprintln!("skipped: this user may not run `{}`", rustc.display());
                return None;
            }
            output => output.expect("rustc runs"),
        };
        assert!(output.status.success(), "{output:?}");
        Some(Sources {
            folder,
            script: built,
        })
    }

    /// The id as the sources are now.
    fn id(&self) -> String {
        let output = program(self.script.to_str().expect("text"))
            .current_dir(self.folder.path().join("host/protocol"))
            .env("TARGET", "x86_64-unknown-linux-gnu")
            .output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).expect("text");
        let id = said
            .lines()
            .find_map(|line| line.strip_prefix("cargo:rustc-env=SANDPOOL_BUILD_ID="));
        id.expect("it says the id").to_owned()
    }

    fn changes_with(&self, file: &str) -> bool {
        let path = self.folder.path().join(file);
        let before = self.id();
        let text = fs::read_to_string(&path).expect("a source file");
        fs::write(&path, format!("{text}\n// changed\n")).expect("written");
        let after = self.id();
        fs::write(&path, text).expect("written");
        assert_eq!(self.id(), before, "it depends on the contents alone");
        after != before
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("copied")),
        }
    }
}

#[test]
fn the_build_id_covers_what_host_and_worker_agree_on_and_nothing_else() {
    let _test = test();
    let Some(sources) = Sources::copied() else {
        return;
    };
    for agreed in [
        "host/protocol/src/ring.rs",
        "host/protocol/src/limits.rs",
        "host/value/src/codec.rs",
        "host/worker/src/engine/config.rs",
        "host/worker/src/engine/describe.rs",
        "wit/task.wit",
    ] {
        assert!(sources.changes_with(agreed), "{agreed}");
    }
    for other in [
        "host/cli/src/main.rs",
        "host/sandpool/src/pool/scheduler/rules.rs",
        "host/value/src/lines.rs",
        "host/worker/src/sandbox/cage.rs",
    ] {
        assert!(!sources.changes_with(other), "{other}");
    }
}

#[test]
fn nothing_is_built_anew_for_the_command() {
    // Nobody depends on it, so a change in it builds it alone.
    for folder in ["value", "sys", "protocol", "worker", "sandpool", "bench"] {
        let path = repository().join("host").join(folder).join("Cargo.toml");
        let manifest = fs::read_to_string(path).expect("a manifest");
        assert!(!manifest.contains("sandpool-cli"), "{folder}");
    }
}

#[test]
fn the_wasmtime_of_the_build_id_is_the_one_that_is_built() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).expect("a file");
    let source = read("host/protocol/src/handshake.rs");
    let manifest = read("Cargo.toml");
    let (_, version) = manifest
        .split_once("wasmtime = { version = \"=")
        .expect("an exact version");
    let (version, _) = version.split_once('"').expect("its end");
    let line = format!("pub const WASMTIME: &str = \"{version}\";");
    assert!(source.contains(&line), "not `{line}`");
}
