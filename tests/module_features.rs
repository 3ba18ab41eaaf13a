//! The WebAssembly features that a module may use, and the errors for a module that needs
//! another feature or an unknown WASI.

use std::time::Duration;

use sandpool::{Verdict, WasmFeature};

use crate::support::{TestPool, one_worker, open, pool, test};

fn refused(pool: &TestPool, text: &str) -> String {
    let error = pool.load_bytes(text).expect_err(text);
    assert_eq!(error.verdict(), Verdict::InvalidModule, "{error}");
    let error = error.to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

/// Modules that need a feature that can be turned on.
const CAN_BE_ON: &[(&str, &str)] = &[
    (
        "exceptions",
        r#"(module (tag $e) (func (export "f") (block $b (try_table (catch $e $b) (throw $e)))))"#,
    ),
    // exnref, of which wasmtime says `exception refs not supported`.
    (
        "exceptions",
        r#"(module (func (export "f") (local exnref)))"#,
    ),
    (
        "gc",
        r#"(module (type $s (struct (field i32)))
          (func (export "f") (drop (struct.new $s (i32.const 1)))))"#,
    ),
    (
        "function-references",
        r#"(module (type $t (func)) (elem declare func $g) (func $g (type $t))
          (func (export "f") (call_ref $t (ref.func $g))))"#,
    ),
    (
        "memory64",
        r#"(module (memory i64 1) (func (export "f") (drop (i32.load (i64.const 0)))))"#,
    ),
    (
        "custom-page-sizes",
        r#"(module (memory 100 (pagesize 1)) (func (export "f") (drop (memory.size))))"#,
    ),
    (
        "wide-arithmetic",
        r#"(module (func (export "f")
          (i64.add128 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)) drop drop))"#,
    ),
];

#[test]
fn a_feature_that_is_off_is_named_with_the_setting_that_allows_it_and_then_it_runs() {
    let _test = test();
    let without = one_worker();
    for (name, text) in CAN_BE_ON {
        let error = refused(&without, text);
        let says = format!(
            "it needs the WebAssembly feature `{name}`, which is off; the setting `wasm_feature` \
             allows it"
        );
        assert!(error.contains(&says), "{error}");
        let feature: WasmFeature = name.parse().expect("a feature");
        let with = open(pool().processes(1).wasm_feature(feature));
        let module = with.wat(text);
        let outcome = with.call(&module, "f").outcome().expect("sent");
        assert!(outcome.is_ok(), "{name}: {outcome}");
    }
}

#[test]
fn several_features_that_are_off_are_named_together() {
    let _test = test();
    let text = r#"(module (memory i64 1) (tag $e) (func (export "f") (throw $e)))"#;
    let error = refused(&one_worker(), text);
    let says = "it needs the WebAssembly features `exceptions` and `memory64`, which are off; \
                the setting `wasm_feature` allows them";
    assert!(error.contains(says), "{error}");
    let half = open(pool().processes(1).wasm_feature(WasmFeature::Memory64));
    let error = refused(&half, text);
    assert!(error.contains("`exceptions`, which is off"), "{error}");
}

#[test]
fn a_feature_that_there_is_not_is_named_with_what_to_do_instead() {
    let _test = test();
    let pool = one_worker();
    for (name, instead, text) in [
        (
            "legacy exceptions",
            "--translate-to-exnref",
            r#"(module (tag $e) (func (export "f") try throw $e catch $e end))"#,
        ),
        (
            "threads",
            "a task has one thread",
            r#"(module (memory 1 1 shared) (func (export "f")))"#,
        ),
        (
            "stack-switching",
            "build the module without it",
            r#"(module (type $f (func)) (type $c (cont $f)) (func (export "f")))"#,
        ),
        (
            "component-model async",
            "wasm32-wasip2",
            "(component (type $s (stream u8)) (core func (canon stream.new $s)))",
        ),
        (
            "component-model error-context",
            "wasm32-wasip2",
            "(component (core func (canon error-context.drop)))",
        ),
        (
            "component-model fixed-length lists",
            "build the module without it",
            "(component (type (list u8 4)))",
        ),
    ] {
        let error = refused(&pool, text);
        let says = format!("needs the WebAssembly feature `{name}`, which sandpool does not have");
        assert!(error.contains(&says), "{error}");
        assert!(error.contains(instead), "{error}");
    }
}

#[test]
fn what_toolchains_turn_on_by_themselves_is_on() {
    let _test = test();
    let pool = one_worker();
    for text in [
        r#"(module (func (export "f") (drop (i32x4.splat (i32.const 1)))))"#,
        r#"(module (func (export "f")
          (drop (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (f32.const 1))))))"#,
        r#"(module (func $g) (func (export "f") (return_call $g)))"#,
        r#"(module (memory 1) (memory 1) (func (export "f")))"#,
        r#"(module (memory 1) (func (export "f")
          (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))"#,
        r#"(module (global i32 (i32.add (i32.const 1) (i32.const 2))) (func (export "f")))"#,
    ] {
        let module = pool.wat(text);
        let outcome = pool.call(&module, "f").outcome().expect("sent");
        assert!(outcome.is_ok(), "{text}: {outcome}");
    }
}

#[test]
fn a_module_that_no_feature_makes_valid_keeps_its_validators_words() {
    let _test = test();
    let error = refused(&one_worker(), r#"(module (func (export "f") i32.add))"#);
    assert!(error.contains("type mismatch"), "{error}");
    assert!(!error.contains("wasm_feature"), "{error}");
}

#[test]
fn a_module_of_another_wasi_is_told_what_to_build_instead() {
    let _test = test();
    let pool = one_worker();
    for (says, instead, text) in [
        (
            "it is built for WASI 0.3 (`wasi:cli/stdin@0.3.0`)",
            "wasm32-wasip2",
            r#"(component (import "wasi:cli/stdin@0.3.0" (instance (export "f" (func)))))"#,
        ),
        (
            "it is built for WASI 0.3 (`wasi:cli/run@0.3.0`)",
            "wasm32-wasip2",
            r#"(component (component $c) (instance $i (instantiate $c))
              (export "wasi:cli/run@0.3.0" (instance $i)))"#,
        ),
        (
            "it is built for WASI preview 0 (`wasi_unstable`)",
            "wasm32-wasip1",
            r#"(module (import "wasi_unstable" "fd_write" (func (param i32)))
              (func (export "_start")))"#,
        ),
        (
            "it is built for a draft of WASI 0.2",
            "wasm32-wasip2",
            r#"(component
              (import "wasi:cli/stdin@0.2.0-rc-2023-11-10" (instance (export "f" (func)))))"#,
        ),
    ] {
        let error = refused(&pool, text);
        assert!(error.contains(says), "{error}");
        assert!(error.contains(instead), "{error}");
    }
}

/// Code that takes very long to compile.
pub fn slow_to_compile(import: &str) -> String {
    let depth = 2000;
    let locals = "i64 ".repeat(depth);
    let open: String = (0..depth)
        .map(|n| {
            let (to, from) = (n + 1, 1 + (n * 7) % depth);
            format!("(loop $l{n} (local.set {to} (local.get {from}))")
        })
        .collect();
    let close: String = (0..depth)
        .rev()
        .map(|n| format!("(br_if $l{n} (local.get 0)))"))
        .collect();
    format!(r#"(module {import} (func (export "f") (param i32) (local {locals}) {open} {close}))"#)
}

#[test]
fn an_import_that_nobody_gives_is_refused_before_anything_is_compiled() {
    let _test = test();
    let pool = open(pool().processes(1).compile_cpu_time(Duration::from_secs(1)));
    let slow = pool.load_bytes(slow_to_compile("")).expect_err("slow");
    assert_eq!(slow.verdict(), Verdict::CompileLimit, "{slow}");
    let text = slow_to_compile(r#"(import "env" "f" (func))"#);
    let error = refused(&pool, &text);
    let says = "it imports functions that sandpool does not provide: `env#f`";
    assert!(error.contains(says), "{error}");
}
