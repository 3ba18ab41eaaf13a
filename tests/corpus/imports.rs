//! Tasks that call what nobody gave to them: functions of worlds that sandpool knows, and
//! unknown ones in a pool that denies these at the call.

use sandpool::{Grants, Outcome, Value, Verdict};

use crate::case::{Case, denied, guest, wat};

/// A component that opens a key-value store, which can fail, or its own, which cannot.
const KEYVALUE: &str = r#"
(component
  (import "wasi:keyvalue/store@0.2.0-draft" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "open" (func (param "identifier" string)
      (result (result (own $bucket) (error $error)))))
    (export "default" (func (result (own $bucket))))))
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $libc (instantiate $libc))
  (core func $open (canon lower (func $store "open")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $default (canon lower (func $store "default")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "store" "open" (func $open (param i32 i32 i32)))
    (import "store" "default" (func $default (result i32)))
    ;; The number of stores that it gets, and 1000 for each error that is no denial.
    (func (export "open") (param $n i32) (result i32)
      (local $got i32)
      (loop $next
        (call $open (i32.const 0) (i32.const 4) (i32.const 64))
        (if (i32.eqz (i32.load8_u (i32.const 64)))
          (then (local.set $got (i32.add (local.get $got) (i32.const 1))))
          (else
            (if (i32.ne (i32.load8_u (i32.const 68)) (i32.const 1))
              (then (local.set $got (i32.add (local.get $got) (i32.const 1000)))))))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $got))
    (func (export "default") (result i32) (call $default)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "store" (instance
      (export "open" (func $open)) (export "default" (func $default))))))
  (func (export "open") (param "n" u32) (result u32) (canon lift (core func $i "open")))
  (func (export "default") (result u32) (canon lift (core func $i "default"))))
"#;

/// Functions that no host has, of a core module.
const UNKNOWN: &str = r#"
(module
  (import "env" "abort" (func $abort (param i32 i64 f32 f64) (result f64)))
  (import "\1b[2J" "a\nhint: b\e2\80\ae" (func $evil))
  (import "wasi_snapshot_preview1" "sock_open" (func $sock (param i32 i32) (result i32)))
  (func (export "abort")
    (drop (call $abort
      (i32.const -1) (i64.const -1) (f32.const nan) (f64.const -nan:0x1))))
  (func (export "evil") (call $evil))
  (func (export "sock") (result i32) (call $sock (i32.const 1) (i32.const 1)))
  (func $deep (export "deep") (param $n i32)
    (if (i32.eqz (local.get $n)) (then (call $evil)))
    (call $deep (i32.sub (local.get $n) (i32.const 1)))))
"#;

/// A function that nobody gives, called as the module starts.
const CALLS_AT_START: &str = r#"
(module
  (import "env" "abort" (func $abort))
  (func $begin (call $abort))
  (start $begin)
  (func (export "f")))
"#;

/// The task was ended by a call that nobody granted, the only one that is listed.
fn ended_by(outcome: &Outcome, import: &str) {
    let says = format!("import was not granted: {import}");
    assert_eq!(outcome.error.as_deref(), Some(says.as_str()));
    assert_eq!(outcome.refusals.len(), 1, "{outcome}");
}

/// Each call failed as one that is not granted, and the refusals are few.
fn all_denied(outcome: &Outcome) {
    assert_eq!(outcome.value, Some(Value::U32(0)), "{outcome}");
    let open = "import wasi:keyvalue/store@0.2.0-draft#open";
    assert_eq!(outcome.refused().as_deref(), Some(open));
}

pub fn cases() -> Vec<Case> {
    let unknown = |name, function: &str| {
        denied(name, UNKNOWN)
            .calls(function, ())
            .ends(Verdict::Denied)
    };
    vec![
        guest("HTTP in a task without grants", "fetch")
            .calls("get", ("https://127.0.0.1:9/",))
            .with(|call| call.grants(Grants::none()))
            .ends(Verdict::Error)
            .and(|outcome| {
                let refused = outcome.refused().unwrap_or_default();
                assert!(
                    refused.starts_with("HTTP request GET https://127.0.0.1:9"),
                    "{outcome}"
                );
                assert_eq!(outcome.http, []);
            }),
        wat("a store that was not granted, ten thousand times", KEYVALUE)
            .calls("open", (10_000u32,))
            .and(all_denied),
        wat(
            "a store that was not granted, by a call that cannot fail",
            KEYVALUE,
        )
        .calls("default", ())
        .ends(Verdict::Denied)
        .and(|outcome| ended_by(outcome, "wasi:keyvalue/store@0.2.0-draft#default")),
        unknown("an unknown function that is called", "abort")
            .and(|outcome| ended_by(outcome, "env#abort")),
        unknown("an unknown function whose name is evil, called", "evil"),
        unknown("an unknown function of a known world, called", "sock")
            .and(|outcome| ended_by(outcome, "wasi_snapshot_preview1#sock_open")),
        denied(
            "an unknown function, called from within a thousand calls",
            UNKNOWN,
        )
        .calls("deep", (1000,))
        .ends(Verdict::Denied),
        denied("an unknown function, called at the start", CALLS_AT_START)
            .calls("f", ())
            .ends(Verdict::Denied)
            .and(|outcome| ended_by(outcome, "env#abort")),
        denied("a store, where unknown functions are denied", KEYVALUE)
            .calls("open", (3u32,))
            .and(all_denied),
    ]
}
