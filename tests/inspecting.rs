//! `Pool::inspect`: a module is described as if it had been compiled, and it is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sandpool::{Module, UnknownImports, WasmFeature};

use crate::module_features::slow_to_compile;
use crate::support::{TestPool, guest, open, pool, test, test_alone};

/// A pool that takes no description from the cache.
fn afresh() -> TestPool {
    open(pool().processes(1).cache(false))
}

/// As [`afresh`], for modules whose imports nobody gives.
fn afresh_denying() -> TestPool {
    let builder = pool().processes(1).cache(false);
    open(builder.unknown_imports(UnknownImports::Deny))
}

/// Files of modules that a test wrote.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().expect("folder"))
    }

    fn file(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("module.wat");
        fs::write(&path, bytes).expect("written");
        path
    }
}

fn assert_alike(looked_at: &Module, loaded: &Module) {
    assert_eq!(looked_at.kind(), loaded.kind());
    assert_eq!(looked_at.functions(), loaded.functions());
    assert_eq!(looked_at.resources(), loaded.resources());
    assert_eq!(looked_at.other_exports(), loaded.other_exports());
    assert_eq!(looked_at.imports(), loaded.imports());
    assert_eq!(looked_at.unlinked(), loaded.unlinked());
    assert_eq!(looked_at.hash(), loaded.hash());
}

#[test]
fn a_module_is_described_by_inspection_as_by_compilation() {
    let _test = test();
    let (afresh, files) = (afresh_denying(), Files::new());
    let mut paths: Vec<PathBuf> = fs::read_dir(guest("math").parent().expect("a folder"))
        .expect("guests")
        .map(|entry| entry.expect("a guest").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .collect();
    paths.sort();
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        let looked_at = afresh.inspect(&path).expect("described");
        assert_alike(&looked_at, &afresh.load(&path).expect("loaded"));
    }
    for text in [
        crate::support::wat::ADD,
        crate::support::wat::COMMAND,
        // Of each thing that a module has, some that are exported and some that are not.
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (type $unused (func (param f32)))
          (memory (export "memory") 1 4) (memory 2) (data (i32.const 1) "data") (data "passive")
          (table $t (export "t") 3 5 funcref) (elem (table $t) (i32.const 0) func $a $exit $b)
          (global (export "g") (mut i64) (i64.const 7))
          (global $f (export "h") funcref (ref.func $b))
          (func $a (param i32) (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1)))
          (func $b (export "b") (param i32 i64) (result i64 i32)
            (local.get 1) (drop (ref.func $a)) (local.get 0))
          (func $c (export "_start") (call $exit (i32.const 0)))
          (elem declare func $a)
          (export "c" (func $c)) (export "again" (func $b)) (export "exit" (func $exit))
          (start $s) (func $s))"#,
        r#"(component
          (type $counter' (resource (rep i32)))
          (export $counter "counter" (type $counter'))
          (core module $m
            (func (result i64) (i64.const 1))
            (func (export "one") (param i32) (result i32) (local.get 0))
            (func (export "drop") (param i32)))
          (core instance $i (instantiate $m))
          (func (export "[constructor]counter") (param "start" u32) (result (own $counter))
            (canon lift (core func $i "one")))
          (func (export "[method]counter.next") (param "self" (borrow $counter)) (result u32)
            (canon lift (core func $i "one"))))"#,
    ] {
        let looked_at = afresh.inspect(files.file(text)).expect("described");
        assert_alike(&looked_at, &afresh.load(files.file(text)).expect("loaded"));
    }
}

#[test]
fn a_bad_module_gets_the_line_that_loading_it_gives() {
    let _test = test();
    let (afresh, files) = (afresh(), Files::new());
    for text in [
        r#"(module (func (export "f") i32.add))"#,
        r#"(module (func) (func (result i32) (i64.const 1)) (func (export "f")))"#,
        r#"(component (core module (func (result i32) (f64.const 1))))"#,
        r#"(module (export "f" (func 3)))"#,
        r#"(module (func (export "f") (local exnref)))"#,
        r#"(module (func (export "f") (local externref)))"#,
        r#"(module (memory i64 1) (func (export "f") (drop (i32.load (i64.const 0)))))"#,
        "(module (memory 1 1 shared))",
        "(component (type (list u8 4)))",
        r#"(module (memory (export "m") 1))"#,
        r#"(component (component $c) (instance $i (instantiate $c))
          (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#,
        "(module",
        "\0asm\x01\0\0\0\x0a\x05\x01",
        "",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!(
        "(module {} (func (export \"f\")))",
        "(table 1 funcref)".repeat(60)
    )]) {
        let path = files.file(&text);
        let line = |error: sandpool::LoadError| (error.to_string(), error.verdict());
        let loaded = line(afresh.load(&path).expect_err(&text));
        assert_eq!(line(afresh.inspect(&path).expect_err(&text)), loaded);
    }
}

#[test]
fn a_module_with_features_that_are_on_is_described() {
    let _test = test();
    let files = Files::new();
    let all = WasmFeature::ALL.into_iter();
    let on = all.fold(pool().processes(1).cache(false), |pool, feature| {
        pool.wasm_feature(feature)
    });
    let on = open(on);
    let text = r#"(module
      (rec (type $s (struct (field i32) (field (ref null $a)))) (type $a (array (mut i8))))
      (type $f (func (param (ref $s)) (result (ref null $a))))
      (tag (export "tag") (param i32)) (memory (export "m") i64 1)
      (global $g (ref $f) (ref.func $h)) (table 2 (ref $f) (ref.func $h))
      (func $h (export "h") (type $f) (struct.get $s 1 (local.get 0)))
      (func (export "throw") (throw 0 (i32.const 1)))
      (func (export "plain") (result i64) (memory.size)))"#;
    let looked_at = on.inspect(files.file(text)).expect("described");
    assert_alike(&looked_at, &on.load(files.file(text)).expect("loaded"));
}

#[test]
fn nothing_of_a_module_is_compiled_to_look_at_it() {
    let _test = test();
    let files = Files::new();
    let pool = pool().processes(1).cache(false);
    let pool = open(pool.compile_cpu_time(Duration::from_secs(1)));
    let path = files.file(slow_to_compile(""));
    assert!(pool.load(&path).is_err(), "it takes longer than a second");
    let module = pool.inspect(&path).expect("described");
    assert_eq!(module.functions().len(), 1);
}

/// A module of about `size` bytes, in functions of 1 KiB.
fn large(size: usize) -> Vec<u8> {
    fn leb(mut n: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while n > 0x7f {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    }
    fn section(id: u8, entries: usize, contents: &[u8]) -> Vec<u8> {
        let count = leb(entries);
        let head = [vec![id], leb(count.len() + contents.len()), count];
        [&head.concat(), contents].concat()
    }
    // local.set 0 (i32.add (local.get 0) (i32.const 1))
    let step = [0x20, 0, 0x41, 1, 0x6a, 0x21, 0];
    let code = [&[0][..], &step.repeat(146), &[0x20, 0, 0x0b]].concat();
    let body = [leb(code.len()), code].concat();
    let functions = size / body.len();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, 1, &[0x60, 1, 0x7f, 1, 0x7f]),
        section(3, functions, &vec![0; functions]),
        section(7, 1, &[1, b'f', 0, 0]),
        section(10, functions, &body.repeat(functions)),
    ]
    .concat()
}

#[test]
fn to_look_at_twenty_megabytes_takes_less_than_to_compile_one() {
    let _test = test_alone();
    let (afresh, files) = (afresh(), Files::new());
    let time = |work: &dyn Fn(&Path) -> Module, size: usize| {
        let path = files.file(large(size));
        let start = Instant::now();
        assert_eq!(work(&path).functions()[0].name, "f");
        start.elapsed()
    };
    const MB: usize = 1_000_000;
    let looked_at = time(&|path| afresh.inspect(path).expect("described"), 20 * MB);
    let compiled = time(&|path| afresh.load(path).expect("loaded"), MB);
    assert!(looked_at < compiled, "{looked_at:?} and {compiled:?}");
}
