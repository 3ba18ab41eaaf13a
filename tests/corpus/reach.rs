//! Tasks that reach for what they were not given.

use sandpool::{Outcome, Value, Verdict};

use crate::case::{Case, guest, wat};

/// Counts what a preview 1 guest can see without a grant: variables, and
/// directories that are open from the first.
const LOOKS_AROUND: &str = r#"
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get"
    (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send"
    (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "variables") (result i32)
    (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (i32.load (i32.const 0)))
  ;; Tries every number that a descriptor of the worker could have.
  (func (export "descriptors") (result i32)
    (local $fd i32) (local $found i32)
    (local.set $fd (i32.const 4))
    (loop $next
      (if (i32.eqz (call $fd_filestat_get (local.get $fd) (i32.const 0)))
        (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (if (i32.eqz (call $sock_send
            (local.get $fd) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
        (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $fd) (i32.const 1024))))
    (local.get $found)))
"#;

fn nothing(outcome: &Outcome) {
    assert_eq!(outcome.value, Some(Value::S32(0)));
}

/// The call failed in its own way, the guest told of it, and we of what it was.
fn refused(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.value, None);
    assert_eq!(outcome.refused().as_deref(), Some(what));
    assert!(outcome.error_value.is_some(), "{outcome}");
}

pub fn cases() -> Vec<Case> {
    let unlinked = |name, import: &str| {
        wat(
            name,
            format!("(module (import {import}) (func (export \"f\")))"),
        )
        .refused("it imports functions that sandpool does not provide")
    };
    vec![
        guest("a file that was not granted", "misbehave")
            .calls("open-file", ("/etc/passwd",))
            .ends(Verdict::Error)
            .and(|outcome| refused(outcome, "file /etc/passwd")),
        guest("a file by a path that leads up", "misbehave")
            .calls("open-file", ("../../../../etc/passwd",))
            .ends(Verdict::Error)
            .and(|outcome| refused(outcome, "file /etc/passwd")),
        guest("a socket", "misbehave")
            .calls("connect-to", ("127.0.0.1:1",))
            .ends(Verdict::Error)
            .and(|outcome| refused(outcome, "socket TCP")),
        guest("a variable of the host's", "misbehave")
            .calls("env", ("PATH",))
            .and(|outcome| assert_eq!(outcome.value, Some(Value::Option(None)))),
        wat("all variables", LOOKS_AROUND)
            .calls("variables", ())
            .and(nothing),
        wat("every descriptor that there could be", LOOKS_AROUND)
            .calls("descriptors", ())
            .and(nothing),
        unlinked(
            "an import that nobody gives",
            r#""env" "system" (func (param i32))"#,
        ),
        unlinked("an import whose name is evil", r#""\1b[2J" "a\nb" (func)"#),
        unlinked(
            "a memory of somebody else's",
            r#""env" "memory" (memory 1)"#,
        ),
        unlinked(
            "an import of another type than it has",
            r#""wasi_snapshot_preview1" "random_get" (func (param i64))"#,
        ),
        wat(
            "an interface that nobody gives",
            r#"(component
              (import "wasi:http/outgoing-handler@0.2.0" (instance))
              (import "evil:host/shell" (instance $i (export "run" (func))))
              (core func $f (canon lower (func $i "run")))
              (func (export "f") (canon lift (core func $f))))"#,
        )
        .refused("it imports functions that sandpool does not provide"),
    ]
}
