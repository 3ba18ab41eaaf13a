//! Sessions whose guest loops, traps or grows and is called again; and handles of
//! resources, many, dropped, forged and foreign.

use sandpool::value::{ToArgs, from_json_str};
use sandpool::{Error, LimitName, MIB, Module, Outcome, Pool, Resource, Session, Value, Verdict};

use crate::callers::passing;
use crate::case::{Case, PATIENT, SHORT, end, guest, wat};
use crate::support::{eventually, process};

/// A component that keeps a number, and has every way to lose it.
const KEEPER: &str = r#"
(component
  (core module $m
    (memory 1)
    (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (global.get $n))
    (func (export "trap") (result i32) unreachable)
    (func (export "spin") (result i32) (loop $l (br $l)) (i32.const 0))
    (func $deep (export "recurse") (result i32) (i32.add (call $deep) (i32.const 1)))
    (func (export "grow") (result i32)
      (if (i32.eq (i32.const -1) (memory.grow (i32.const 100))) (then unreachable))
      (memory.size)))
  (core instance $i (instantiate $m))
  (func (export "next") (result u32) (canon lift (core func $i "next")))
  (func (export "trap") (result u32) (canon lift (core func $i "trap")))
  (func (export "spin") (result u32) (canon lift (core func $i "spin")))
  (func (export "recurse") (result u32) (canon lift (core func $i "recurse")))
  (func (export "grow") (result u32) (canon lift (core func $i "grow"))))
"#;

/// Two resources, whose handles the guest makes, and makes up.
const HANDLES: &str = r#"
(component
  (type $door' (resource (rep i32)))
  (type $key' (resource (rep i32)))
  (export $door "door" (type $door'))
  (export $key "key" (type $key'))
  (core func $new (canon resource.new $door'))
  (core func $drop (canon resource.drop $door'))
  (core func $key (canon resource.new $key'))
  (core module $libc (memory (export "memory") 8))
  (core instance $libc (instantiate $libc))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "door" "new" (func $new (param i32) (result i32)))
    (import "door" "drop" (func $drop (param i32)))
    (import "key" "new" (func $key (param i32) (result i32)))
    (func (export "door") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "key") (param i32) (result i32) (call $key (local.get 0)))
    (func (export "number") (param i32) (result i32) (local.get 0))
    (func (export "take") (param i32) (result i32)
      (call $drop (local.get 0))
      (i32.const 1))
    (func (export "take twice") (param i32) (result i32)
      (call $drop (local.get 0))
      (call $drop (local.get 0))
      (i32.const 1))
    (func (export "forge") (param i32) (result i32) (local.get 0))
    ;; So many doors, as a list.
    (func (export "many") (param $n i32) (result i32)
      (local $at i32)
      (local.set $at (i32.const 64))
      (i32.store (i32.const 16) (i32.const 64))
      (i32.store (i32.const 20) (local.get $n))
      (loop $next
        (i32.store (local.get $at) (call $new (local.get $n)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 16))
    (func (export "for ever") (loop $l (drop (call $new (i32.const 1))) (br $l))))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "door" (instance (export "new" (func $new)) (export "drop" (func $drop))))
    (with "key" (instance (export "new" (func $key))))))
  (func (export "[constructor]door") (param "n" u32) (result (own $door))
    (canon lift (core func $i "door")))
  (func (export "[constructor]key") (param "n" u32) (result (own $key))
    (canon lift (core func $i "key")))
  (func (export "[method]door.number") (param "self" (borrow $door)) (result u32)
    (canon lift (core func $i "number")))
  (func (export "take") (param "door" (own $door)) (result u32)
    (canon lift (core func $i "take")))
  (func (export "take-twice") (param "door" (own $door)) (result u32)
    (canon lift (core func $i "take twice")))
  (func (export "forge") (param "number" u32) (result (own $door))
    (canon lift (core func $i "forge")))
  (func (export "many") (param "n" u32) (result (list (own $door)))
    (canon lift (core func $i "many") (memory (core memory $libc "memory"))))
  (func (export "for-ever") (canon lift (core func $i "for ever"))))
"#;

fn open(pool: &Pool, module: &Module) -> Session {
    let session = pool.session(module).timeout(PATIENT).open();
    session.expect("the session is opened")
}

/// Calls a function, and waits for the outcome.
fn call(session: &Session, function: &str, args: impl ToArgs) -> Outcome {
    let sent = session.run(function).args(args).apply_async();
    end(function, &sent.expect("sent"))
}

/// Asserts that the session is over, that a call of a function without parameters learns
/// why, and that its process is gone.
fn assert_over(session: &Session, last: &Outcome, verdict: Verdict, function: &str) {
    assert_eq!(last.verdict, verdict, "{last}");
    eventually("the session is over", || session.ended().is_some());
    let again = session.call::<Value>(function, ());
    let Err(Error::SessionEnded { reason }) = again else {
        panic!("a call of an ended session: {again:?}");
    };
    assert!(reason.to_string().contains(verdict.name()), "{reason}");
    let pid = last.worker_pid.expect("it ran somewhere");
    eventually("its process is gone", || !process::exists(pid));
}

/// Calls a function that ends the session, after one that does not.
fn ends_by(pool: &Pool, module: &Module, function: &str, verdict: Verdict) {
    let session = open(pool, module);
    assert_eq!(call(&session, "next", ()).value, Some(Value::U32(1)));
    assert_eq!(call(&session, "next", ()).value, Some(Value::U32(2)));
    let last = session.run(function).timeout(match verdict {
        Verdict::Timeout => SHORT,
        _ => PATIENT,
    });
    let last = end(function, &last.apply_async().expect("sent"));
    assert_over(&session, &last, verdict, "next");
    // What the lost session knew is nobody else's.
    let fresh = open(pool, module);
    assert_eq!(call(&fresh, "next", ()).value, Some(Value::U32(1)));
    fresh.close();
}

/// Grows from call to call, until the memory of all calls together is too much.
fn grows_from_call_to_call(pool: &Pool, module: &Module) {
    let session = pool.session(module).memory(20 * MIB).timeout(PATIENT);
    let session = session.open().expect("opened");
    for calls in 1.. {
        let outcome = call(&session, "grow", ());
        if !outcome.is_ok() {
            assert_eq!(calls, 4, "three hundred pages fit");
            assert_over(&session, &outcome, Verdict::MemoryLimit, "next");
            return;
        }
    }
}

/// Runs out of time while the host works for it.
fn outlasted_by_the_host(pool: &Pool, module: &Module) {
    let session = open(pool, module);
    assert!(call(&session, "bytes", (3u32,)).is_ok());
    let last = session.run("wait").timeout(SHORT).apply_async();
    let last = end("wait", &last.expect("sent"));
    assert_eq!(last.verdict, Verdict::Timeout, "{last}");
    let again = session.call::<Value>("bytes", (3u32,));
    assert!(
        matches!(again, Err(Error::SessionEnded { .. })),
        "{again:?}"
    );
}

/// Enters the pool again from within a session.
fn enters_the_pool_again(pool: &Pool, module: &Module) {
    let session = open(pool, module);
    let outcome = call(&session, "again", (2u32,));
    assert_eq!(outcome.value, Some(Value::U32(2)), "{outcome}");
    session.close();
}

/// Makes handles until there are more than a session may have.
fn ten_thousand_handles(pool: &Pool, module: &Module) {
    let session = open(pool, module);
    let mut made = Vec::new();
    let outcome = loop {
        let outcome = call(&session, "many", (500u32,));
        let Some(Value::List(handles)) = outcome.value else {
            break outcome;
        };
        made.extend(handles);
        assert!(made.len() <= 10_000, "{} handles", made.len());
    };
    assert!(made.len() >= 9000, "{} handles", made.len());
    let limit = outcome.limit.as_ref().map(|limit| limit.name);
    assert_eq!(limit, Some(LimitName::Handles), "{outcome}");
    assert_over(&session, &outcome, Verdict::MemoryLimit, "for-ever");
}

/// Asserts that a handle is refused before it is sent.
fn assert_refused<T: std::fmt::Debug>(called: Result<T, Error>, says: &str) {
    let Err(error @ Error::Handle(_)) = called else {
        panic!("a handle was taken: {called:?}");
    };
    assert!(error.to_string().contains(says), "{error}");
}

/// Uses handles that were dropped, given away, or never there.
fn handles_that_are_none(pool: &Pool, module: &Module) {
    let (session, other) = (open(pool, module), open(pool, module));
    let door = |session: &Session| session.call::<Resource>("door", (7u32,)).expect("made");
    let number = |handle: &Value| session.call::<u32>("door.number", (handle.clone(),));
    let (dropped, given, foreign) = (door(&session), door(&session), door(&other));
    session.drop_resource(&dropped).expect("dropped");
    session.call::<u32>("take", (&given,)).expect("taken");
    for gone in [&dropped, &given] {
        assert_refused(number(&Value::Handle(gone.clone())), "is not alive");
        assert_refused(session.drop_resource(gone), "is not alive");
    }
    assert_refused(
        number(&Value::Handle(foreign)),
        "belongs to another session",
    );
    // As a caller would write one down that guesses.
    let mut methods = module.resources().iter().flat_map(|it| &it.functions);
    let number_of = methods.find(|it| it.name == "[method]door.number");
    let ty = &number_of.expect("the method").params[0].ty;
    for forged in [0, 1, 77, u32::MAX] {
        let text = format!(r#"{{"$handle":["door",{forged}]}}"#);
        let forged = from_json_str(&text, ty).expect("a handle");
        assert_refused(number(&forged), "is not alive");
    }
    let key: Resource = session.call("key", (7u32,)).expect("made");
    let of_another_kind = number(&Value::Handle(key));
    assert!(of_another_kind.is_err(), "{of_another_kind:?}");
    let alive = door(&session);
    assert_eq!(number(&Value::Handle(alive)).expect("it is alive"), 7);
    session.close();
    other.close();
}

/// Lets the guest give out a handle that it made up.
fn handles_that_the_guest_forges(pool: &Pool, module: &Module) {
    for (function, arg) in [("forge", 0), ("forge", 1), ("forge", u32::MAX)] {
        let session = open(pool, module);
        let last = call(&session, function, (arg,));
        assert_over(&session, &last, Verdict::Trap, "for-ever");
    }
    let session = open(pool, module);
    let door: Resource = session.call("door", (7u32,)).expect("made");
    let last = call(&session, "take-twice", (&door,));
    assert_over(&session, &last, Verdict::Trap, "for-ever");
}

pub fn cases() -> Vec<Case> {
    let keeper = |name| wat(name, KEEPER);
    let handles = |name| wat(name, HANDLES);
    vec![
        keeper("a session that traps, called again")
            .plays(|pool, module| ends_by(pool, module, "trap", Verdict::Trap)),
        keeper("a session that loops, called again")
            .plays(|pool, module| ends_by(pool, module, "spin", Verdict::Timeout)),
        keeper("a session that recurses, called again")
            .plays(|pool, module| ends_by(pool, module, "recurse", Verdict::Trap)),
        keeper("a session that grows from call to call").plays(grows_from_call_to_call),
        wat("a session that the host outlasts", passing()).plays(outlasted_by_the_host),
        wat("a session whose host enters the pool again", passing()).plays(enters_the_pool_again),
        guest("a session that exits, called again", "misbehave").plays(|pool, module| {
            let session = open(pool, module);
            assert!(call(&session, "global-counter", ()).is_ok());
            let last = call(&session, "exit-with", (1u32,));
            assert_over(&session, &last, Verdict::Exit, "spin");
        }),
        handles("ten thousand handles of a session's resource").plays(ten_thousand_handles),
        handles("handles dropped, given away, forged and foreign").plays(handles_that_are_none),
        handles("handles that the guest forges").plays(handles_that_the_guest_forges),
        handles("handles that the guest makes for ever")
            .calls("for-ever", ())
            .hits(Verdict::MemoryLimit, LimitName::Handles),
    ]
}
