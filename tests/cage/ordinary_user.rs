//! The same for a user who is not root, and for one who may make no namespace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::process::program;
use crate::support::test;

/// A user id that nobody has.
const USER: &str = "54321";

/// A folder that every user may read, with the command in it.
struct Public {
    folder: TempDir,
}

impl Public {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        open_to_all(folder.path(), 0o755);
        let public = Public { folder };
        let binary = env!("CARGO_BIN_EXE_sandpool");
        fs::copy(binary, public.path("sandpool")).expect("copied");
        open_to_all(&public.path("sandpool"), 0o755);
        fs::write(public.path("add.wat"), crate::support::wat::ADD).expect("written");
        open_to_all(&public.path("add.wat"), 0o644);
        public
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the command as an ordinary user, with a shell around it.
    fn as_user(&self, script: &str) -> Output {
        let mut command = program(if super::is_root() { "setpriv" } else { "sh" });
        if super::is_root() {
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "sh"]);
        }
        let output = command
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env("SANDPOOL_CACHE_DIR", "/nonexistent")
            .output();
        output.expect("started")
    }
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the state of a layer, by what `doctor` found.
fn state(found: &Json, name: &str) -> Json {
    let layers = found["layers"].as_array().expect("a list");
    let layer = layers.iter().find(|layer| layer["layer"] == name);
    layer.expect("listed")["state"].clone()
}

#[test]
fn for_an_ordinary_user_every_layer_holds_and_nothing_gets_out() {
    let _test = test();
    let public = Public::new();
    let output = public.as_user("timeout 60 ./sandpool doctor --json");
    assert!(output.status.success(), "{output:?}");
    let found: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["complete"], true, "{found:#}");
    for attempt in found["attempts"].as_array().expect("a list") {
        assert_eq!(attempt["result"], "killed: not in its list of system calls");
    }
}

#[test]
fn an_ordinary_user_runs_tasks_in_a_strict_sandbox_and_grants_his_directories() {
    let _test = test();
    let public = Public::new();
    let output = public.as_user("timeout 60 ./sandpool apply --sandbox strict add.wat add 2 3");
    assert_eq!(
        (text(&output.stdout).as_str(), text(&output.stderr).as_str()),
        ("5\n", "")
    );
    let guest = crate::support::guest("wc");
    fs::copy(guest, public.path("wc.wasm")).expect("copied");
    open_to_all(&public.path("wc.wasm"), 0o644);
    let output = public.as_user(
        "mkdir /tmp/$$ && trap 'rm -r /tmp/$$' EXIT && echo hello > /tmp/$$/f && \
         timeout 60 ./sandpool run --sandbox strict --dir /tmp/$$::/data wc.wasm -c /data/f",
    );
    assert!(text(&output.stdout).contains("6 /data/f"), "{output:?}");
}

#[test]
fn a_stack_too_small_for_guests_is_said_and_costs_no_crash() {
    let _test = test();
    let public = Public::new();
    let output = public.as_user("ulimit -s 512 && timeout 60 ./sandpool apply add.wat add 2 3");
    let told = text(&output.stderr);
    let why =
        "a worker cannot start: `ulimit -H -s` leaves it a stack of 512KiB, and it needs 1MiB";
    assert!(told.contains(why), "{told}");
}

/// No user namespace may be made, and there is no capability for the others.
const WITHOUT_NAMESPACES: &str = "exec unshare --user --map-root-user sh -c '\
    echo 0 > /proc/sys/user/max_user_namespaces && \
    exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all ";

#[test]
fn where_no_namespace_is_to_be_had_tasks_run_and_somebody_is_told() {
    let _test = test();
    let public = Public::new();
    let run = |command: &str| public.as_user(&format!("{WITHOUT_NAMESPACES} {command}'"));
    let output = run("timeout 60 ./sandpool apply add.wat add 2 3");
    assert_eq!(text(&output.stdout), "5\n", "{output:?}");
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.contains(
            "the sandbox is not complete on this machine: no user-namespace, pid-namespace"
        )
    );
    let output = run("timeout 60 ./sandpool apply --quiet add.wat add 2 3");
    assert_eq!(text(&output.stderr), "");
    let output = run("timeout 60 ./sandpool apply --sandbox off add.wat add 2 3");
    assert_eq!(
        (text(&output.stdout).as_str(), text(&output.stderr).as_str()),
        ("5\n", "")
    );
    let output = run("timeout 60 ./sandpool apply --sandbox strict add.wat add 2 3");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains("`--sandbox strict` cannot be kept; missing layers: user-namespace"));
    let output = run("timeout 60 ./sandpool doctor --json");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let state = |name| state(&found, name);
    assert_eq!(state("pid-namespace"), "missing");
    assert_eq!(state("seccomp"), "held");
    assert_eq!(state("landlock"), "held");
    // The remaining layers still refuse everything.
    for attempt in found["attempts"].as_array().expect("a list") {
        assert_eq!(attempt["result"], "killed: not in its list of system calls");
    }
}

/// Runs the command as a root without these capabilities.
fn as_root_without(capabilities: &str, args: &[&str]) -> Output {
    program("setpriv")
        .args([format!("--bounding-set=-{capabilities}")])
        .args([format!("--inh-caps=-{capabilities}")])
        .arg(env!("CARGO_BIN_EXE_sandpool"))
        .args(args)
        .output()
        .expect("started")
}

#[test]
fn a_strict_sandbox_does_not_take_workers_that_stay_root() {
    let _test = test();
    if !super::is_root() {
        return;
    }
    let output = as_root_without("sys_admin", &["doctor", "--json"]);
    let found: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    // Where he may make a user namespace he is himself in it, else he becomes
    // nobody without one.
    let apart = state(&found, "user-namespace") == "held";
    let identity = state(&found, "identity");
    assert_eq!(identity, if apart { "missing" } else { "held" });
    assert_eq!(output.status.code(), Some(1));
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("add.wat");
    fs::write(&module, crate::support::wat::ADD).expect("written");
    let module = module.to_str().expect("UTF-8");
    let strict = ["apply", "--sandbox", "strict", module, "add", "2", "3"];
    let output = as_root_without("sys_admin", &strict);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    if apart {
        let told = text(&output.stderr);
        assert!(
            told.contains("missing layers: identity (it stays root"),
            "{told}"
        );
    }
    // Nor with a directory granted, for which another root's workers keep his id.
    let folder = folder.path().to_str().expect("UTF-8");
    let granting = [&strict[..3], &["--dir", folder], &strict[3..]].concat();
    let output = as_root_without("sys_admin", &granting);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[test]
fn a_root_without_any_capability_is_told_what_is_missing_and_nothing_gets_out() {
    let _test = test();
    if !super::is_root() {
        return;
    }
    let output = as_root_without("all", &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    for (layer, wanted) in [
        ("identity", "missing"),
        ("pid-namespace", "missing"),
        ("mount-namespace", "missing"),
        ("capabilities", "held"),
        ("landlock", "held"),
        ("seccomp", "held"),
    ] {
        assert_eq!(state(&found, layer), wanted, "{layer}");
    }
    for attempt in found["attempts"].as_array().expect("a list") {
        assert_eq!(attempt["result"], "killed: not in its list of system calls");
    }
}
