//! Resources that a module exports: they live in a session, and their handles are values
//! that belong to it.

use sandpool::{Error, LimitName, Resource, Verdict};

use super::session;
use crate::support::{eventually, one_worker, test, two_workers};

/// Counters, each with a state of its own. A dropped one is counted.
const COUNTERS: &str = r#"
(component
  (core module $state
    (memory 1)
    (global $made (mut i32) (i32.const 0))
    (global $dropped (mut i32) (i32.const 0))
    ;; The number of counter N lies at 4 * N.
    (func (export "make") (param $start i32) (result i32)
      (global.set $made (i32.add (global.get $made) (i32.const 1)))
      (i32.store (i32.mul (i32.const 4) (global.get $made)) (local.get $start))
      (global.get $made))
    (func (export "next") (param $counter i32) (result i32)
      (local $place i32)
      (local.set $place (i32.mul (i32.const 4) (local.get $counter)))
      (i32.store (local.get $place) (i32.add (i32.load (local.get $place)) (i32.const 1)))
      (i32.load (local.get $place)))
    (func (export "drop") (param i32)
      (global.set $dropped (i32.add (global.get $dropped) (i32.const 1))))
    (func (export "dropped") (result i32) (global.get $dropped)))
  (core instance $state (instantiate $state))
  (alias core export $state "drop" (core func $drop))
  (type $counter' (resource (rep i32) (dtor (core func $drop))))
  (export $counter "counter" (type $counter'))
  (core func $new (canon resource.new $counter'))
  (core func $rep (canon resource.rep $counter'))
  (core func $release (canon resource.drop $counter'))
  (core module $code
    (import "state" "make" (func $make (param i32) (result i32)))
    (import "state" "next" (func $next (param i32) (result i32)))
    (import "handle" "new" (func $new (param i32) (result i32)))
    (import "handle" "rep" (func $rep (param i32) (result i32)))
    (import "handle" "drop" (func $release (param i32)))
    (func (export "constructor") (param $start i32) (result i32)
      (call $new (call $make (local.get $start))))
    (func (export "last") (param $counter i32) (result i32)
      (local $number i32)
      (local.set $number (call $next (call $rep (local.get $counter))))
      (call $release (local.get $counter))
      (local.get $number))
    (func (export "sum") (param $a i32) (param $b i32) (result i32)
      (i32.add (call $next (local.get $a)) (call $next (local.get $b)))))
  (core instance $code (instantiate $code
    (with "state" (instance $state))
    (with "handle" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $release))))))
  (func (export "[constructor]counter") (param "start" u32) (result (own $counter))
    (canon lift (core func $code "constructor")))
  (func (export "[method]counter.next") (param "self" (borrow $counter)) (result u32)
    (canon lift (core func $state "next")))
  (func (export "[static]counter.last") (param "of" (own $counter)) (result u32)
    (canon lift (core func $code "last")))
  (func (export "[static]counter.dropped") (result u32)
    (canon lift (core func $state "dropped")))
  (func (export "sum") (param "a" (borrow $counter)) (param "b" (borrow $counter)) (result u32)
    (canon lift (core func $code "sum"))))
"#;

#[test]
fn a_resource_is_made_used_and_dropped_in_a_session() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(COUNTERS);
    let session = session(&pool, &module);
    let five: Resource = session.call("counter", (5u32,)).expect("made");
    let seven: Resource = session.call("[constructor]counter", (7u32,)).expect("made");
    assert_eq!((five.name(), seven.name()), ("counter", "counter"));
    assert_ne!(five, seven);
    let next = |of: &Resource| session.call::<u32>("counter.next", (of,)).expect("ok");
    assert_eq!([next(&five), next(&seven), next(&five)], [6, 8, 7]);
    let by_its_own_name = session.call::<u32>("[method]counter.next", (&five,));
    assert_eq!(by_its_own_name.expect("ok"), 8);
    let sum: u32 = session.call("sum", (&five, &seven)).expect("ok");
    assert_eq!(sum, 9 + 9);
    session.drop_resource(&five).expect("dropped");
    assert_eq!(session.call::<u32>("counter.dropped", ()).expect("ok"), 1);
    let given = session.call::<u32>("counter.last", (&seven,)).expect("ok");
    assert_eq!(given, 10);
    assert_eq!(session.call::<u32>("counter.dropped", ()).expect("ok"), 2);
    assert_eq!(session.ended(), None);
}

#[test]
fn a_handle_that_the_session_does_not_have_is_refused_before_it_is_sent() {
    let _test = test();
    let pool = two_workers();
    let module = pool.wat(COUNTERS);
    let (one, other) = (session(&pool, &module), session(&pool, &module));
    let handle: Resource = one.call("counter", (1u32,)).expect("made");
    let _: Resource = other.call("counter", (1u32,)).expect("made");
    let refused = |ended: Result<u32, Error>, words: &str| match ended {
        Err(error @ Error::Handle(_)) => {
            let text = error.to_string();
            assert!(text.contains(words) && !text.contains('\n'), "{text}");
        }
        other => panic!("{other:?}"),
    };
    refused(
        other.call("counter.next", (&handle,)),
        "belongs to another session",
    );
    assert_eq!(one.call::<u32>("counter.last", (&handle,)).expect("ok"), 2);
    refused(one.call("counter.next", (&handle,)), "is not alive");
    let dropped: Resource = one.call("counter", (1u32,)).expect("made");
    one.drop_resource(&dropped).expect("dropped");
    refused(one.call("counter.next", (&dropped,)), "is not alive");
    refused(one.drop_resource(&dropped).map(|()| 0), "is not alive");
    let wrong = one.call::<u32>("counter.next", (1u32,));
    assert!(matches!(wrong, Err(Error::Arguments(_))), "{wrong:?}");
    for session in [&one, &other] {
        assert_eq!(session.ended(), None);
        let handle: Resource = session.call("counter", (1u32,)).expect("made");
        assert_eq!(
            session.call::<u32>("counter.next", (&handle,)).expect("ok"),
            2
        );
    }
}

#[test]
fn a_plain_call_says_that_a_resource_needs_a_session() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(COUNTERS);
    for function in ["counter", "counter.next", "counter.last", "sum"] {
        let refused = pool.call(&module, function).arg(1u32).outcome();
        let refused = refused.expect_err("it needs a session").to_string();
        let says = "it takes or returns the resource `counter`; use a session";
        assert!(refused.ends_with(says), "{refused}");
    }
    let without_handles: u32 = pool.apply(&module, "counter.dropped", ()).expect("ok");
    assert_eq!(without_handles, 0);
}

#[test]
fn a_session_has_no_more_handles_than_it_may() {
    let _test = test();
    let pool = one_worker();
    let module = pool.wat(COUNTERS);
    let session = session(&pool, &module);
    let make = || session.run("counter").arg(1u32).outcome().expect("sent");
    let mut made = 0;
    let outcome = loop {
        let outcome = make();
        if !outcome.is_ok() {
            break outcome;
        }
        made += 1;
    };
    // wasmtime counts its own too.
    assert!((9_900..=10_000).contains(&made), "{made}");
    assert_eq!(outcome.verdict, Verdict::MemoryLimit, "{outcome}");
    let limit = outcome.limit.expect("a limit").name;
    assert_eq!(limit, LimitName::Handles);
    eventually("the session is over", || session.ended().is_some());
}
