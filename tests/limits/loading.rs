//! The limits of a module before it runs, and of arguments before they are sent.

use std::fs;
use std::time::Duration;

use sandpool::{Error, KIB, LimitName, LoadError, Module, PoolBuilder, Verdict};

use crate::support::process::program;
use crate::support::{open, pool, test, wat};

#[track_caller]
fn refused(loaded: Result<Module, LoadError>, verdict: Verdict, name: LimitName, says: &str) {
    let error = loaded.expect_err("past its limit");
    assert_eq!(error.verdict(), verdict, "{error}");
    assert_eq!(error.limit().map(|limit| limit.name), Some(name));
    let text = error.to_string();
    assert!(text.ends_with(says), "{text}");
}

/// A module whose text is `len` bytes long.
fn of_size(len: usize) -> String {
    let end = "\n;)";
    let mut text = format!("{} (;", wat::QUIET_COMMAND);
    text.push_str(&" ".repeat(len - text.len() - end.len()));
    text + end
}

#[test]
fn a_module_may_be_as_large_as_its_limit_to_the_byte() {
    let _test = test();
    let pool = open(pool().processes(1).module_size(KIB).cache(false));
    pool.load_bytes(of_size(1024)).expect("it fits");
    let says = "it is larger than 1KiB (set for the pool); the setting `module_size` raises it";
    let invalid = Verdict::InvalidModule;
    refused(
        pool.load_bytes(of_size(1025)),
        invalid,
        LimitName::ModuleSize,
        says,
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.wat");
    fs::write(&path, of_size(1025)).expect("written");
    refused(pool.load(&path), invalid, LimitName::ModuleSize, says);
    fs::write(&path, of_size(1024)).expect("written");
    pool.load(&path).expect("it fits");
    let unlimited = open(crate::support::pool().processes(1).module_size(None));
    unlimited
        .load_bytes(of_size(1 << 20))
        .expect("there is no limit");
}

/// Takes seconds to compile: loops in loops, each with locals to carry along.
pub(crate) fn bomb() -> String {
    const DEPTH: usize = 1500;
    let locals = "i64 ".repeat(DEPTH);
    let open: String = (0..DEPTH)
        .map(|n| {
            let (a, b) = ((n + 1) % DEPTH + 1, (n * 7) % DEPTH + 1);
            format!(
                "(loop $l{n} (local.set {} (i64.add (local.get {a}) (local.get {b})))",
                n + 1
            )
        })
        .collect();
    let close: String = (0..DEPTH)
        .rev()
        .map(|n| format!("(br_if $l{n} (local.get 0)))"))
        .collect();
    format!("(module (func (export \"f\") (param i32) (local {locals}) {open} {close}))")
}

fn load_with(builder: PoolBuilder, text: &str) -> Result<Module, LoadError> {
    open(builder.processes(1).cache(false)).load_bytes(text)
}

#[test]
fn a_compile_bomb_hits_the_limit_that_is_set_and_says_so() {
    let _test = test();
    let bomb = bomb();
    let limit = Verdict::CompileLimit;
    refused(
        load_with(pool().compile_timeout(Duration::from_millis(300)), &bomb),
        limit,
        LimitName::CompileTimeout,
        "compiling it ran past 300ms (set for the pool); the setting `compile_timeout` raises it",
    );
    refused(
        load_with(pool().compile_cpu_time(Duration::from_secs(1)), &bomb),
        limit,
        LimitName::CompileCpuTime,
        "compiling it used more CPU time than 1s (set for the pool); \
         the setting `compile_cpu_time` raises it",
    );
    refused(
        load_with(pool().compile_memory(120 * sandpool::MIB), &bomb),
        limit,
        LimitName::CompileMemory,
        "compiling it asked for more memory than 120MiB (set for the pool); \
         the setting `compile_memory` raises it",
    );
}

#[test]
fn memory_that_does_not_even_hold_the_compiler_is_that_limit_too() {
    let _test = test();
    for memory in [0, sandpool::MIB, 40 * sandpool::MIB] {
        let error = load_with(pool().compile_memory(memory), wat::ADD).expect_err("too little");
        assert_eq!(error.verdict(), Verdict::CompileLimit, "{error}");
        let name = error.limit().map(|limit| limit.name);
        assert_eq!(name, Some(LimitName::CompileMemory), "{error}");
    }
}

#[test]
fn under_a_lower_ulimit_on_cpu_time_modules_are_still_compiled() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("add.wat");
    fs::write(&module, wat::ADD).expect("written");
    let script = r#"ulimit -t 60 && exec "$0" apply --no-cache "$1" add 2 3"#;
    let output = program("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_sandpool")])
        .arg(&module)
        .output()
        .expect("started");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5\n", "{output:?}");
}

#[test]
fn without_limits_a_module_is_compiled_as_long_as_it_takes() {
    let _test = test();
    let builder = pool().compile_timeout(None).compile_cpu_time(None);
    load_with(builder.compile_memory(None), wat::ADD).expect("loads");
}

#[test]
fn arguments_that_are_too_large_name_the_limit() {
    let _test = test();
    let pool = open(pool().processes(1).arguments_limit(KIB));
    let digest = pool.guest("digest");
    let data = vec![0u8; 2000];
    let error = pool.apply::<String>(&digest, "sha256", (&data,));
    let error = error.expect_err("larger than the limit");
    assert_eq!(
        error.to_string(),
        "its arguments take more than 1KiB (set for the pool); the setting `arguments_limit` raises it"
    );
    let Error::ArgumentsTooLarge { size, limit } = error else {
        panic!("{error:?}");
    };
    assert!(size > 2000 && limit.name == LimitName::Arguments, "{size}");
    let unlimited = open(crate::support::pool().processes(1).arguments_limit(None));
    let digest = unlimited.guest("digest");
    let hash: String = unlimited.apply(&digest, "sha256", (&data,)).expect("ok");
    assert_eq!(hash.len(), 64);
}

#[test]
fn a_system_that_gives_no_threads_compiles_all_the_same() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("add.wat");
    fs::write(&module, wat::ADD).expect("written");
    // A limit on processes binds an ordinary user's own process first, and a
    // worker cannot be without its second thread: `inspect` starts none.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let run = |args: &[&str]| {
        let mut command = program("prlimit");
        command.args(["--nproc=0", env!("CARGO_BIN_EXE_sandpool")]);
        command.args(args).current_dir(folder.path());
        command.output().expect("started")
    };
    let output = run(&["inspect", "--no-cache", "add.wat"]);
    assert!(output.status.success(), "{output:?}");
    let output = run(&["apply", "add.wat", "add", "2", "3"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("it gets no second thread"), "{text}");
}
