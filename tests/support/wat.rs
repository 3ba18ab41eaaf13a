//! Small guests, readable where they are used.

/// A core module whose functions take and return numbers of each kind.
pub const ADD: &str = r#"
(module
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1)))
  (func (export "halve") (param f32) (result f32)
    (f32.div (local.get 0) (f32.const 2)))
  (func (export "root") (param f64) (result f64)
    (f64.sqrt (local.get 0)))
  (func (export "swap") (param i32 i64) (result i64 i32)
    (local.get 1) (local.get 0))
  (func (export "nothing")))
"#;

/// A WASI preview 1 command: prints its words, one a line, then its standard
/// input, and leaves with the number of its words as exit code. A word that
/// starts with `!` goes to standard error.
pub const COMMAND: &str = r#"
(module
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get"
    (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  ;; 0: one iovec; 8: a count; 16: argc; 20: bytes of the words;
  ;; 1024: argv; 4096: the words; 65536: a buffer
  (func $write (param $fd i32) (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $length (param $word i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $word))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $word)))
  (func (export "_start")
    (local $i i32) (local $word i32) (local $fd i32)
    (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    (drop (call $args_get (i32.const 1024) (i32.const 4096)))
    (i32.store8 (i32.const 32) (i32.const 10))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (i32.load (i32.const 16))))
        (local.set $word
          (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 4)))))
        (local.set $fd
          (select (i32.const 2) (i32.const 1)
            (i32.eq (i32.load8_u (local.get $word)) (i32.const 33))))
        (call $write (local.get $fd) (local.get $word) (call $length (local.get $word)))
        (call $write (local.get $fd) (i32.const 32) (i32.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (block $end
      (loop $more
        (i32.store (i32.const 0) (i32.const 65536))
        (i32.store (i32.const 4) (i32.const 65536))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $end (i32.eqz (i32.load (i32.const 8))))
        (call $write (i32.const 1) (i32.const 65536) (i32.load (i32.const 8)))
        (br $more)))
    (call $proc_exit (i32.load (i32.const 16)))))
"#;

/// A command that does nothing, and ends by itself.
pub const QUIET_COMMAND: &str = r#"(module (func (export "_start")))"#;

/// A command that never ends, without a call.
pub const ENDLESS_COMMAND: &str = r#"(module (func (export "_start") (loop $l (br $l))))"#;
