//! Scripts as tasks: the guest `script` is an interpreter for JavaScript, so
//! what runs is a text that somebody wrote. Whatever it says, the caller is
//! told what happened, and neither the pool nor the next script sees a trace.

use std::time::Duration;

use sandpool::{LimitName, MIB, Module, Outcome, Verdict};

use crate::support::{SOON, TestPool, one_worker, open, pool, test};

/// Runs a script within the pool's limits.
fn eval(pool: &TestPool, module: &Module, source: &str, input: &str) -> Outcome {
    let call = pool.call(module, "eval").args((source, input));
    call.outcome().expect("sent")
}

/// The value of a script that has one, as JSON.
#[track_caller]
fn value(outcome: Outcome) -> String {
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    outcome.typed::<String>().value.expect("a text")
}

/// The error of a script that ended with one.
#[track_caller]
fn error(outcome: Outcome) -> String {
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    outcome.error.expect("it says why")
}

#[test]
fn the_last_expression_is_the_result_and_the_input_is_there_parsed() {
    let _test = test();
    let pool = one_worker();
    let script = pool.guest("script");
    for (source, input, result) in [
        ("input.a + 1", r#"{"a": 1}"#, "2"),
        (
            "input",
            r#"[1.5,"é",{"b":null,"a":true}]"#,
            r#"[1.5,"é",{"b":null,"a":true}]"#,
        ),
        ("input", "", "null"),
        ("const input = 5; input", "1", "5"),
        ("Object.keys(input).join()", r#"{"z":1,"a":2}"#, r#""z,a""#),
        (
            "let sum = 0;\nfor (const n of input) sum += n;\nsum",
            "[1,2,3]",
            "6",
        ),
        ("(async () => { await 1; return [input] })()", "7", "[7]"),
        // JSON has no word for these.
        ("undefined", "", "null"),
        ("x => x", "", "null"),
        ("", "", "null"),
        ("new Date(0)", "", r#""1970-01-01T00:00:00.000Z""#),
    ] {
        assert_eq!(
            value(eval(&pool, &script, source, input)),
            result,
            "{source}"
        );
    }
}

#[test]
fn what_the_console_is_told_is_the_tasks_output() {
    let _test = test();
    let pool = one_worker();
    let script = pool.guest("script");
    let source = "console.log('a', 1, [2]); console.error('b'); 3";
    let outcome = eval(&pool, &script, source, "");
    assert_eq!(outcome.stdout.as_deref(), Some(&b"a 1 [ 2 ]\n"[..]));
    assert_eq!(outcome.stderr.as_deref(), Some(&b"b\n"[..]));
    assert_eq!(value(outcome), "3");
}

#[test]
fn an_error_says_what_and_in_which_line() {
    let _test = test();
    let pool = one_worker();
    let script = pool.guest("script");
    for (source, beginning, place) in [
        ("\n\nnull.x", "TypeError: ", "(script:3:"),
        ("let x = ;", "SyntaxError: ", "at line 1, col 9"),
        ("\nthrow new Error('mine')", "Error: mine", "(script:2:"),
        (
            "function f() {\n  null.x\n}\n\nf()",
            "TypeError: ",
            "at f (script:2:",
        ),
        (
            "function f(n) { return 1 + f(n) }\nf(1)",
            "RuntimeLimitError: ",
            "at f (script:1:",
        ),
        (
            "(async () => { throw new Error('later') })()",
            "Error: later",
            "(script:1:",
        ),
        (
            "new Promise(() => {})",
            "Error: the script ended before",
            "",
        ),
        (
            "const a = []; a[0] = a; a",
            "TypeError: cyclic object value",
            "",
        ),
    ] {
        let text = error(eval(&pool, &script, source, ""));
        assert!(text.starts_with(beginning), "{source}: {text}");
        assert!(text.contains(place), "{source}: {text}");
    }
    let text = error(eval(&pool, &script, "1", "{"));
    assert!(text.starts_with("the input is no JSON: "), "{text}");
}

#[test]
fn an_endless_script_is_a_timeout_and_the_pool_goes_on() {
    let _test = test();
    let pool = open(pool().processes(1).timeout(Duration::from_millis(500)));
    let script = pool.guest("script");
    for source in [
        "for (;;) {}",
        "function f() { Promise.resolve().then(f) }\nf(); for (;;) {}",
        "/(a*)*b/.test('a'.repeat(40))",
        "9n ** 9999999n",
    ] {
        let outcome = eval(&pool, &script, source, "");
        assert_eq!(outcome.verdict, Verdict::Timeout, "{source}: {outcome}");
        assert_eq!(value(eval(&pool, &script, "1 + 1", "")), "2");
    }
}

#[test]
fn a_memory_bomb_meets_the_limit_and_the_pool_goes_on() {
    let _test = test();
    // Some are slow eaters.
    let pool = open(pool().processes(1).memory(32 * MIB).timeout(SOON));
    let script = pool.guest("script");
    for source in [
        "const all = []; for (;;) all.push({})",
        "let text = 'x'; for (;;) text += text",
        "const all = []; for (;;) all.push('x'.repeat(1e6) + all.length)",
        "let f = x => x; for (;;) f = f.bind(null)",
        "(function f() { Promise.resolve().then(f); Promise.resolve().then(f) })()",
    ] {
        let outcome = eval(&pool, &script, source, "");
        assert_eq!(outcome.verdict, Verdict::MemoryLimit, "{source}: {outcome}");
        let hit = outcome.limit.expect("the limit that ended it");
        assert_eq!(hit.name, LimitName::Memory, "{source}");
        assert_eq!(value(eval(&pool, &script, "1 + 1", "")), "2");
    }
}

#[test]
fn a_script_of_honest_depth_runs_and_one_of_endless_depth_is_told_or_trapped() {
    let _test = test();
    let pool = one_worker();
    let script = pool.guest("script");
    let sum = "function f(n) { return n ? 1 + f(n - 1) : 0 }\nf(5000)";
    assert_eq!(value(eval(&pool, &script, sum, "")), "5000");
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(value(eval(&pool, &script, &nested, &nested)), nested);

    let parentheses = "(".repeat(100_000);
    let brackets = format!("'{}'", "[".repeat(100_000));
    for source in [
        "function f() { return f() } f()",
        "function f() { return [1].map(f) } f()",
        "function f() { return { get x() { return f() } }.x } f()",
        "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
        "let p = []; for (let i = 0; i < 1e5; i++) p = [p]; p",
        "new RegExp('('.repeat(1e5))",
        &parentheses,
        &format!("JSON.parse({brackets})"),
    ] {
        let outcome = eval(&pool, &script, source, "");
        let verdicts = [Verdict::Error, Verdict::Trap];
        assert!(verdicts.contains(&outcome.verdict), "{outcome}");
        assert!(outcome.worker_pid.is_some(), "a worker has answered");
        assert_eq!(value(eval(&pool, &script, "1 + 1", "")), "2");
    }
}

#[test]
fn nothing_of_a_script_is_left_for_the_next_one() {
    let _test = test();
    let pool = one_worker();
    let script = pool.guest("script");
    let mark = "globalThis.left = 1;
        Object.prototype.left = 2;
        Array.prototype.push = () => 'mine';
        JSON.stringify = () => 'forged';
        Math.max = () => 3;
        input = 4;
        console.log = null;
        Symbol.for('left'); 'done'";
    let look = "[typeof left, typeof {}.left, [].push(1), JSON.stringify(1), Math.max(1),
        input, typeof console.log]";
    let first = eval(&pool, &script, mark, "null");
    let worker = first.worker_pid;
    // Its own results go by way of what it cannot change.
    assert_eq!(value(first), r#""done""#);
    let second = eval(&pool, &script, look, "null");
    assert_eq!(second.worker_pid, worker, "in the same process");
    let clean = r#"["undefined","undefined",1,"1",1,null,"function"]"#;
    assert_eq!(value(second), clean);
}

#[test]
fn a_script_has_the_clock_and_random_numbers_and_no_way_out() {
    let _test = test();
    let pool = one_worker();
    let script = pool.guest("script");
    let given = "Date.now() > 1.7e12 && Math.random() !== Math.random()";
    assert_eq!(value(eval(&pool, &script, given, "")), "true");
    let names = "['fetch', 'XMLHttpRequest', 'WebSocket', 'require', 'process', 'Deno', 'Bun',
        'std', 'os', 'load', 'read', 'print', 'setTimeout', 'Worker', 'WebAssembly']
        .filter(name => name in globalThis)";
    assert_eq!(value(eval(&pool, &script, names, "")), "[]");
    let text = error(eval(&pool, &script, "fetch('http://example.com')", ""));
    assert!(
        text.starts_with("ReferenceError: fetch is not defined"),
        "{text}"
    );
    for module in [
        "fs",
        "/etc/passwd",
        "./script.js",
        "http://example.com/x.js",
    ] {
        let outcome = eval(&pool, &script, &format!("import('{module}')"), "");
        assert_eq!(outcome.refusals, [], "it did not even ask for a file");
        let text = error(outcome);
        assert!(text.contains("module resolution is disabled"), "{text}");
    }
    // Code in strings has no more rights.
    let text = error(eval(&pool, &script, "new Function('return require')()", ""));
    assert!(text.starts_with("ReferenceError: "), "{text}");
}

#[test]
fn a_thousand_scripts_are_a_thousand_results() {
    let _test = test();
    let pool = open(pool().processes(2));
    let script = pool.guest("script");
    let calls = (0..1000).map(|n| (format!("input * {n} + (globalThis.n ??= 0)"), "2"));
    let outcomes = pool.map::<String>(&script, "eval", calls).expect("sent");
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.value, Some((2 * n).to_string()), "{outcome}");
    }
}
