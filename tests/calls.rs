//! Calls of functions: what goes in comes out, and what does not fit is said
//! before anything is sent.

use sandpool::value::{Kwargs, LookupError, from_json_str, to_json};
use sandpool::{Error, Value, Verdict};

use crate::support::{TestPool, one_worker, open, pool, test, two_workers};

#[test]
fn a_typed_call_returns_a_typed_value() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let n: u64 = pool.apply(&math, "fib", (30u32,)).expect("ok");
    assert_eq!(n, 832_040);
    let primes: Vec<u32> = pool.apply(&math, "primes-below", (20,)).expect("ok");
    assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19]);
    let sum: i32 = pool.apply(&math, "add", (i32::MAX, 1)).expect("ok");
    assert_eq!(sum, i32::MIN);
}

#[test]
fn a_dynamic_call_returns_a_value() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let call = pool.call(&math, "fib").values(vec![Value::U32(10)]);
    let outcome = call.outcome().expect("sent");
    assert_eq!(outcome.value, Some(Value::U64(55)));
    assert_eq!(outcome.verdict, Verdict::Ok);
    assert_eq!((outcome.attempts, outcome.index), (1, 0));
    assert_eq!(&*outcome.function, "fib");
    assert_eq!(&*outcome.module_hash, math.hash());
    assert_eq!((outcome.error, outcome.limit), (None, None));
    assert_eq!(pool.worker_pids(), [outcome.worker_pid.expect("a pid")]);
    assert!(outcome.run_time.is_some() && outcome.peak_memory.is_some_and(|bytes| bytes > 0));
}

#[test]
fn keywords_mean_the_parameters_of_that_name() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let sum: i32 = pool
        .call(&math, "add")
        .kwarg("b", 2)
        .arg(-1)
        .apply()
        .expect("ok");
    assert_eq!(sum, 1);
    let kwargs = Kwargs::new().set("text", "ABC").set("to", "lower");
    let text = pool.guest("text");
    let lower: String = pool.apply(&text, "change-case", kwargs).expect("ok");
    assert_eq!(lower, "abc");
}

#[test]
fn records_variants_options_flags_and_lists_go_in_and_come_out() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let describe =
        |shape: Value| -> String { pool.apply(&text, "describe", (shape,)).expect("ok") };
    let some = |value| Some(Box::new(value));
    assert_eq!(describe(Value::Variant("point".into(), None)), "a point");
    assert_eq!(
        describe(Value::Variant("circle".into(), some(Value::F64(1.5)))),
        "a circle of radius 1.5"
    );
    let sides = Value::record([("width", Value::F64(2.0)), ("height", Value::F64(3.0))]);
    assert_eq!(
        describe(Value::Variant("rectangle".into(), some(sides))),
        "a rectangle of 2 by 3"
    );
    let sides = Value::Tuple(vec![Value::F64(3.0), Value::F64(4.0), Value::F64(5.0)]);
    assert_eq!(
        describe(Value::Variant("triangle".into(), some(sides))),
        "a triangle with sides 3, 4 and 5"
    );

    let find = |options: Option<Value>| -> Vec<(u32, u32)> {
        let args = ("Ox, ox and oxen", "ox", options);
        pool.apply(&text, "find", args).expect("ok")
    };
    let options = |flags: &[&str], limit: Option<u32>| {
        let flags = Value::Flags(flags.iter().map(|flag| (*flag).to_owned()).collect());
        let limit = limit.map_or(Value::none(), |limit| Value::some(Value::U32(limit)));
        Some(Value::record([("flags", flags), ("limit", limit)]))
    };
    assert_eq!(find(None), [(4, 6), (11, 13)]);
    assert_eq!(
        find(options(&["ignore-case"], None)),
        [(0, 2), (4, 6), (11, 13)]
    );
    assert_eq!(
        find(options(&["ignore-case", "whole-word"], None)),
        [(0, 2), (4, 6)]
    );
    assert_eq!(find(options(&[], Some(1))), [(4, 6)]);

    let counted: Vec<(String, u32)> = pool.apply(&text, "word-count", ("b a b",)).expect("ok");
    assert_eq!(counted, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
}

#[test]
fn a_record_comes_out_with_its_fields_and_options() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let summary: Value = pool
        .apply(&text, "statistics", ("größer is\nbetter",))
        .expect("ok");
    let ty = text.find("statistics").expect("found").result.clone();
    let expected = r#"{"bytes":18,"characters":16,"words":3,"lines":2,"longest-word":"größer"}"#;
    let expected = from_json_str(expected, &ty.expect("a result")).expect("it is one");
    assert_eq!(to_json(&summary), to_json(&expected));
    assert_eq!(summary, expected);
    let empty: Value = pool.apply(&text, "statistics", ("",)).expect("ok");
    let Value::Record(fields) = empty else {
        panic!("{empty}")
    };
    assert_eq!(fields[4], ("longest-word".to_owned(), Value::none()));
}

#[test]
fn bytes_of_every_size_go_both_ways() {
    let _test = test();
    both_ways(&two_workers());
    // With memory files for the large ones.
    both_ways(&open(pool().processes(2).most_in_ring((1 << 20) + 4096)));
}

fn both_ways(pool: &TestPool) {
    let digest = pool.guest("digest");
    const KIB64: usize = 64 * 1024;
    let sizes = [
        0,
        1,
        KIB64 - 64,
        KIB64 - 1,
        KIB64,
        KIB64 + 1,
        (1 << 20) + 4000,
        (1 << 20) + 4096,
        (1 << 20) + 4100,
        20 << 20,
        (64 << 20) - 5,
    ];
    for size in sizes {
        let data: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let back: Vec<u8> = pool.apply(&digest, "echo", (&data,)).expect("ok");
        assert!(back == data, "{size} bytes came back as {}", back.len());
    }
    let abc: String = pool
        .apply(&digest, "sha256", (b"abc".to_vec(),))
        .expect("ok");
    assert_eq!(
        abc,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn large_values_of_many_tasks_are_not_mixed_up() {
    let _test = test();
    let pool = two_workers();
    let digest = pool.guest("digest");
    let data = |n: usize| vec![n as u8; n * 3001];
    let outcomes = pool
        .map::<Vec<u8>>(&digest, "echo", (0..200).map(|n| (data(n),)))
        .expect("sent");
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.index, n as u64);
        let right = outcome.value.as_ref() == Some(&data(n));
        assert!(right, "{n}: {} {:?}", outcome.verdict, outcome.error);
    }
}

#[test]
fn the_functions_own_error_is_the_verdict_error() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let hello: String = pool.apply(&text, "greet", ("bob",)).expect("ok");
    assert_eq!(hello, "hello, bob");
    let outcome = pool.call(&text, "greet").arg("").outcome().expect("sent");
    let said = "nobody to greet: the name is empty";
    assert_eq!(outcome.verdict, Verdict::Error);
    assert_eq!(outcome.value, None);
    assert_eq!(outcome.error_value, Some(Value::String(said.into())));
    assert_eq!(outcome.error.as_deref(), Some(said));
    let error = pool
        .apply::<String>(&text, "greet", ("",))
        .expect_err("err");
    assert_eq!(error.to_string(), format!("error: {said}"));
}

#[test]
fn an_unknown_function_names_those_there_are() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let error = pool.apply::<u64>(&math, "fibb", (1,)).expect_err("unknown");
    let Error::Function(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.to_string(), "the module has no function `fibb`");
    assert_eq!(error.hint(), "did you mean `fib`?");
    let LookupError::Unknown { mut available, .. } = error else {
        panic!("{error}")
    };
    available.sort();
    assert_eq!(available, ["add", "fib", "primes-below"]);
    assert!(pool.worker_pids().is_empty(), "nothing was sent");
}

#[test]
fn wrong_arguments_say_which_parameter_wants_which_type() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let says = |result: Result<Value, Error>, words: &[&str]| {
        let error = result.expect_err("it does not fit");
        assert!(matches!(error, Error::Arguments(_)), "{error:?}");
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        assert!(!text.contains('\n'), "{text}");
    };
    says(
        pool.apply(&math, "fib", ("x",)),
        &["\"x\"", "u32", "`n`", "fib"],
    );
    says(pool.apply(&math, "fib", (-1,)), &["-1", "u32", "`n`"]);
    says(
        pool.apply(&math, "fib", (1u64 << 32,)),
        &["4294967296", "u32", "`n`"],
    );
    says(
        pool.apply(&math, "fib", (1, 2)),
        &["2 arguments", "takes 1", "fib"],
    );
    says(pool.apply(&math, "fib", ()), &["no argument", "`n`", "u32"]);
    says(
        pool.apply(&math, "fib", Kwargs::new().set("m", 1)),
        &["`m`", "it has `n`"],
    );
    says(
        pool.call(&math, "fib").arg(1).kwarg("n", 1).apply(),
        &["`n`", "twice"],
    );
    assert!(pool.worker_pids().is_empty(), "nothing was sent");
}

#[test]
fn a_result_of_another_type_than_asked_for_is_said_to_be_so() {
    let _test = test();
    let pool = one_worker();
    let math = pool.guest("math");
    let error = pool
        .apply::<String>(&math, "fib", (1,))
        .expect_err("no string");
    assert!(matches!(error, Error::Convert(_)), "{error:?}");
    // 2971215073 is more than an i32 holds.
    let error = pool
        .apply::<i32>(&math, "primes-below", (3,))
        .expect_err("a list");
    assert!(matches!(error, Error::Convert(_)), "{error:?}");
}

#[test]
fn a_guest_is_told_about_its_own_task() {
    let _test = test();
    let pool = one_worker();
    let sleeper = pool.guest("sleeper");
    let call = pool.call(&sleeper, "who-am-i").name("inquiry");
    let outcome = call.outcome().expect("sent");
    let pid = outcome.worker_pid.expect("a pid");
    let ty = sleeper.find("who-am-i").expect("found").result.clone();
    let Some(Value::Record(fields)) = outcome.value else {
        panic!("{outcome} of {ty:?}")
    };
    assert_eq!(fields[0].1, Value::U64(0), "index");
    assert_eq!(fields[1].1, Value::U32(1), "attempt");
    assert_eq!(fields[2].1, Value::String("inquiry".into()), "name");
    assert_eq!(fields[3].1, Value::U32(pid), "worker-pid");
    let Value::Option(Some(left)) = &fields[4].1 else {
        panic!("there is a default deadline")
    };
    let Value::U64(left) = **left else {
        panic!("{left}")
    };
    assert!(
        (1..=10_000_000_000).contains(&left),
        "{left} ns of 10 s are left"
    );
}
