//! Modules that are hostile before any of their code runs: to whoever parses,
//! compiles, describes or shows them.

use sandpool::{LimitName, Value, Verdict};

use crate::case::{Case, bytes, wat};

/// The core module `(module (func (export "f")))`, cut and bent below.
const SMALL: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01f\0\0\x0a\x04\x01\x02\0\x0b";

fn cut(len: usize) -> Vec<u8> {
    SMALL[..len].to_vec()
}

fn bent(place: usize, byte: u8) -> Vec<u8> {
    let mut bytes = SMALL.to_vec();
    bytes[place] = byte;
    bytes
}

/// The binary of components within components, which no text could be.
fn nested_components(depth: usize) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..depth {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        let mut len = bytes.len();
        loop {
            let more = len > 0x7f;
            outer.push((len & 0x7f) as u8 | if more { 0x80 } else { 0 });
            len >>= 7;
            if !more {
                break;
            }
        }
        outer.append(&mut bytes);
        bytes = outer;
    }
    bytes
}

/// A type that doubles with each step.
fn doubling_type() -> String {
    let steps: String = (1..30)
        .map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1))
        .collect();
    format!("(component (type $t0 (tuple u8 u8)) {steps} (import \"f\" (func (result $t29))))")
}

fn nested_blocks(depth: usize) -> String {
    let (open, close) = ("block ".repeat(depth), "end ".repeat(depth));
    format!("(module (func (export \"f\") {open} {close}))")
}

/// Loops in loops, each with locals of its own to carry along: what compiling
/// costs grows with the square.
fn nested_loops(depth: usize) -> String {
    let locals = "i64 ".repeat(depth);
    let open: String = (0..depth)
        .map(|n| {
            let (a, b) = (1 + (n + 1) % depth, 1 + (n * 7) % depth);
            format!(
                "(loop $l{n} (local.set {} (i64.add (local.get {a}) (local.get {b})))",
                n + 1
            )
        })
        .collect();
    let close: String = (0..depth)
        .rev()
        .map(|n| format!("(br_if $l{n} (local.get 0)))"))
        .collect();
    format!("(module (func (export \"f\") (param i32) (local {locals}) {open} {close}))")
}

fn branches(targets: usize) -> String {
    let table = "0 ".repeat(targets);
    format!("(module (func (export \"f\") (param i32) (block (br_table {table} (local.get 0)))))")
}

fn locals(count: usize) -> String {
    let locals = "i64 ".repeat(count);
    format!("(module (func (export \"f\") (local {locals})))")
}

fn exports(count: usize) -> String {
    let exports: String = (0..count)
        .map(|n| format!("(func (export \"f{n}\") (result i32) (i32.const {n}))"))
        .collect();
    format!("(module {exports})")
}

fn functions(count: usize) -> String {
    format!("(module (func (export \"f\")) {})", "(func)".repeat(count))
}

fn instances(count: usize) -> String {
    let more = "(core instance (instantiate $m))".repeat(count - 1);
    format!(
        "(component
          (core module $m (func (export \"f\")))
          (core instance $i (instantiate $m)) {more}
          (func (export \"f\") (canon lift (core func $i \"f\"))))"
    )
}

fn long_name(len: usize) -> String {
    format!(
        "(module (func (export \"{}\") unreachable))",
        "x".repeat(len)
    )
}

/// Functions whose names steer terminals, look like others or are none.
const EVIL_NAMES: &str = r#"
(module
  (func (@name "\1b[31m\07\r\n`\e2\80\ae") (export "\1b[31mred\07") unreachable)
  (func (export "") (result i32) (i32.const 1))
  (func (export "\00") (result i32) (i32.const 2))
  (func (export "a\nhint: b") (result i32) (i32.const 3))
  (func (export "\e2\80\aefib") (result i32) (i32.const 4))
  (func (export "f\cc\81\cc\81\cc\81") (result i32) (i32.const 5))
  (func (export "demo:math/arith#fib") (result i32) (i32.const 6)))
"#;

pub fn cases() -> Vec<Case> {
    let wants = |name, what: String, limit| {
        let text = format!("(module {what} (func (export \"f\")))");
        wat(name, text).hits(Verdict::MemoryLimit, limit)
    };
    let compile =
        |name, text: String| wat(name, text).hits(Verdict::CompileLimit, LimitName::CompileCpuTime);
    vec![
        bytes("nothing at all", []).refused("it is empty"),
        bytes("garbage", [0xde, 0xad, 0xbe, 0xef]).refused("neither WebAssembly nor"),
        bytes("zeros", [0; 4096]).refused("neither WebAssembly nor"),
        bytes("a magic number alone", cut(4)).refused(""),
        bytes("a module that ends in its header", cut(6)).refused(""),
        bytes("a module that ends in its code", cut(SMALL.len() - 3)).refused(""),
        bytes("a module of another version", bent(4, 2)).refused(""),
        bytes("a component of no known version", bent(6, 1)).refused(""),
        bytes("a section of four gibibytes", bent(9, 0xff)).refused(""),
        bytes("an unknown section", bent(8, 0x7e)).refused(""),
        bytes(
            "components in components, nine hundred deep",
            nested_components(900),
        )
        .refused(""),
        wat("a text that is all parentheses", "(".repeat(100_000)).refused(""),
        wat(
            "a comment that never ends",
            format!("(;{}", "(;".repeat(50_000)),
        )
        .refused(""),
        wat(
            "code that its types forbid",
            "(module (func (export \"f\") i32.add))",
        )
        .refused(""),
        wat(
            "an export twice",
            r#"(module (func (export "f")) (func (export "f")))"#,
        )
        .refused("duplicate export name"),
        wat("a type that doubles thirty times", doubling_type()).refused("type size"),
        wat("a branch to a million places", branches(1_000_000)).refused("targets"),
        wat("a branch to fifty thousand places", branches(50_000)).calls("f", (49_000,)),
        wat("sixty thousand locals", locals(60_000)).refused("too many locals"),
        wat("forty thousand locals", locals(40_000)).calls("f", ()),
        wat("three thousand exports", exports(3000))
            .calls("f2999", ())
            .and(|outcome| assert_eq!(outcome.value, Some(Value::S32(2999)))),
        wat("four thousand functions", functions(4000)).calls("f", ()),
        wat("five thousand blocks in each other", nested_blocks(5000)).calls("f", ()),
        compile(
            "two hundred thousand blocks in each other",
            nested_blocks(200_000),
        ),
        compile("two thousand loops in each other", nested_loops(2000)),
        wants(
            "forty-one tables",
            "(table 1 funcref)".repeat(41),
            LimitName::Tables,
        ),
        wants(
            "seventeen memories",
            "(memory 1)".repeat(17),
            LimitName::Memories,
        ),
        wants(
            "a table of four billion from the first",
            "(table 4294967295 funcref)".into(),
            LimitName::TableElements,
        ),
        wat("a hundred and one instances", instances(101))
            .hits(Verdict::MemoryLimit, LimitName::Instances),
        wat("a name of ninety thousand letters", long_name(90_000))
            .calls("x".repeat(90_000), ())
            .traps("unreachable"),
        wat("a name of two hundred thousand letters", long_name(200_000)).refused(""),
        wat("a function whose name is evil, and which traps", EVIL_NAMES)
            .calls("\u{1b}[31mred\u{7}", ())
            .traps("unreachable"),
        wat("a function without a name", EVIL_NAMES)
            .calls("", ())
            .and(|outcome| assert_eq!(outcome.value, Some(Value::S32(1)))),
        wat("a function whose name is a zero", EVIL_NAMES)
            .calls("\0", ())
            .and(|outcome| assert_eq!(outcome.value, Some(Value::S32(2)))),
        wat("a function whose name goes over lines", EVIL_NAMES)
            .calls("a\nhint: b", ())
            .and(|outcome| assert_eq!(outcome.value, Some(Value::S32(3)))),
        wat("a function whose name is written backwards", EVIL_NAMES)
            .calls("\u{202e}fib", ())
            .and(|outcome| assert_eq!(outcome.value, Some(Value::S32(4)))),
    ]
}
