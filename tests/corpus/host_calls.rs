//! Tasks that call functions of the host with the oddest arguments there are, and
//! functions of the host that fail, lie, stay away, or call the pool again.

use std::sync::mpsc;

use sandpool::{CallContext, Imports, LimitName, MIB, Module, Pool, Value, Verdict};

use crate::callers::{INTERFACE, NUMBERS, passing, texts};
use crate::case::{Case, PATIENT, end, wat};
use crate::host::Functions;
use crate::support::eventually;

/// Bits of floats at the edges: NaN quiet, signalling, negative and full of payload; zero
/// with a sign, the smallest and the largest, and those without end.
const FLOATS: [u64; 9] = [
    0x7ff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0xfff8_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0x0000_0000_0000_0001,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
];

/// A component that calls the host with lists whose length or place is a lie.
const LYING_LISTS: &str = r#"
(component
  (import "corpus:host/functions@0.1.0" (instance $host
    (export "count-bytes" (func (param "bytes" (list u8)) (result u32)))
    (export "count-texts" (func (param "texts" (list string)) (result u32)))))
  (core module $libc (memory (export "memory") 1))
  (core instance $libc (instantiate $libc))
  (core func $bytes (canon lower (func $host "count-bytes")
    (memory (core memory $libc "memory"))))
  (core func $texts (canon lower (func $host "count-texts")
    (memory (core memory $libc "memory"))))
  (core module $m
    (import "host" "bytes" (func $bytes (param i32 i32) (result i32)))
    (import "host" "texts" (func $texts (param i32 i32) (result i32)))
    (func (export "bytes") (param i32 i32) (result i32)
      (call $bytes (local.get 0) (local.get 1)))
    (func (export "texts") (param i32 i32) (result i32)
      (call $texts (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "bytes" (func $bytes)) (export "texts" (func $texts))))))
  (func (export "bytes") (param "at" u32) (param "len" u32) (result u32)
    (canon lift (core func $i "bytes")))
  (func (export "texts") (param "at" u32) (param "len" u32) (result u32)
    (canon lift (core func $i "texts"))))
"#;

/// Passes every float at the edges to the host, each in a task of its own.
fn floats_come_back(pool: &Pool, module: &Module) {
    for bits in FLOATS {
        let call = pool.call(module, "f64").arg(bits as i64);
        let sent = call.apply_async().expect("sent");
        let back = end("a float", &sent).value;
        assert_eq!(back, Some(Value::S64(bits as i64)), "{bits:#x}");
        let bits = (bits >> 32) as u32 | (bits as u32 & 1);
        let call = pool.call(module, "f32").arg(bits as i32);
        let sent = call.apply_async().expect("sent");
        let back = end("a float", &sent).value;
        assert_eq!(back, Some(Value::S32(bits as i32)), "{bits:#x}");
    }
}

/// Cancels a task whose call of the host is under way.
fn cancel_while_the_host_works(pool: &Pool, module: &Module) {
    let (sender, begun) = mpsc::channel();
    let imports = Imports::new().func("wait", move |context: CallContext| {
        let _ = sender.send(());
        // Its answer comes when nobody waits for it.
        assert!(context.wait_cancelled(PATIENT), "the end of its task");
        vec![1u8]
    });
    let call = pool.call(module, "wait").timeout(None);
    let call = call.import(INTERFACE, imports);
    let task = call.apply_async::<Value>().expect("sent");
    begun.recv_timeout(PATIENT).expect("the call has begun");
    task.cancel();
    let outcome = task.outcome(Some(PATIENT)).expect("it ends");
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome}");
    let told = || begun.try_recv() == Err(mpsc::TryRecvError::Disconnected);
    eventually("nothing of the call is left", told);
}

/// Lets a function of the host enter its own pool until that has no thread left for it. The
/// pool is one of its own, since meanwhile no other call of the host is taken.
fn enters_without_end() {
    const MOST: u32 = 6;
    let functions = Functions::default();
    let pool = Pool::builder()
        .worker_binary(env!("CARGO_BIN_EXE_sandpool"))
        .processes(1)
        .host_call_threads(MOST as usize);
    let pool = functions.give(pool).build().expect("the pool is built");
    functions.open(&pool);
    let module = pool.load_bytes(passing()).expect("loaded");
    for _ in 0..2 {
        let call = pool.call(&module, "again").arg(u32::MAX).timeout(PATIENT);
        let sent = call.apply_async().expect("sent");
        let outcome = end("again", &sent);
        assert_eq!(outcome.value, Some(Value::U32(MOST - 1)), "{outcome}");
    }
    functions.close();
    pool.close();
    pool.join().expect("whole to the end");
}

pub fn cases() -> Vec<Case> {
    let host = |name, function: &str| wat(name, passing()).calls(function, ());
    let count =
        |name, bytes: u64| wat(name, passing()).calls("count-bytes", (vec![7u8; bytes as usize],));
    let text =
        |name, function: &str, at: u32, len: u32| wat(name, texts()).calls(function, (at, len));
    let lie = |name, function: &str, at: u32, len: u32| {
        wat(name, LYING_LISTS)
            .calls(function, (at, len))
            .traps("list pointer")
    };
    let i64s = |name, number: i64, check| wat(name, NUMBERS).calls("i64", (number,)).and(check);
    vec![
        wat("floats at the edges, to the host and back", NUMBERS).plays(floats_come_back),
        i64s("the lowest integer to the host", i64::MIN, |outcome| {
            assert_eq!(outcome.value, Some(Value::S64(i64::MIN)));
        }),
        i64s("the highest integer to the host", i64::MAX, |outcome| {
            assert_eq!(outcome.value, Some(Value::S64(i64::MAX)));
        }),
        wat("a list that is no number at all", passing())
            .calls("floats", (vec![f64::NAN, -0.0, f64::INFINITY],))
            .and(|outcome| {
                let Some(Value::List(back)) = &outcome.value else {
                    panic!("{outcome}");
                };
                assert!(
                    matches!(back[0], Value::F64(nan) if nan.is_nan()),
                    "{outcome}"
                );
                assert_eq!(back[1..], [Value::F64(-0.0), Value::F64(f64::INFINITY)]);
            }),
        wat("an empty list to the host", passing())
            .calls("floats", (Vec::<f64>::new(),))
            .and(|outcome| assert_eq!(outcome.value, Some(Value::List(Vec::new())))),
        // Four bytes are for its length.
        count("arguments of the host that just fit", MIB - 4)
            .and(|outcome| assert_eq!(outcome.value, Some(Value::U32((1 << 20) - 4)))),
        count("arguments of the host of a byte too much", MIB - 3)
            .hits(Verdict::OutputLimit, LimitName::HostCallArguments),
        count("arguments of the host of twenty mebibytes", 20 * MIB)
            .hits(Verdict::OutputLimit, LimitName::HostCallArguments),
        wat("a million empty texts to the host", passing())
            .calls("count-texts", (vec![String::new(); 1_000_000],))
            .hits(Verdict::OutputLimit, LimitName::HostCallArguments),
        lie(
            "a list to the host beyond its memory",
            "bytes",
            65_000,
            1000,
        ),
        lie("a list to the host of four gibibytes", "bytes", 0, u32::MAX),
        lie("a list to the host at an odd address", "texts", 2, 1),
        lie(
            "texts to the host that overflow their length",
            "texts",
            8,
            0x2000_0001,
        ),
        text("a lone surrogate to the host", "utf8", 256, 3).traps("invalid utf-8"),
        text("an overlong text to the host", "utf8", 264, 2).traps("invalid utf-8"),
        text("a text to the host beyond its memory", "utf8", 131_070, 99)
            .traps("out of bounds of memory"),
        text("half of a pair to the host", "utf16", 272, 2).traps("unpaired surrogate"),
        text(
            "half of a pair that says what it is",
            "either",
            272,
            0x8000_0002,
        )
        .traps("unpaired surrogate"),
        text("a text of control codes and a zero", "utf8", 280, 10)
            .and(|outcome| assert_eq!(outcome.value, Some(Value::U32(10)))),
        wat("an answer of the host that just fits", passing())
            .calls("bytes", ((16 << 20) - 4u32,))
            .and(|outcome| assert!(outcome.is_ok(), "{}", outcome.verdict)),
        wat("an answer of the host of a byte too much", passing())
            .calls("bytes", ((16 << 20) - 3u32,))
            .fails("returned more than 16MiB"),
        host(
            "a function of the host that answers of another type",
            "wrong",
        )
        .fails("returned what is no `u32`"),
        wat(
            "a function of the host that panics with the guest's text",
            passing(),
        )
        .calls("panic", ("\u{1b}]0;owned\u{7}\nhint: x".repeat(1000),))
        .fails("panicked: "),
        host("a call of the host that outlasts its task", "wait").never_ends(),
        wat("a task that is cancelled while the host works", passing())
            .plays(cancel_while_the_host_works),
        host("a worker that dies while the host works for it", "die")
            .ends(Verdict::WorkerLost)
            .and(|outcome| assert_eq!(outcome.signal, Some(9))),
        wat("calls of the host, for ever", NUMBERS)
            .calls("for ever", ())
            .never_ends(),
        wat(
            "a function of the host that enters its own full pool",
            passing(),
        )
        .calls("again", (4u32,))
        .with(|call| call.timeout(PATIENT))
        .and(|outcome| assert_eq!(outcome.value, Some(Value::U32(4)))),
        wat(
            "a function of the host that enters its own pool without end",
            passing(),
        )
        .plays(|_, _| enters_without_end()),
    ]
}
