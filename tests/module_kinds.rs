//! The three kinds of module that run, and everything else, which is refused
//! in one line.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use sandpool::{Error, LoadError, ModuleKind, Stdin, Verdict};

use crate::support::{TestPool, guest, one_worker, open, pool, test, wat};

#[test]
fn a_core_module_takes_and_returns_numbers_of_each_kind() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(wat::ADD);
    assert_eq!(module.kind(), ModuleKind::Core);
    let sum: i32 = pool.apply(&module, "add", (i32::MAX, 1)).expect("ok");
    assert_eq!(sum, i32::MIN);
    let sum: i64 = pool.apply(&module, "add64", (i64::MIN, -1)).expect("ok");
    assert_eq!(sum, i64::MAX);
    let half: f32 = pool.apply(&module, "halve", (3.0f32,)).expect("ok");
    assert_eq!(half, 1.5);
    let root: f64 = pool.apply(&module, "root", (2.0,)).expect("ok");
    assert_eq!(root, 2f64.sqrt());
    let swapped: (i64, i32) = pool.apply(&module, "swap", (1, -2i64)).expect("ok");
    assert_eq!(swapped, (-2, 1));
    let () = pool.apply(&module, "nothing", ()).expect("ok");
    let not_a_number: f64 = pool.apply(&module, "root", (-1.0,)).expect("ok");
    assert!(not_a_number.is_nan());
}

#[test]
fn integers_of_a_core_module_are_given_with_or_without_a_sign() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(wat::ADD);
    let add = |a: u64, b: i64| pool.apply::<i32>(&module, "add", (a, b));
    assert_eq!(add(u32::MAX.into(), 0).expect("ok"), -1);
    assert_eq!(add(1 << 31, -(1 << 31)).expect("ok"), 0);
    for refused in [add(1 << 32, 0), add(0, -(1 << 31) - 1)] {
        let refused = refused.expect_err("it does not fit").to_string();
        assert!(
            refused.contains("the range is -2147483648 to 4294967295"),
            "{refused}"
        );
    }
    let sum: i64 = pool.apply(&module, "add64", (u64::MAX, 0)).expect("ok");
    assert_eq!(sum, -1);
    // Its result has a sign, and is refused where that does not fit.
    pool.apply::<u32>(&module, "add", (u32::MAX, 0))
        .expect_err("it is -1");
}

#[test]
fn a_component_is_loaded_from_a_file_and_knows_itself() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    assert_eq!((math.name(), math.kind()), ("math", ModuleKind::Component));
    assert_eq!(math.hash().len(), 64);
    let bytes = fs::read(guest("math")).expect("the guest is there");
    assert_eq!(math.size(), bytes.len() as u64);
    let again = pool.load_bytes(bytes).expect("loads");
    assert_eq!((again.name(), again.hash()), ("module", math.hash()));
    let fib: u64 = pool.apply(&again, "fib", (10,)).expect("ok");
    assert_eq!(fib, 55);
}

#[test]
fn a_preview_1_command_gets_words_and_stdin_and_gives_output_and_exit_code() {
    let _test = test();
    let pool = one_worker();
    let command = pool.wat(wat::COMMAND);
    assert!(command.is_command());
    assert_eq!(command.kind(), ModuleKind::Command);
    let call = pool.command(&command).argv(["-l", "!oops", "größer"]);
    let call = call.stdin(Stdin::Bytes(b"in\0put\xff".to_vec()));
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Exit, "{outcome}");
    assert_eq!(
        outcome.exit_code,
        Some(4),
        "one for each word, and its name"
    );
    let stdout = "module\n-l\ngrößer\n".as_bytes();
    assert_eq!(outcome.stdout, Some([stdout, b"in\0put\xff"].concat()));
    assert_eq!(outcome.stderr.as_deref(), Some(b"!oops\n".as_slice()));
    let error = outcome.error.as_deref();
    assert_eq!(error, Some("left with exit code 4; stderr: !oops"));
}

#[test]
fn a_command_reads_a_megabyte_of_stdin_to_its_end() {
    let _test = test();
    let pool = one_worker();
    let command = pool.wat(wat::COMMAND);
    let input: Vec<u8> = (0..1_000_000u32).map(|n| (n % 253) as u8).collect();
    let call = pool.command(&command).stdout_limit(None);
    let call = call.stdin(Stdin::Bytes(input.clone()));
    let outcome = call.outcome().expect("sent");
    let expected = [b"module\n".as_slice(), &input].concat();
    assert!(outcome.stdout == Some(expected), "{outcome}");
}

#[test]
fn a_command_that_ends_by_itself_is_ok() {
    let _test = test();
    let pool = one_worker();
    let command = pool.wat(wat::QUIET_COMMAND);
    let outcome = pool.command(&command).outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Ok);
    assert_eq!(outcome.exit_code, Some(0));
    assert_eq!(outcome.stdout.as_deref(), Some(b"".as_slice()));
}

#[test]
fn wc_counts_as_a_program_does() {
    let _test = test();
    let pool = one_worker();
    let wc = pool.guest("wc");
    assert!(wc.is_command());
    let count = |words: &[&str], input: &str| {
        let call = pool.command(&wc).argv(words.iter().copied());
        let call = call.stdin(Stdin::Bytes(input.into()));
        call.outcome().expect("sent")
    };
    let lines = count(&["-l"], "a\nb c\n");
    assert_eq!(lines.verdict, Verdict::Ok, "{lines}");
    let text = String::from_utf8(lines.stdout.expect("captured")).expect("text");
    assert_eq!(text.trim(), "2");
    let wrong = count(&["--nonsense"], "");
    assert_eq!(wrong.verdict, Verdict::Exit, "{wrong}");
    assert_eq!(wrong.exit_code, Some(1));
    let said = String::from_utf8(wrong.stderr.expect("captured")).expect("text");
    assert!(said.contains("usage: wc"), "{said}");
}

#[test]
fn functions_and_runs_of_a_module_that_has_both_take_turns_in_one_worker() {
    let _test = test();
    let pool = one_worker();
    let both = pool.wat(
        r#"(module
          (func (export "_start"))
          (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))"#,
    );
    // Each item waits for a run between two calls of one map.
    let items = (0..3).map(|n| {
        let ran = pool.command(&both).outcome().expect("sent");
        assert_eq!(
            (ran.verdict, ran.exit_code),
            (Verdict::Ok, Some(0)),
            "{ran}"
        );
        (n, 1)
    });
    let call = pool.call(&both, "add").chunksize(1);
    let sums = call.map::<i32>(items).expect("sent");
    let sums: Vec<_> = sums.into_iter().map(|sum| sum.value).collect();
    assert_eq!(sums, [Some(1), Some(2), Some(3)]);
}

#[test]
fn the_wrong_kind_of_module_is_told_apart_before_anything_runs() {
    let _test = test();
    let pool = one_worker();
    let command = pool.wat(wat::QUIET_COMMAND);
    let error = pool
        .apply::<()>(&command, "main", ())
        .expect_err("a command");
    assert!(matches!(error, Error::WrongKind { .. }), "{error:?}");
    let add = pool.wat(wat::ADD);
    let error = pool.command(&add).outcome().expect_err("no command");
    assert!(matches!(error, Error::WrongKind { .. }), "{error:?}");
    assert!(pool.worker_pids().is_empty(), "nothing was sent");
}

/// Loads what cannot be loaded: quickly, and with one line that holds `words`.
fn refused(pool: &TestPool, result: Result<sandpool::Module, LoadError>, words: &str) -> LoadError {
    let error = result.expect_err("it cannot be loaded");
    let text = error.to_string();
    assert!(text.contains(words), "`{words}` is not in: {text}");
    assert!(!text.contains('\n'), "{text}");
    assert!(!error.is_internal(), "{text}");
    assert!(pool.worker_pids().is_empty(), "nothing was started");
    error
}

#[test]
fn what_is_no_module_is_refused_in_one_line() {
    let _test = test();
    let pool = one_worker();
    let wasm = fs::read(guest("math")).expect("the guest is there");
    refused(&pool, pool.load_bytes(b""), "it is empty");
    refused(
        &pool,
        pool.load_bytes(b"\x7fELF garbage"),
        "neither WebAssembly nor its text",
    );
    refused(
        &pool,
        pool.load_bytes([0xff; 4096]),
        "neither WebAssembly nor its text",
    );
    refused(&pool, pool.load_bytes(&wasm[..wasm.len() / 2]), "");
    refused(&pool, pool.load_bytes(&wasm[..6]), "");
    refused(&pool, pool.load_bytes(b"\0asm"), "");
    let mut broken = wasm;
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    refused(&pool, pool.load_bytes(&broken), "");
}

#[test]
fn wat_with_an_error_in_it_is_refused_with_the_place() {
    let _test = test();
    let pool = one_worker();
    let text = "(module\n  (func (export \"f\") (result i32)\n    (i32.cons 1)))";
    let error = refused(&pool, pool.load_bytes(text), "its text cannot be parsed");
    assert!(error.to_string().contains("3:6"), "{error}");
    refused(
        &pool,
        pool.load_bytes("(module (func"),
        "its text cannot be parsed",
    );
    // Well-formed, and not valid.
    let text = r#"(module (func (export "f") (result i32) (i64.const 1)))"#;
    refused(&pool, pool.load_bytes(text), "type mismatch");
}

#[test]
fn a_module_that_imports_what_nobody_gives_is_refused_by_the_imports_name() {
    let _test = test();
    let pool = one_worker();
    let text = r#"(module (import "env" "launch" (func)) (func (export "f") (call 0)))"#;
    let error = refused(&pool, pool.load_bytes(text), "launch");
    assert!(error.to_string().contains("env"), "{error}");
    assert!(error.hint().is_some());
    let text = r#"(component (import "acme:rockets/pad@1.0.0" (instance
        (export "launch" (func)))))"#;
    refused(&pool, pool.load_bytes(text), "acme:rockets/pad@1.0.0");
}

#[test]
fn a_module_that_exports_nothing_is_refused() {
    let _test = test();
    let pool = one_worker();
    refused(&pool, pool.load_bytes("(module)"), "exports no function");
    let error = refused(&pool, pool.load_bytes("(component)"), "exports no function");
    assert!(error.hint().is_some());
    let memory = r#"(module (memory (export "memory") 1))"#;
    refused(&pool, pool.load_bytes(memory), "exports no function");
}

#[test]
fn files_that_are_no_files_are_refused_and_nothing_hangs() {
    let _test = test();
    let pool = one_worker();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let begun = Instant::now();

    let missing = refused(
        &pool,
        pool.load(path("missing.wasm")),
        "the file does not exist",
    );
    assert!(missing.is_not_found());
    assert!(missing.to_string().contains("missing.wasm"), "{missing}");
    refused(&pool, pool.load(folder.path()), "it is a directory");
    let fifo = path("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a fifo is made");
    refused(&pool, pool.load(&fifo), "it is a fifo");
    refused(&pool, pool.load("/dev/zero"), "it is a device");
    let socket = path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket is made");
    refused(&pool, pool.load(&socket), "");
    fs::write(path("empty.wasm"), b"").expect("written");
    refused(&pool, pool.load(path("empty.wasm")), "it is empty");
    let huge = File::create(path("huge.wasm")).expect("made");
    huge.set_len(1 << 30).expect("a sparse file");
    refused(
        &pool,
        pool.load(path("huge.wasm")),
        "it is larger than 256MiB (default); the setting `module_size` raises it",
    );
    refused(&pool, pool.load(Path::new("")), "");

    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_file_of_zeros_within_the_size_limit_is_refused() {
    let _test = test();
    let pool = one_worker();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zeros.wasm");
    let file = File::create(&path).expect("made");
    file.set_len(64 << 20).expect("a sparse file");
    refused(&pool, pool.load(&path), "neither WebAssembly nor its text");
}

#[test]
fn what_could_not_be_loaded_does_not_harm_the_pool() {
    let _test = test();
    let pool = one_worker();
    for _ in 0..5 {
        refused(&pool, pool.load_bytes("(module)"), "exports no function");
    }
    pool.assert_whole();
}

/// A module that takes long to compile: many functions of many additions.
fn slow_to_compile() -> String {
    let body = "local.get 0 i32.const 3 i32.mul local.set 0 ".repeat(400);
    let function =
        |n| format!("(func (export \"f{n}\") (param i32) (result i32) {body} local.get 0)");
    let functions: String = (0..3000).map(function).collect();
    format!("(module {functions})")
}

#[test]
fn a_compilation_that_runs_past_its_wall_time_is_a_compile_limit() {
    let _test = test();
    let pool = open(
        pool()
            .cache(false)
            .compile_timeout(Duration::from_millis(200)),
    );
    let error = pool.load_bytes(slow_to_compile()).expect_err("too slow");
    assert_eq!(error.verdict(), Verdict::CompileLimit, "{error}");
    assert!(error.to_string().contains("ran past 200ms"), "{error}");
}

#[test]
fn a_compilation_that_uses_too_much_cpu_time_is_a_compile_limit() {
    let _test = test();
    let pool = open(pool().cache(false).compile_cpu_time(Duration::from_secs(1)));
    let error = pool.load_bytes(slow_to_compile()).expect_err("too slow");
    assert_eq!(error.verdict(), Verdict::CompileLimit, "{error}");
    assert!(error.to_string().contains("CPU time"), "{error}");
}

#[test]
fn a_compilation_that_takes_too_much_memory_is_a_compile_limit() {
    let _test = test();
    let pool = open(pool().cache(false).compile_memory(48u64 << 20));
    let error = pool.load_bytes(slow_to_compile()).expect_err("too big");
    assert_eq!(error.verdict(), Verdict::CompileLimit, "{error}");
}
