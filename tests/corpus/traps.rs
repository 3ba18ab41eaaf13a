//! Tasks that break WebAssembly's own rules, or the canonical ABI's.

use sandpool::Verdict;

use crate::case::{Case, guest, wat};

const TRAPS: &str = r#"
(module
  (memory 1)
  (table $t 4 funcref)
  (elem (i32.const 0) $void)
  (elem $dropped func $void)
  (data $gone "gone")
  (type $void (func))
  (type $other (func (param i64)))
  (func $void)
  (func (export "unreachable") unreachable)
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func (export "remainder") (param i64 i64) (result i64)
    (i64.rem_u (local.get 0) (local.get 1)))
  (func (export "truncate") (param f64) (result i32)
    (i32.trunc_f64_s (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "far load") (param i32) (result i64)
    (i64.load offset=4294967295 (local.get 0)))
  (func (export "store") (param i32) (i64.store (local.get 0) (i64.const -1)))
  (func (export "fill") (memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)))
  (func (export "copy") (memory.copy (i32.const 0) (i32.const 1) (i32.const -1)))
  (func (export "init a dropped segment")
    (data.drop $gone)
    (memory.init $gone (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "table.get") (param i32) (drop (table.get $t (local.get 0))))
  (func (export "table.set") (param i32) (table.set $t (local.get 0) (ref.null func)))
  (func (export "table.copy")
    (table.copy (i32.const 1) (i32.const 0) (i32.const 4)))
  (func (export "table.init")
    (table.init $dropped (i32.const 0) (i32.const 0) (i32.const 9)))
  (func (export "call") (param i32) (call_indirect (type $void) (local.get 0)))
  (func (export "call another type")
    (call_indirect (type $other) (i64.const 1) (i32.const 0)))
  (func $deep (export "recurse") (call $deep) (call $void))
  (func $this (export "recurse by two") (param i64) (result i64)
    (i64.add (call $that (local.get 0)) (i64.const 1)))
  (func $that (param i64) (result i64)
    (i64.add (call $this (local.get 0)) (i64.const 1)))
  (func (export "recurse by way of a table")
    (table.set $t (i32.const 1) (ref.func $itself)) (call $itself))
  (elem declare func $itself)
  (func $itself (call_indirect (type $void) (i32.const 1)) (call $void)))
"#;

const TRAPS_AT_START: &str = r#"
(module (func $no unreachable) (start $no) (func (export "f")))
"#;

/// Frames so large that few of them fill the stack.
fn wide_frames() -> String {
    let locals = "i64 ".repeat(2000);
    let uses: String = (0..2000)
        .map(|n| format!("(local.set {n} (i64.extend_i32_u (memory.size)))"))
        .collect();
    let again: String = (0..2000)
        .map(|n| format!("(drop (i64.add (local.get {n}) (local.get {n})))"))
        .collect();
    format!(
        "(module (memory 1) (func $f (export \"f\") (local {locals}) {uses} (call $f) {again} (call $f)))"
    )
}

/// A component whose core functions answer with what the canonical ABI forbids.
const LIES: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    ;; 0: a string at the end of the memory and beyond; 8: one that is no UTF-8;
    ;; 16: a list that is longer than any memory
    (data (i32.const 0) "\00\ff\00\00\00\ff\00\00")
    (data (i32.const 8) "\20\00\00\00\04\00\00\00")
    (data (i32.const 16) "\00\00\00\00\ff\ff\ff\ff")
    (data (i32.const 32) "\ff\fe\c0\80")
    (func (export "at") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (type $colour' (enum "red" "green"))
  (export $colour "colour" (type $colour'))
  (func (export "text") (param "at" u32) (result string)
    (canon lift (core func $i "at") (memory $memory)))
  (func (export "numbers") (param "at" u32) (result (list u64))
    (canon lift (core func $i "at") (memory $memory)))
  (func (export "letter") (param "code" u32) (result char)
    (canon lift (core func $i "at")))
  (func (export "paint") (param "n" u32) (result $colour)
    (canon lift (core func $i "at"))))
"#;

pub fn cases() -> Vec<Case> {
    let trap = |name, function: &str, says| wat(name, TRAPS).calls(function, ()).traps(says);
    let with =
        |name, function: &str, arg: i32, says| wat(name, TRAPS).calls(function, (arg,)).traps(says);
    let lie = |name, function: &str, arg: u32| {
        wat(name, LIES).calls(function, (arg,)).ends(Verdict::Trap)
    };
    vec![
        trap("unreachable", "unreachable", "unreachable"),
        wat("division by zero", TRAPS)
            .calls("divide", (1, 0))
            .traps("divide by zero"),
        wat("the one division that overflows", TRAPS)
            .calls("divide", (i32::MIN, -1))
            .traps("integer overflow"),
        wat("a remainder by zero", TRAPS)
            .calls("remainder", (1i64, 0i64))
            .traps("divide by zero"),
        wat("a float that is too large for an integer", TRAPS)
            .calls("truncate", (1e300,))
            .traps("integer overflow"),
        wat("a float that is no number at all", TRAPS)
            .calls("truncate", (f64::NAN,))
            .traps("invalid conversion to integer"),
        with(
            "a load beyond the memory",
            "load",
            65533,
            "out of bounds memory",
        ),
        with("a load at minus one", "load", -1, "out of bounds memory"),
        with(
            "a load beyond four gibibytes",
            "far load",
            -1,
            "out of bounds memory",
        ),
        with(
            "a store beyond the memory",
            "store",
            65529,
            "out of bounds memory",
        ),
        trap("a fill beyond the memory", "fill", "out of bounds memory"),
        trap("a copy of four gibibytes", "copy", "out of bounds memory"),
        trap(
            "data that was dropped",
            "init a dropped segment",
            "out of bounds memory",
        ),
        with("a table's end", "table.get", 4, "out of bounds table"),
        with(
            "a table at minus one",
            "table.set",
            -1,
            "out of bounds table",
        ),
        trap("a copy beyond a table", "table.copy", "out of bounds table"),
        trap(
            "elements that are not there",
            "table.init",
            "out of bounds table",
        ),
        with("a call beyond the table", "call", 9, "out of bounds"),
        with("a call of nothing", "call", 3, "uninitialized element"),
        trap(
            "a call of a function of another type",
            "call another type",
            "indirect call type mismatch",
        ),
        trap("deep recursion", "recurse", "call stack exhausted"),
        wat("mutual recursion", TRAPS)
            .calls("recurse by two", (1i64,))
            .traps("call stack exhausted"),
        trap(
            "recursion by way of a table",
            "recurse by way of a table",
            "call stack exhausted",
        ),
        wat("recursion with two thousand locals", wide_frames())
            .calls("f", ())
            .traps("call stack exhausted"),
        wat("a start function that traps", TRAPS_AT_START)
            .calls("f", ())
            .traps("unreachable"),
        guest("a guest written in Rust that recurses", "misbehave")
            .calls("recurse", ())
            .traps("call stack exhausted"),
        guest("a guest that overflows its own stack", "misbehave")
            .calls("recurse-with-buffers", ())
            .traps("out of bounds"),
        guest("a guest that aborts", "misbehave")
            .calls("abort-now", ())
            .traps("unreachable"),
        guest("a guest that panics with control codes", "misbehave")
            .calls("panic", ("\u{1b}]0;title\u{7}\nhint: rm -rf",))
            .traps("unreachable"),
        lie("a string beyond its memory", "text", 0),
        lie("a string that is no UTF-8", "text", 8),
        lie("a string at an address that is none", "text", u32::MAX - 3),
        lie("a list that is longer than any memory", "numbers", 16),
        lie("a character that is half of one", "letter", 0xd800),
        lie("a case that its enum does not have", "paint", 7),
    ]
}
