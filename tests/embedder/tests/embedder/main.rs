//! sandpool as part of a program whose features are its own.
#![forbid(unsafe_code)]

mod traced;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandpool::value::{Type, from_json, to_json};
use sandpool::{Layer, LayerState, Pool, Verdict};

// The harness has no `main` that could be changed: these tests are their own workers.
sandpool::worker_entry_before_main!();

/// No program here may take longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs one of the programs, and returns whether it ended well, and what it printed on
/// either stream.
#[expect(clippy::disallowed_methods, reason = "the programs are what is tested")]
fn run(program: &str, mode: &str) -> (bool, String, String) {
    let mut child = Command::new(program)
        .env_remove("SANDPOOL_WORKER")
        .env("SANDPOOL_EMBEDDER_MODE", mode)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            break status;
        }
        if since.elapsed() > DEADLINE {
            child.kill().expect("killed");
            panic!("`{program}` hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut printed = [String::new(), String::new()];
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_to_string(&mut printed[0]).expect("text");
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut printed[1]).expect("text");
    let [stdout, stderr] = printed;
    (status.success(), stdout, stderr)
}

#[test]
fn a_program_with_all_features_of_tokio_and_an_allocator_of_its_own_has_workers() {
    let (well, stdout, stderr) = run(env!("CARGO_BIN_EXE_first-thing"), "auto");
    assert!(well, "{stderr}");
    assert!(stdout.contains("Seccomp, state: Held"), "{stdout}");
}

#[test]
fn a_constructor_makes_a_program_with_tokio_main_its_own_worker() {
    let (well, stdout, stderr) = run(env!("CARGO_BIN_EXE_before-main"), "auto");
    assert!(well, "{stderr}");
    assert!(stdout.contains("Landlock, state: Held"), "{stdout}");
}

#[test]
fn a_child_in_which_there_are_other_threads_refuses_to_start_and_says_where_the_call_belongs() {
    for mode in ["auto", "strict", "off"] {
        let (well, stdout, stderr) = run(env!("CARGO_BIN_EXE_too-late"), mode);
        assert!(!well, "{stdout}");
        assert!(!stdout.contains("Held"), "{stdout}");
        assert!(stderr.contains("before `#[tokio::main]`"), "{stderr}");
        assert!(stderr.contains("sandpool::worker_entry()"), "{stderr}");
    }
}

#[test]
fn tests_are_their_own_workers() {
    let pool = Pool::builder().processes(1).cache(false).build();
    let pool = pool.expect("built");
    let text = r#"(module (func (export "trap") unreachable) (func (export "nothing")))"#;
    let guest = pool.load_bytes(text).expect("it compiles");
    pool.apply::<()>(&guest, "nothing", ()).expect("it runs");
    let trap = pool.call(&guest, "trap").outcome().expect("sent");
    assert_eq!(trap.verdict, Verdict::Trap, "{trap}");
    let report = pool.sandbox_report().expect("a worker has reported");
    assert_eq!(report.state(Layer::Seccomp), Some(&LayerState::Held));
}

#[test]
fn numbers_of_json_are_read_and_written_whatever_features_serde_json_has() {
    let json: serde_json::Value =
        serde_json::from_str("[1, -0, 18446744073709551615, 2.5]").expect("JSON");
    let types = [Type::U8, Type::S32, Type::U64, Type::F64];
    let ty = Type::Tuple(types.into());
    let value = from_json(&json, &ty).expect("it fits");
    assert_eq!(
        to_json(&value).to_string(),
        "[1,0,18446744073709551615,2.5]"
    );
    for (text, ty) in [("256", Type::U8), ("1.5", Type::S32), ("1e400", Type::F64)] {
        let json = serde_json::from_str::<serde_json::Value>(text);
        let read = json.map(|json| from_json(&json, &ty).is_err());
        assert!(read.unwrap_or(true), "{text}");
    }
}
