//! The imports of modules: those of known worlds that were not granted are refused at the
//! call, unknown ones when the module is loaded, or at the call if the pool says so.

use sandpool::{Import, ImportKind, Isolation, Outcome, UnknownImports, Verdict};

use crate::support::{TestPool, one_worker, open, pool, test};

fn denying() -> TestPool {
    open(pool().processes(1).unknown_imports(UnknownImports::Deny))
}

fn refusals(outcome: &Outcome) -> Vec<String> {
    outcome.refusals.iter().map(ToString::to_string).collect()
}

/// A component that imports a key-value store as `wasi:keyvalue` has it, and opens a bucket
/// if it is told to: `open` returns the case of the error that it gets.
const KEYVALUE: &str = r#"
(component
  (import "wasi:keyvalue/store@0.2.0-draft" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "open" (func (param "identifier" string)
      (result (result (own $bucket) (error $error)))))
    (export "[method]bucket.size" (func (param "self" (borrow $bucket)) (result u64)))
    (export "default" (func (result (own $bucket))))))
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $libc (instantiate $libc))
  (alias export $store "open" (func $open))
  (alias export $store "default" (func $default))
  (core func $open' (canon lower (func $open)
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $default' (canon lower (func $default)))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "store" "open" (func $open (param i32 i32 i32)))
    (import "store" "default" (func $default (result i32)))
    (func (export "open") (result i32)
      (call $open (i32.const 0) (i32.const 4) (i32.const 64))
      (if (i32.eqz (i32.load8_u (i32.const 64))) (then unreachable))
      (i32.load8_u (i32.const 68)))
    (func (export "default") (result i32) (call $default))
    (func (export "plain") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "store" (instance
      (export "open" (func $open'))
      (export "default" (func $default'))))))
  (func (export "open") (result u32) (canon lift (core func $i "open")))
  (func (export "default") (result u32) (canon lift (core func $i "default")))
  (func (export "plain") (result u32) (canon lift (core func $i "plain"))))
"#;

#[test]
fn a_world_that_was_not_granted_is_refused_when_it_is_called() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(KEYVALUE);
    let call = |function: &str| pool.call(&module, function).outcome().expect("sent");
    let outcome = call("plain");
    assert!(outcome.is_ok() && outcome.refusals.is_empty(), "{outcome}");
    let outcome = call("open");
    assert_eq!(
        outcome.value,
        Some(sandpool::Value::U32(1)),
        "access-denied: {outcome}"
    );
    let open = "import wasi:keyvalue/store@0.2.0-draft#open";
    assert_eq!(refusals(&outcome), [open]);
    let outcome = call("default");
    assert_eq!(outcome.verdict, Verdict::Denied, "{outcome}");
    assert_eq!(
        outcome.error.as_deref(),
        Some("import was not granted: wasi:keyvalue/store@0.2.0-draft#default")
    );
    assert_eq!(pool.apply::<u32>(&module, "plain", ()).expect("ok"), 7);
}

#[test]
fn a_component_as_componentize_js_makes_it_runs_without_http() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(
        r#"(component
          (import "wasi:io/error@0.2.3" (instance $errors (export "error" (type (sub resource)))))
          (alias export $errors "error" (type $error))
          (import "wasi:io/streams@0.2.3" (instance $streams
            (alias outer 1 $error (type $error))
            (export "error" (type (eq $error)))
            (export "input-stream" (type (sub resource)))))
          (alias export $streams "input-stream" (type $input-stream))
          (import "wasi:http/types@0.2.3" (instance $types
            (alias outer 1 $input-stream (type $input))
            (export "input-stream" (type $input-stream (eq $input)))
            (export "fields" (type $fields (sub resource)))
            (export "incoming-body" (type $body (sub resource)))
            (export "outgoing-request" (type $request (sub resource)))
            (export "[constructor]fields" (func (result (own $fields))))
            (export "[constructor]outgoing-request" (func (param "headers" (own $fields))
              (result (own $request))))
            (export "[method]incoming-body.stream" (func (param "self" (borrow $body))
              (result (result (own $input-stream)))))))
          (import "wasi:config/store@0.2.0-rc.1" (instance
            (export "get" (func (param "key" string) (result (option string))))))
          (core module $m (func (export "f") (result i32) (i32.const 7)))
          (core instance $i (instantiate $m))
          (func (export "f") (result u32) (canon lift (core func $i "f"))))"#,
    );
    assert_eq!(pool.apply::<u32>(&module, "f", ()).expect("ok"), 7);
    let withheld = module
        .imports()
        .iter()
        .filter(|import| import.kind == ImportKind::Withheld);
    assert_eq!(withheld.count(), 1);
    assert_eq!(module.unlinked(), None);
}

/// A component that calls an unknown function whose result is of type `ty`, and returns the
/// memory where the result is.
fn calls_unknown(types: &str, ty: &str) -> String {
    format!(
        r#"(component
          (import "acme:a/b" (instance $i
            {types}
            (export "f" (func (result {ty})))))
          (core module $libc
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 128)))
          (core instance $libc (instantiate $libc))
          (alias export $i "f" (func $f))
          (core func $f' (canon lower (func $f)
            (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
          (core module $m
            (import "libc" "memory" (memory 1))
            (import "i" "f" (func $f (param i32)))
            (func (export "f") (result i32)
              (call $f (i32.const 64))
              (i32.store (i32.const 8) (i32.const 64))
              (i32.store (i32.const 12) (i32.const 128))
              (i32.const 8)))
          (core instance $m (instantiate $m
            (with "libc" (instance $libc))
            (with "i" (instance (export "f" (func $f'))))))
          (func (export "f") (result (list u8))
            (canon lift (core func $m "f") (memory (core memory $libc "memory")))))"#
    )
}

#[test]
fn a_call_fails_by_the_plainest_error_that_its_type_has() {
    let _test = test();
    let pool = denying();
    let text = b"`acme:a/b#f` was not granted";
    let named = |types: &str| format!(r#"(type $e' {types}) (export "e" (type $e (eq $e')))"#);
    let error = "(result u64 (error $e))";
    // The discriminant of the result, then of the error, 8 bytes on; and where the text is.
    for (types, ty, says, case, has_text) in [
        (
            String::new(),
            "(result u64 (error string))",
            "a text",
            None,
            true,
        ),
        (
            String::new(),
            "(result u64 (error (option string)))",
            "perhaps a text",
            Some(1),
            true,
        ),
        (String::new(), "(result u64)", "nothing", None, false),
        (
            named(r#"(enum "io" "not-supported" "access-denied" "busy")"#),
            error,
            "an enum",
            Some(2),
            false,
        ),
        (
            named(
                r#"(variant (case "io" string) (case "HTTP-request-denied") (case "other" string))"#,
            ),
            error,
            "a case without a payload",
            Some(1),
            false,
        ),
        (
            named(r#"(variant (case "io" string) (case "x" u64) (case "other" string))"#),
            error,
            "a case for the rest",
            Some(2),
            true,
        ),
        (
            named(r#"(variant (case "x") (case "upstream" string) (case "io" string))"#),
            error,
            "the first case with a text",
            Some(1),
            true,
        ),
        (
            named(r#"(variant (case "x") (case "access-denied" (option string)))"#),
            error,
            "a case whose payload may be left out",
            Some(1),
            false,
        ),
    ] {
        let module = pool.wat(&calls_unknown(&types, ty));
        let outcome = pool.call(&module, "f").outcome().expect("sent");
        assert_eq!(
            refusals(&outcome),
            ["import acme:a/b#f"],
            "{says}: {outcome}"
        );
        let bytes = outcome.typed::<Vec<u8>>().value.expect(says);
        assert_eq!(bytes[0], 1, "{says}: it is an error");
        if let Some(case) = case {
            assert_eq!(bytes[8], case, "{says}");
        }
        assert_eq!(&bytes[64..64 + text.len()] == text, has_text, "{says}");
    }
}

#[test]
fn a_call_that_cannot_say_so_ends_its_task() {
    let _test = test();
    let pool = denying();
    let named = |types: &str| format!(r#"(type $e' {types}) (export "e" (type $e (eq $e')))"#);
    for (types, ty) in [
        (String::new(), "(option string)"),
        (String::new(), "string"),
        (String::new(), "(result u64 (error u32))"),
        (named(r#"(enum "io" "busy")"#), "(result u64 (error $e))"),
        (
            named(r#"(variant (case "io" u32) (case "busy"))"#),
            "(result u64 (error $e))",
        ),
        (
            named(r#"(record (field "code" u32) (field "text" string))"#),
            "(result u64 (error $e))",
        ),
    ] {
        let module = pool.wat(&calls_unknown(&types, ty));
        let outcome = pool.call(&module, "f").outcome().expect("sent");
        assert_eq!(outcome.verdict, Verdict::Denied, "{ty}: {outcome}");
        assert_eq!(
            outcome.error.as_deref(),
            Some("import was not granted: acme:a/b#f")
        );
        assert_eq!(refusals(&outcome), ["import acme:a/b#f"]);
    }
}

/// A core module that imports functions of unknown kinds, and calls the one that it is told
/// to.
const UNKNOWN: &str = r#"
(module
  (import "env" "f" (func $f (param i32 f64) (result i64)))
  (import "env" "abort" (func $abort))
  (import "wasi_snapshot_preview1" "fd_paint" (func $paint (param i32) (result i32)))
  (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (func (export "plain") (result i32) (i32.const 7))
  (func (export "f") (drop (call $f (i32.const 1) (f64.const 2))))
  (func (export "abort") (call $abort))
  (func (export "paint") (drop (call $paint (i32.const 1))))
  (func (export "write")
    (drop (call $write (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)))))
"#;

#[test]
fn unknown_functions_of_a_core_module_are_refused_at_the_call_where_the_pool_says_so() {
    let _test = test();
    let pool = denying();
    let module = pool.wat(UNKNOWN);
    assert_eq!(pool.apply::<i32>(&module, "plain", ()).expect("ok"), 7);
    for (function, name) in [
        ("f", "env#f"),
        ("abort", "env#abort"),
        ("paint", "wasi_snapshot_preview1#fd_paint"),
        ("write", "wasi_unstable#fd_write"),
    ] {
        let outcome = pool.call(&module, function).outcome().expect("sent");
        assert_eq!(outcome.verdict, Verdict::Denied, "{outcome}");
        assert_eq!(
            outcome.error,
            Some(format!("import was not granted: {name}"))
        );
        assert_eq!(refusals(&outcome), [format!("import {name}")]);
    }
}

#[test]
fn what_is_no_function_is_refused_all_the_same() {
    let _test = test();
    let (refusing, denying) = (one_worker(), denying());
    for (import, kind, name) in [
        (r#""env" "m" (memory 1)"#, "memory", "env#m"),
        (r#""env" "t" (table 1 funcref)"#, "table", "env#t"),
        (r#""env" "g" (global i32)"#, "global", "env#g"),
    ] {
        let text =
            format!(r#"(module (import "env" "f" (func)) (import {import}) (func (export "f")))"#);
        let says = format!(
            "it imports the {kind} `{name}`, which sandpool does not provide; only functions can \
             be denied at the call"
        );
        let error = denying
            .load_bytes(&text)
            .expect_err("no function")
            .to_string();
        assert!(error.ends_with(&says), "{error}");
        let error = refusing.load_bytes(&text).expect_err("unknown").to_string();
        assert!(error.contains("does not provide: `env#f`"), "{error}");
    }
    let text = r#"(component (import "m" (core module)) (core module $m (func (export "f")))
      (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))"#;
    let error = denying
        .load_bytes(text)
        .expect_err("no function")
        .to_string();
    assert!(error.contains("it imports the module `m`"), "{error}");
    // Of another type than it has here: no call of it could be told from one that is given.
    let text = r#"(module (import "wasi_snapshot_preview1" "random_get" (func (param i64)))
      (func (export "f")))"#;
    let error = denying
        .load_bytes(text)
        .expect_err("another type")
        .to_string();
    assert!(error.contains("incompatible import type"), "{error}");
}

#[test]
fn a_module_belongs_to_pools_with_one_reaction() {
    let _test = test();
    let (refusing, denying) = (one_worker(), denying());
    let module = denying.wat(UNKNOWN);
    let error = refusing
        .call(&module, "plain")
        .outcome()
        .expect_err("another pool's");
    assert!(error.to_string().contains("other settings"), "{error}");
    // The artifact may come from the cache, and is refused all the same.
    let error = refusing
        .load_bytes(UNKNOWN)
        .expect_err("unknown")
        .to_string();
    assert!(error.contains("built for WASI preview 0"), "{error}");
    let error = refusing
        .load_bytes(UNKNOWN.replace("wasi_unstable", "env"))
        .expect_err("unknown");
    let says =
        "does not provide: `env#f`, `env#abort`, `wasi_snapshot_preview1#fd_paint` and 1 more";
    assert!(error.to_string().contains(says), "{error}");
}

/// A component that gives and lends a handle of its own to an unknown function, `n` times.
const HANDLES: &str = r#"
(component
  (import "wasi:io/streams@0.2.3" (instance $streams
    (export "input-stream" (type (sub resource)))))
  (alias export $streams "input-stream" (type $input))
  (import "wasi:cli/stdin@0.2.3" (instance $stdin
    (alias outer 1 $input (type $input))
    (export "input-stream" (type $t (eq $input)))
    (export "get-stdin" (func (result (own $t))))))
  (import "acme:a/b" (instance $acme
    (alias outer 1 $input (type $input))
    (export "input-stream" (type $t (eq $input)))
    (export "give" (func (param "all" (tuple (option (own $t)) u32)) (result (result))))
    (export "lend" (func (param "one" (borrow $t)) (result (result))))))
  (alias export $stdin "get-stdin" (func $stdin'))
  (alias export $acme "give" (func $give))
  (alias export $acme "lend" (func $lend))
  (core func $stdin'' (canon lower (func $stdin')))
  (core func $give' (canon lower (func $give)))
  (core func $lend' (canon lower (func $lend)))
  (core module $m
    (import "i" "stdin" (func $stdin (result i32)))
    (import "i" "give" (func $give (param i32 i32 i32) (result i32)))
    (import "i" "lend" (func $lend (param i32) (result i32)))
    (func (export "f") (param $n i32) (result i32)
      (local $refused i32) (local $stream i32)
      (loop $next
        (local.set $stream (call $stdin))
        (local.set $refused (i32.add (local.get $refused) (call $lend (local.get $stream))))
        (local.set $refused (i32.add (local.get $refused)
          (call $give (i32.const 1) (local.get $stream) (i32.const 0))))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $refused)))
  (core instance $m (instantiate $m (with "i" (instance
    (export "stdin" (func $stdin''))
    (export "give" (func $give'))
    (export "lend" (func $lend'))))))
  (func (export "f") (param "n" u32) (result u32) (canon lift (core func $m "f"))))
"#;

#[test]
fn handles_that_are_given_and_lent_to_what_is_refused_do_not_pile_up() {
    let _test = test();
    let keep = Isolation::ProcessReuse(std::num::NonZeroU64::new(10).expect("not 0"));
    let pool = pool().processes(1).isolation(keep);
    let pool = open(pool.unknown_imports(UnknownImports::Deny));
    let module = pool.wat(HANDLES);
    for _ in 0..5 {
        let n: u32 = pool.apply(&module, "f", (10_000u32,)).expect("ok");
        assert_eq!(n, 20_000, "each call is refused");
    }
}

#[test]
fn imports_tell_their_functions_with_their_types() {
    let _test = test();
    let pool = one_worker();
    let inspect = |text: &str| {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("module.wat");
        std::fs::write(&path, text).expect("written");
        pool.inspect(path).expect("described")
    };
    let signatures = |import: &Import| -> Vec<String> {
        let functions = import.functions.iter();
        functions.map(|function| function.signature()).collect()
    };
    let module = inspect(KEYVALUE);
    let store = &module.imports()[0];
    assert_eq!(
        (&store.kind, &store.granted_by),
        (&ImportKind::Withheld, &None)
    );
    let all = signatures(store);
    assert_eq!(all.len(), 3);
    assert!(
        all[0].contains("own<bucket>") && all[0].contains("identifier: string"),
        "{all:?}"
    );
    let module = inspect(UNKNOWN);
    let kinds: Vec<_> = module.imports().iter().map(|import| &import.kind).collect();
    assert_eq!(kinds, [&ImportKind::Functions; 4]);
    assert_eq!(
        signatures(&module.imports()[0]),
        ["f: func(p0: i32, p1: f64) -> i64"]
    );
    assert!(module.unlinked().is_some());
    let error = pool
        .call(&module, "plain")
        .outcome()
        .expect_err("not compiled");
    assert!(
        error.to_string().contains("inspected, and not compiled"),
        "{error}"
    );
}
