//! Guests that pass on to the host whatever they are told to.

use crate::guests::{self, LIBC, Passed};

/// The interface that components import.
pub const INTERFACE: &str = "corpus:host/functions@0.1.0";

/// A core module that passes numbers to the host, and returns those that come back. What
/// comes back of a float is compared bit by bit: `f64` and `f32` return the host's bits.
pub const NUMBERS: &str = r#"
(module
  (import "corpus" "i32" (func $i32 (param i32) (result i32)))
  (import "corpus" "i64" (func $i64 (param i64) (result i64)))
  (import "corpus" "f32" (func $f32 (param f32) (result f32)))
  (import "corpus" "f64" (func $f64 (param f64) (result f64)))
  (func (export "i32") (param i32) (result i32) (call $i32 (local.get 0)))
  (func (export "i64") (param i64) (result i64) (call $i64 (local.get 0)))
  (func (export "f32") (param i32) (result i32)
    (i32.reinterpret_f32 (call $f32 (f32.reinterpret_i32 (local.get 0)))))
  (func (export "f64") (param i64) (result i64)
    (i64.reinterpret_f64 (call $f64 (f64.reinterpret_i64 (local.get 0)))))
  (func (export "for ever") (loop $l (drop (call $i32 (i32.const 1))) (br $l))))
"#;

const fn passed(
    name: &'static str,
    params: &'static str,
    result: &'static str,
    flat: &'static str,
    flat_result: Option<&'static str>,
) -> Passed {
    Passed {
        name,
        params,
        result,
        flat,
        flat_result,
    }
}

/// The functions of the interface.
const FUNCTIONS: [Passed; 10] = [
    passed(
        "text",
        r#"(param "text" string)"#,
        "(result string)",
        "i32 i32",
        None,
    ),
    passed(
        "count-bytes",
        r#"(param "bytes" (list u8))"#,
        "(result u32)",
        "i32 i32",
        Some("i32"),
    ),
    passed(
        "count-texts",
        r#"(param "texts" (list string))"#,
        "(result u32)",
        "i32 i32",
        Some("i32"),
    ),
    passed(
        "floats",
        r#"(param "floats" (list f64))"#,
        "(result (list f64))",
        "i32 i32",
        None,
    ),
    passed(
        "bytes",
        r#"(param "count" u32)"#,
        "(result (list u8))",
        "i32",
        None,
    ),
    passed("wrong", "", "(result u32)", "", Some("i32")),
    passed("panic", r#"(param "with" string)"#, "", "i32 i32", Some("")),
    passed("wait", "", "(result (list u8))", "", None),
    passed("die", "", "", "", Some("")),
    passed(
        "again",
        r#"(param "depth" u32)"#,
        "(result u32)",
        "i32",
        Some("i32"),
    ),
];

/// A component that passes everything on to the host, and returns what comes back.
pub fn passing() -> String {
    guests::passing(INTERFACE, &FUNCTIONS)
}

/// A component that calls `text` with whatever lies where it is told, in each of the
/// encodings that a string may have, and returns the number of bytes that came back.
pub fn texts() -> String {
    let lowered = |name: &str, encoding: &str| {
        format!(
            r#"(core func ${name} (canon lower (func $host "text")
                (memory $memory) (realloc $realloc) string-encoding={encoding}))"#
        )
    };
    let lowered = [
        lowered("utf8", "utf8"),
        lowered("utf16", "utf16"),
        lowered("either", "latin1+utf16"),
    ];
    let lifted = ["utf8", "utf16", "either"].map(|name| {
        format!(
            r#"(func (export "{name}") (param "at" u32) (param "len" u32) (result u32)
                (canon lift (core func $i "{name}")))"#
        )
    });
    let calls = ["utf8", "utf16", "either"].map(|name| {
        format!(
            r#"(func (export "{name}") (param i32 i32) (result i32)
                (call ${name} (local.get 0) (local.get 1) (i32.const 16))
                (i32.load (i32.const 20)))"#
        )
    });
    let imports = ["utf8", "utf16", "either"]
        .map(|name| format!(r#"(import "host" "{name}" (func ${name} (param i32 i32 i32)))"#));
    let [lowered, lifted] = [lowered, lifted].map(|all| all.join("\n"));
    let [calls, imports] = [calls, imports].map(|all| all.join("\n"));
    format!(
        r#"(component
  (import "{INTERFACE}" (instance $host
    (export "text" (func (param "text" string) (result string)))))
  {LIBC} {lowered}
  (core module $m
    (import "libc" "memory" (memory 1))
    {imports}
    ;; 256: U+D800 by itself, as UTF-8 would have it; 264: an overlong slash;
    ;; 272: U+D800 by itself and then `x`, in UTF-16; 280: control codes and a zero
    (data (i32.const 256) "\ed\a0\80")
    (data (i32.const 264) "\c0\af")
    (data (i32.const 272) "\00\d8x\00")
    (data (i32.const 280) "\1b[2J\00\0d\0a\e2\80\ae")
    {calls})
  (core instance $h (export "utf8" (func $utf8)) (export "utf16" (func $utf16))
    (export "either" (func $either)))
  (core instance $i (instantiate $m
    (with "host" (instance $h)) (with "libc" (instance $libc))))
  {lifted})"#
    )
}
