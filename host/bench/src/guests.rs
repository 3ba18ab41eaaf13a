//! The tasks that are measured, as text, so that nobody needs a compiler for
//! WebAssembly to measure. The library has them compiled as any other module.

/// A component without imports, with memory as a small guest has it: a page for
/// its shadow stack, which it touches, and one for the rest.
pub const WORK: &str = r#"
(component
  (core module $m
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (local $at i32) (local $more i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (local.set $more (i32.sub (global.get $next) (i32.shl (memory.size) (i32.const 16))))
      (if (i32.gt_s (local.get $more) (i32.const 0))
        (then
          (if (i32.eq (i32.const -1)
                (memory.grow (i32.add (i32.shr_u (local.get $more) (i32.const 16)) (i32.const 1))))
            (then unreachable))))
      (local.get $at))
    ;; Returns what it is given, by way of its stack.
    (func (export "empty") (param i32) (result i32)
      (i32.store (i32.const 65528) (local.get 0))
      (i32.load (i32.const 65528)))
    ;; Computes for so many steps.
    (func (export "spin") (param $steps i32) (result i32)
      (local $x i32)
      (loop $next
        (local.set $x (i32.add (i32.const 1013904223)
          (i32.mul (local.get $x) (i32.const 1664525))))
        (br_if $next
          (local.tee $steps (i32.sub (local.get $steps) (i32.const 1)))))
      (local.get $x))
    (func (export "echo") (param $at i32) (param $len i32) (result i32)
      (i32.store (i32.const 16) (local.get $at))
      (i32.store (i32.const 20) (local.get $len))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "empty") (param "n" u32) (result u32) (canon lift (core func $i "empty")))
  (func (export "spin") (param "steps" u32) (result u32) (canon lift (core func $i "spin")))
  (func (export "echo") (param "data" (list u8)) (result (list u8))
    (canon lift (core func $i "echo")
      (memory $memory) (realloc $realloc))))
"#;

/// A component that sleeps, by WASI's clock.
pub const SLEEP: &str = r#"
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $drop (canon resource.drop $pollable))
  (core module $m
    (import "host" "block" (func $block (param i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "sleep") (param $micros i32) (result i32)
      (local $pollable i32)
      (local.set $pollable (call $subscribe
        (i64.mul (i64.extend_i32_u (local.get $micros)) (i64.const 1000))))
      (call $block (local.get $pollable))
      (call $drop (local.get $pollable))
      (local.get $micros)))
  (core instance $host
    (export "block" (func $block)) (export "subscribe" (func $subscribe))
    (export "drop" (func $drop)))
  (core instance $i (instantiate $m (with "host" (instance $host))))
  (func (export "sleep") (param "micros" u32) (result u32)
    (canon lift (core func $i "sleep"))))
"#;

/// A module like [`WORK`] in all but its name: another key for the pool.
pub const OTHER: &str = r#"
(component
  (core module $m
    (memory (export "memory") 2)
    (func (export "other") (param i32) (result i32)
      (i32.store (i32.const 65528) (local.get 0))
      (i32.load (i32.const 65528))))
  (core instance $i (instantiate $m))
  (func (export "other") (param "n" u32) (result u32) (canon lift (core func $i "other"))))
"#;

/// A command that does nothing.
pub const COMMAND: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
