//! The cost of a call that a guest makes of its host: of a shared dictionary, and of a function
//! of the host.

use std::time::{Duration, Instant};

use sandpool::{Imports, Manager};

use super::Report;
use super::figure::{ErrorLine, Figure, Measured, Round, Subject, Unit};
use super::plan::Plan;
use super::pools::builder;

/// Calls that a task makes, so that its own cost is no matter.
const TIMES: u32 = 1000;

/// A component that calls its host so many times.
const GUEST: &str = r#"
(component
  (import "sandpool:task/shared@0.1.0" (instance $shared
    (type $error' (enum "denied" "full" "empty" "closed" "end-of-file" "timeout" "not-owner"
      "over-release" "broken" "out-of-range" "too-large" "not-a-number" "not-joinable"))
    (export "error" (type $error (eq $error')))))
  (alias export $shared "error" (type $error))
  (import "sandpool:task/manager@0.1.0" (instance $manager
    (alias outer 1 $error (type $outer))
    (export "error" (type $error (eq $outer)))
    (export "dict" (type $dict (sub resource)))
    (export "[static]dict.open" (func (param "name" string)
      (result (result (own $dict) (error $error)))))
    (export "[method]dict.get" (func (param "self" (borrow $dict)) (param "key" string)
      (result (result (option (list u8)) (error $error)))))))
  (import "bench:host/api" (instance $host
    (export "get" (func (param "key" string) (result (option (list u8)))))
    (export "echo" (func (param "data" (list u8)) (result (list u8))))))
  (core module $libc
    (memory (export "memory") 2)
    ;; Every result goes to one place.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $open (canon lower (func $manager "[static]dict.open")
    (memory $memory) (realloc $realloc)))
  (core func $dict-get (canon lower (func $manager "[method]dict.get")
    (memory $memory) (realloc $realloc)))
  (core func $get (canon lower (func $host "get") (memory $memory) (realloc $realloc)))
  (core func $echo (canon lower (func $host "echo") (memory $memory) (realloc $realloc)))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "dict-get" (func $dict-get (param i32 i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "echo" (func $echo (param i32 i32 i32)))
    (func (export "dict") (param $name i32) (param $len i32) (param $times i32)
      (local $dict i32)
      (call $open (local.get $name) (local.get $len) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then unreachable))
      (local.set $dict (i32.load (i32.const 20)))
      (loop $next
        (call $dict-get (local.get $dict) (i32.const 1024) (i32.const 3) (i32.const 16))
        (br_if $next
          (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    (func (export "function") (param $times i32)
      (loop $next
        (call $get (i32.const 1024) (i32.const 3) (i32.const 16))
        (br_if $next
          (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    (func (export "echo") (param $times i32)
      (loop $next
        (call $echo (i32.const 1024) (i32.const 1024) (i32.const 16))
        (br_if $next
          (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
  (core instance $given
    (export "open" (func $open)) (export "dict-get" (func $dict-get))
    (export "get" (func $get)) (export "echo" (func $echo)))
  (core instance $i (instantiate $m
    (with "host" (instance $given)) (with "libc" (instance $libc))))
  (func (export "dict") (param "name" string) (param "times" u32)
    (canon lift (core func $i "dict") (memory $memory) (realloc $realloc)))
  (func (export "function") (param "times" u32) (canon lift (core func $i "function")))
  (func (export "echo") (param "times" u32) (canon lift (core func $i "echo"))))
"#;

pub fn measure(plan: &Plan, report: &mut Report) -> Measured<()> {
    if !plan.wants_any(&["host-call/"]) {
        return Ok(());
    }
    let host = Imports::new()
        .func("get", |key: String| Some(key.into_bytes()))
        .func("echo", |data: Vec<u8>| data);
    let pool = builder(plan).processes(1).import("bench:host/api", host);
    let pool = pool.build().error_line()?;
    let module = pool.load_bytes(GUEST).error_line()?;
    let dict = Manager::new().dict::<u32>();
    // The key of the guest: three zero bytes.
    dict.set("\0\0\0", &7).error_line()?;
    let subjects = vec![
        Subject::new(figure("dict", "get of a shared dictionary"), |slice| {
            latency(slice, || {
                pool.apply(&module, "dict", (&dict, TIMES)).error_line()
            })
        }),
        Subject::new(figure("function", "function of the host"), |slice| {
            latency(slice, || {
                pool.apply(&module, "function", (TIMES,)).error_line()
            })
        }),
        Subject::new(
            figure("function/1KiB", "function of the host, echo of 1KiB"),
            |slice| latency(slice, || pool.apply(&module, "echo", (TIMES,)).error_line()),
        ),
    ];
    report.measure(plan, subjects);
    Ok(())
}

fn figure(name: &str, label: &str) -> Figure {
    Figure::new(format!("host-call/{name}"), label, Unit::Micros)
}

/// Returns the time of a call of the host, of those that a task makes.
fn latency(slice: Duration, mut task: impl FnMut() -> Measured<()>) -> Measured<Round> {
    let until = Instant::now() + slice;
    let mut latencies = Vec::new();
    while latencies.is_empty() || Instant::now() < until {
        let begin = Instant::now();
        task()?;
        latencies.push(begin.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
    }
    Ok(Round::Latencies(latencies))
}
