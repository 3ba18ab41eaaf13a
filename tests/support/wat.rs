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

/// A component that calls the host as no decent guest would.
pub const HOST_CALLS: &str = r#"
(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (import "sandpool:task/log@0.1.0" (instance $log
    (type $level' (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "message" string)))))
  (import "sandpool:task/progress@0.1.0" (instance $progress
    (export "report" (func
      (param "done" u64) (param "total" (option u64)) (param "message" (option string))))))
  (core module $libc
    (memory (export "memory") 2)
    ;; Makes sure that so many bytes fit behind the first page.
    (func $reserve (export "reserve") (param $bytes i32)
      (if (i32.eq (i32.const -1)
            (memory.grow (i32.shr_u (local.get $bytes) (i32.const 16))))
        (then unreachable)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $reserve (local.get 3))
      (i32.const 65536)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $random (canon lower
    (func $random "get-random-bytes") (memory $memory) (realloc $realloc)))
  (core func $poll' (canon lower
    (func $poll "poll") (memory $memory) (realloc $realloc)))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $log (canon lower (func $log "log") (memory $memory)))
  (core func $report (canon lower (func $progress "report") (memory $memory)))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "libc" "reserve" (func $reserve (param i32)))
    (import "host" "random" (func $random (param i64 i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (import "host" "report" (func $report (param i64 i32 i64 i32 i32 i32)))
    (func (export "random") (param $n i64) (call $random (local.get $n) (i32.const 16)))
    (func (export "handles") (param $n i32)
      (loop $next
        (drop (call $subscribe (i64.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $next (local.get $n))))
    ;; Waits for one thing that never happens, named so many times.
    (func (export "poll") (param $n i32)
      (local $handle i32) (local $at i32) (local $end i32)
      (call $reserve (i32.mul (local.get $n) (i32.const 4)))
      (local.set $handle (call $subscribe (i64.const -1)))
      (local.set $at (i32.const 65536))
      (local.set $end (i32.add (local.get $at) (i32.mul (local.get $n) (i32.const 4))))
      (loop $next
        (i32.store (local.get $at) (local.get $handle))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
      (call $poll (i32.const 65536) (local.get $n) (i32.const 16)))
    (func (export "log") (param $bytes i32)
      (call $reserve (local.get $bytes))
      (call $log (i32.const 2) (i32.const 65536) (local.get $bytes)))
    (func (export "empty-logs")
      (loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 0)) (br $l)))
    (func (export "progress")
      (loop $l
        (call $report (i64.const -1)
          (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (br $l)))
    ;; A list of so many empty strings.
    (func (export "strings") (param $n i32) (result i32)
      (call $reserve (i32.mul (local.get $n) (i32.const 8)))
      (i32.store (i32.const 16) (i32.const 65536))
      (i32.store (i32.const 20) (local.get $n))
      (i32.const 16)))
  (core instance $host
    (export "random" (func $random)) (export "poll" (func $poll'))
    (export "subscribe" (func $subscribe)) (export "log" (func $log))
    (export "report" (func $report)))
  (core instance $i (instantiate $m
    (with "host" (instance $host)) (with "libc" (instance $libc))))
  (func (export "random") (param "n" u64) (canon lift (core func $i "random")))
  (func (export "handles") (param "n" u32) (canon lift (core func $i "handles")))
  (func (export "poll") (param "n" u32) (canon lift (core func $i "poll")))
  (func (export "log") (param "bytes" u32) (canon lift (core func $i "log")))
  (func (export "empty-logs") (canon lift (core func $i "empty-logs")))
  (func (export "progress") (canon lift (core func $i "progress")))
  (func (export "strings") (param "n" u32) (result (list string))
    (canon lift (core func $i "strings") (memory $memory))))
"#;

/// A WASI preview 1 module that calls the host as no decent guest would.
pub const HOST_CALLS_P1: &str = r#"
(module
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1600)
  (func (export "random") (param $bytes i32) (result i32)
    (call $random_get (i32.const 0) (local.get $bytes)))
  (func (export "poll") (param $n i32) (result i32)
    (call $poll_oneoff
      (i32.const 0) (i32.const 0) (local.get $n) (i32.const 104857500)))
  (func $write (export "write") (param $bytes i32) (result i32)
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (local.get $bytes))
    (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
  (func (export "write pieces") (param $n i32) (result i32)
    (call $fd_write (i32.const 1) (i32.const 1024) (local.get $n) (i32.const 16)))
  (func $exit (export "exit") (param $code i32) (call $proc_exit (local.get $code)))
  (func $deep (export "exit from within") (param $calls i32) (param $code i32)
    (if (i32.eqz (local.get $calls)) (then (call $exit (local.get $code))))
    (call $deep (i32.sub (local.get $calls) (i32.const 1)) (local.get $code))))
"#;

/// A component with a variant whose cases are words of WAVE's: `none` gives 0,
/// `some(n)` gives 10 and n.
pub const CHOICE: &str = r#"
(component
  (core module $m
    (func (export "pick") (param i32 i32) (result i32)
      (i32.add (i32.mul (local.get 0) (i32.const 10)) (local.get 1))))
  (core instance $i (instantiate $m))
  (type $v (variant (case "none") (case "some" u8)))
  (export $choice "choice" (type $v))
  (func (export "pick") (param "choice" $choice) (result s32)
    (canon lift (core func $i "pick"))))
"#;
