//! Guests that import functions of the host.

use std::fmt::Write as _;

/// A function that a component imports and exports again under its name: what goes in and
/// what comes out are the host's.
pub struct Passed {
    /// The name.
    pub name: &'static str,
    /// The parameters as the text format has them: `(param "key" string)`.
    pub params: &'static str,
    /// The result: `(result (option string))`.
    pub result: &'static str,
    /// The parameters of the core function: `i32 i32`.
    pub flat: &'static str,
    /// The result of the core function; `None` if it lies in memory.
    pub flat_result: Option<&'static str>,
}

/// `lookup: func(key: string) -> option<string>`
pub const LOOKUP: Passed = Passed {
    name: "lookup",
    params: r#"(param "key" string)"#,
    result: "(result (option string))",
    flat: "i32 i32",
    flat_result: None,
};

/// `sum: func(numbers: list<u32>) -> u64`
pub const SUM: Passed = Passed {
    name: "sum",
    params: r#"(param "numbers" (list u32))"#,
    result: "(result u64)",
    flat: "i32 i32",
    flat_result: Some("i64"),
};

/// `divide: func(a: u32, b: u32) -> result<u32, string>`
pub const DIVIDE: Passed = Passed {
    name: "divide",
    params: r#"(param "a" u32) (param "b" u32)"#,
    result: "(result (result u32 (error string)))",
    flat: "i32 i32",
    flat_result: None,
};

/// `reverse: func(bytes: list<u8>) -> list<u8>`
pub const REVERSE: Passed = Passed {
    name: "reverse",
    params: r#"(param "bytes" (list u8))"#,
    result: "(result (list u8))",
    flat: "i32 i32",
    flat_result: None,
};

/// `poke: func()`
pub const POKE: Passed = Passed {
    name: "poke",
    params: "",
    result: "",
    flat: "",
    flat_result: Some(""),
};

/// The memory of a guest, which hands out room and takes none back.
pub const LIBC: &str = r#"
  (core module $libc
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (block $fits
        (loop $more
          (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
          (br $more)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
"#;

/// A component that imports these functions from an interface, and exports them.
pub fn passing(interface: &str, functions: &[Passed]) -> String {
    let (mut imported, mut lowered, mut imports) = (String::new(), String::new(), String::new());
    let (mut given, mut inner, mut exported) = (String::new(), String::new(), String::new());
    for function in functions {
        let Passed {
            name,
            params,
            result,
            flat,
            flat_result,
        } = function;
        let count = flat.split_whitespace().count();
        let gets: String = (0..count).fold(String::new(), |mut gets, place| {
            let _ = write!(gets, "(local.get {place})");
            gets
        });
        let (more, core_result, body) = match flat_result {
            Some("") => ("", String::new(), format!("(call ${name} {gets})")),
            Some(ty) => (
                "",
                format!("(result {ty})"),
                format!("(call ${name} {gets})"),
            ),
            None => (
                "i32",
                "(result i32)".to_owned(),
                format!("(call ${name} {gets} (i32.const 16)) (i32.const 16)"),
            ),
        };
        let lowered_result = match flat_result {
            Some("") | None => String::new(),
            Some(ty) => format!("(result {ty})"),
        };
        let _ = write!(imported, r#"(export "{name}" (func {params} {result}))"#);
        let _ = write!(
            lowered,
            r#"(core func ${name} (canon lower (func $host "{name}")
                (memory $memory) (realloc $realloc)))"#
        );
        let _ = write!(
            imports,
            r#"(import "host" "{name}" (func ${name} (param {flat} {more}) {lowered_result}))"#
        );
        let _ = write!(given, r#"(export "{name}" (func ${name}))"#);
        let _ = write!(
            exported,
            r#"(func (export "{name}") {params} {result}
                (canon lift (core func $i "{name}") (memory $memory) (realloc $realloc)))"#
        );
        let _ = write!(
            inner,
            r#"(func (export "{name}") (param {flat}) {core_result} {body})"#
        );
    }
    format!(
        r#"(component
  (import "{interface}" (instance $host {imported}))
  {LIBC}
  {lowered}
  (core module $m {imports} {inner})
  (core instance $h {given})
  (core instance $i (instantiate $m (with "host" (instance $h))))
  {exported})"#
    )
}

/// A core module that imports numeric functions, and calls one as often as it is told.
pub const CORE: &str = r#"
(module
  (import "env" "add" (func $add (param i32 i32) (result i32)))
  (import "env" "mix" (func $mix (param i64 f32 f64) (result f64)))
  (func (export "add") (param i32 i32) (result i32)
    (call $add (local.get 0) (local.get 1)))
  (func (export "mix") (param i64 f32 f64) (result f64)
    (call $mix (local.get 0) (local.get 1) (local.get 2)))
  ;; Adds 1 so many times.
  (func (export "count") (param $times i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $times)))
        (local.set $sum (call $add (local.get $sum) (i32.const 1)))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $next)))
    (local.get $sum)))
"#;

/// A component whose import takes and returns a record, a variant, an enum and flags.
pub const SHAPES: &str = r#"
(component
  (import "acme:shapes/api@0.1.0" (instance $host
    (type $point' (record (field "x" s32) (field "y" s32)))
    (export "point" (type $point (eq $point')))
    (type $shape' (variant (case "dot") (case "circle" u32)))
    (export "shape" (type $shape (eq $shape')))
    (type $color' (enum "red" "green"))
    (export "color" (type $color (eq $color')))
    (type $style' (flags "bold" "thin"))
    (export "style" (type $style (eq $style')))
    (export "draw" (func
      (param "at" $point) (param "shape" $shape) (param "color" $color) (param "style" $style)
      (result (tuple s32 s32))))))
  (alias export $host "point" (type $point))
  (alias export $host "shape" (type $shape))
  (alias export $host "color" (type $color))
  (alias export $host "style" (type $style))
  (core module $libc (memory (export "memory") 1))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (core func $draw (canon lower (func $host "draw") (memory $memory)))
  (core module $m
    (import "host" "draw" (func $draw (param i32 i32 i32 i32 i32 i32 i32)))
    (import "libc" "memory" (memory 1))
    ;; Draws a green, thin circle, and returns the sum of the answer.
    (func (export "draw") (param $x i32) (param $y i32) (param $radius i32) (result i32)
      (call $draw (local.get $x) (local.get $y) (i32.const 1) (local.get $radius)
        (i32.const 1) (i32.const 2) (i32.const 16))
      (i32.add (i32.load (i32.const 16)) (i32.load (i32.const 20)))))
  (core instance $h (export "draw" (func $draw)))
  (core instance $i (instantiate $m
    (with "host" (instance $h)) (with "libc" (instance $libc))))
  (func (export "draw") (param "x" s32) (param "y" s32) (param "radius" u32) (result s32)
    (canon lift (core func $i "draw"))))
"#;

/// A component that imports a function of a resource.
pub const RESOURCE: &str = r#"
(component
  (import "acme:files/api@0.1.0" (instance $host
    (export "file" (type $file (sub resource)))
    (export "open" (func (param "name" string) (result (own $file))))))
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (func (export "f") (canon lift (core func $i "f"))))
"#;

/// A component that imports a function by itself.
pub const BARE: &str = r#"
(component
  (import "twice" (func $twice (param "n" u32) (result u32)))
  (core func $twice (canon lower (func $twice)))
  (core module $m
    (import "host" "twice" (func $twice (param i32) (result i32)))
    (func (export "f") (param i32) (result i32) (call $twice (local.get 0))))
  (core instance $h (export "twice" (func $twice)))
  (core instance $i (instantiate $m (with "host" (instance $h))))
  (func (export "f") (param "n" u32) (result u32) (canon lift (core func $i "f"))))
"#;

/// A component that calls tools, and lists their names' number.
pub const TOOLS: &str = r#"
(component
  (import "sandpool:task/host@0.2.0" (instance $host
    (type $tool' (record (field "name" string) (field "description" (option string))
      (field "schema" (option string))))
    (export "tool" (type $tool (eq $tool')))
    (export "call" (func (param "name" string) (param "arguments" string)
      (result (result string (error string)))))
    (export "tools" (func (result (list $tool))))))
"#;

/// The rest of [`TOOLS`], behind the import.
pub fn tools() -> String {
    format!(
        r#"{TOOLS} {LIBC}
  (core func $call (canon lower (func $host "call") (memory $memory) (realloc $realloc)))
  (core func $tools (canon lower (func $host "tools") (memory $memory) (realloc $realloc)))
  (core module $m
    (import "host" "call" (func $call (param i32 i32 i32 i32 i32)))
    (import "host" "tools" (func $tools (param i32)))
    (import "libc" "memory" (memory 1))
    (func (export "call") (param i32 i32 i32 i32) (result i32)
      (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 16))
      (i32.const 16))
    ;; The descriptions of all tools: a list of records of 32 bytes each.
    (func (export "count") (result i32)
      (call $tools (i32.const 16))
      (i32.load (i32.const 20)))
    ;; The name of the first tool.
    (func (export "first") (result i32)
      (call $tools (i32.const 16))
      (i32.load (i32.const 16))))
  (core instance $h (export "call" (func $call)) (export "tools" (func $tools)))
  (core instance $i (instantiate $m
    (with "host" (instance $h)) (with "libc" (instance $libc))))
  (func (export "call") (param "name" string) (param "arguments" string)
    (result (result string (error string)))
    (canon lift (core func $i "call") (memory $memory) (realloc $realloc)))
  (func (export "count") (result u32) (canon lift (core func $i "count")))
  (func (export "first") (result string)
    (canon lift (core func $i "first") (memory $memory))))"#
    )
}
