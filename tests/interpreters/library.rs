//! The interpreters by the library: tools, sessions, values in and out.

use std::time::{Duration, Instant};

use sandpool::{Error, Pool, Session, SessionEnd, Tool, Value, Verdict};
use serde_json::{Value as Json, json};

use super::{JAVASCRIPT, Language, PATIENT, PYTHON, ended};
use crate::support::{TestPool, eventually, open, pool, test_alone_for};

/// A pool with three tools.
fn with_tools() -> TestPool {
    let search = Tool::new("search", |arguments: Json| {
        let query = arguments["query"].as_str().ok_or("`query` is missing")?;
        let limit = arguments["limit"].as_u64().unwrap_or(1);
        Ok(json!(
            (0..limit)
                .map(|n| format!("{query} {n}"))
                .collect::<Vec<_>>()
        ))
    });
    let search = search
        .description("Searches the documentation.")
        .schema(json!({
            "type": "object",
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["query"],
        }));
    let fails = Tool::new("fails", |_| Err("the index is being built".to_owned()));
    let echo = Tool::new("echo", Ok);
    let builder = pool().tools([search, fails, echo]);
    open(builder.timeout(Duration::from_secs(20)))
}

fn value(pool: &Pool, language: &Language, source: &str) -> String {
    let module = pool
        .load(language.file())
        .unwrap_or_else(|error| panic!("{error}"));
    let outcome = ended(&language.send(pool, &module, source));
    match outcome.value {
        Some(Value::String(text)) => text,
        _ => panic!("{source}: {outcome}"),
    }
}

#[test]
fn tools_are_functions_with_the_hosts_errors_and_documentation() {
    let _test = test_alone_for(PATIENT);
    if !PYTHON.is_built() || !JAVASCRIPT.is_built() {
        return;
    }
    let pool = with_tools();
    for (source, expected) in [
        (
            "from tools import search\nsearch('x', limit=2)",
            r#"["x 0","x 1"]"#,
        ),
        ("import tools\ntools.search(query='x')", r#"["x 0"]"#),
        (
            "import tools\nsorted(n for n in dir(tools) if n[0] != 'T')",
            r#"["echo","fails","search"]"#,
        ),
        (
            "import tools\ntools.echo(a=[1, None], b={'c': 'é'})",
            r#"{"a":[1,null],"b":{"c":"é"}}"#,
        ),
        (
            "from tools import search\n'Searches' in search.__doc__",
            "true",
        ),
        (
            "import inspect, tools\nlist(inspect.signature(tools.search).parameters)",
            r#"["query","limit"]"#,
        ),
        (
            "import tools\ntry:\n    tools.fails()\nexcept tools.ToolError as e:\n    result = str(e)",
            r#""the index is being built""#,
        ),
        (
            "try:\n    from tools import missing\nexcept ImportError as e:\n    result = 'no tool `missing`' in str(e)",
            "true",
        ),
    ] {
        assert_eq!(value(&pool, &PYTHON, source), expected, "{source}");
    }
    for (source, expected) in [
        ("tools.search({query: 'x', limit: 2})", r#"["x 0","x 1"]"#),
        (
            "Object.keys(tools).toSorted()",
            r#"["echo","fails","search"]"#,
        ),
        (
            "tools.echo({a: [1, null], b: {c: 'é'}})",
            r#"{"a":[1,null],"b":{"c":"é"}}"#,
        ),
        (
            "try { tools.fails() } catch (e) { e.message }",
            r#""the index is being built""#,
        ),
        (
            "try { tools.missing() } catch (e) { e.message.includes('missing') }",
            "true",
        ),
    ] {
        assert_eq!(value(&pool, &JAVASCRIPT, source), expected, "{source}");
    }
}

fn session(pool: &Pool, language: &Language) -> Session {
    let module = pool
        .load(language.file())
        .unwrap_or_else(|error| panic!("{error}"));
    let session = pool.session(&module).interruptible(true).open();
    session.expect("there is room for one")
}

fn eval(session: &Session, source: &str) -> Result<String, Error> {
    session.call("eval", (source.to_owned(), None::<String>))
}

#[test]
fn names_functions_and_modules_live_in_a_session() {
    let _test = test_alone_for(PATIENT);
    for (language, code, module) in [
        (
            &PYTHON,
            "def double(n): return n * 2\nx = 4",
            "def triple(n): return n * 3",
        ),
        (
            &JAVASCRIPT,
            "function double(n) { return n * 2 }; let x = 4",
            "export const triple = n => n * 3",
        ),
    ] {
        if !language.is_built() {
            return;
        }
        let pool = open(pool());
        let session = session(&pool, language);
        assert_eq!(eval(&session, code).expect("it runs"), "null");
        assert_eq!(eval(&session, "double(x)").expect("it runs"), "8");
        assert_eq!(eval(&session, "_ + 1").expect("it runs"), "9");
        let called: String = session
            .call("script#call", ("double", "[21]"))
            .expect("it runs");
        assert_eq!(called, "42");
        let defined: () = session
            .call("define", ("mine", module))
            .expect("it is sound");
        let () = defined;
        let import = match language.name {
            "python" => "import mine; mine.triple(5)",
            _ => "(await import('mine')).triple(5)",
        };
        assert_eq!(eval(&session, import).expect("it runs"), "15");
        let failed = eval(&session, "undefined_name");
        assert!(matches!(failed, Err(Error::Failed(_))), "{failed:?}");
        assert_eq!(eval(&session, "x").expect("an error ends nothing"), "4");
    }
}

#[test]
fn a_running_call_that_is_interrupted_ends_and_its_session_lives() {
    let _test = test_alone_for(PATIENT);
    for (language, endless, asleep, error) in [
        (
            &PYTHON,
            "while True: pass",
            "import time; time.sleep(60)",
            "KeyboardInterrupt",
        ),
        (
            &JAVASCRIPT,
            "for (;;) {}",
            "await new Promise(r => setTimeout(r, 60000))",
            "interrupted",
        ),
    ] {
        if !language.is_built() {
            return;
        }
        let pool = open(pool().timeout(PATIENT));
        let session = session(&pool, language);
        eval(&session, "x = 5").expect("it runs");
        // Between two calls it does nothing.
        session.interrupt();
        for source in [endless, asleep] {
            let arguments = (source.to_owned(), None::<String>);
            let running = session
                .call_async::<String>("eval", arguments)
                .expect("sent");
            let begun = Instant::now();
            // One that comes before the worker has taken the call is for no call.
            eventually("it is interrupted", || {
                session.interrupt();
                running.ready()
            });
            let outcome = ended(&running);
            assert_eq!(outcome.verdict, Verdict::Error, "{source}: {outcome}");
            let said = outcome.error.unwrap_or_default();
            assert!(said.contains(error), "{source}: {said}");
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
        assert_eq!(eval(&session, "x").expect("the session lives"), "5");
        session.close();
        assert_eq!(session.ended(), Some(SessionEnd::Closed));
    }
}

#[test]
fn nothing_of_a_snippet_is_left_for_the_next_one_in_the_same_process() {
    let _test = test_alone_for(PATIENT);
    for (language, mark, look, clean) in [
        (
            &PYTHON,
            "import builtins, json, sys\nbuiltins.sum = json.dumps = None\nsys.modules['left'] = 1\nx = 1\n'done'",
            "import json, sys\n[sum([1]), json.dumps(1), 'left' in sys.modules, 'x' in globals()]",
            r#"[1,"1",false,false]"#,
        ),
        (
            &JAVASCRIPT,
            "Object.prototype.left = 2; Array.prototype.push = JSON.stringify = null; globalThis.x = 1; 'done'",
            "[typeof {}.left, [].push(1), JSON.stringify(1), typeof x]",
            r#"["undefined",1,"1","undefined"]"#,
        ),
    ] {
        if !language.is_built() {
            return;
        }
        let pool = open(pool().processes(1));
        let module = pool
            .load(language.file())
            .unwrap_or_else(|error| panic!("{error}"));
        let first = ended(&language.send(&pool, &module, mark));
        assert_eq!(
            first.value,
            Some(Value::String(r#""done""#.into())),
            "{first}"
        );
        let second = ended(&language.send(&pool, &module, look));
        assert_eq!(second.worker_pid, first.worker_pid);
        assert_eq!(second.value, Some(Value::String(clean.into())), "{second}");
    }
}

#[test]
fn a_thousand_snippets_are_a_thousand_results() {
    let _test = test_alone_for(PATIENT);
    for language in [&PYTHON, &JAVASCRIPT] {
        if !language.is_built() {
            return;
        }
        let pool = open(pool().processes(2));
        let module = pool
            .load(language.file())
            .unwrap_or_else(|error| panic!("{error}"));
        let calls = (0..1000).map(|n| (format!("input * {n}"), Some("2")));
        let outcomes = pool.map::<String>(&module, "eval", calls).expect("sent");
        for (n, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.value, Some((2 * n).to_string()), "{outcome}");
        }
    }
}

#[test]
fn random_numbers_differ_between_instances_that_began_in_one_snapshot() {
    let _test = test_alone_for(PATIENT);
    for (language, source) in [
        (
            &PYTHON,
            "import random, uuid; [random.random(), str(uuid.uuid4())]",
        ),
        (&JAVASCRIPT, "[Math.random(), Math.random()]"),
    ] {
        if !language.is_built() {
            return;
        }
        let pool = open(pool());
        let drawn: std::collections::HashSet<_> =
            (0..4).map(|_| value(&pool, language, source)).collect();
        assert_eq!(drawn.len(), 4, "{drawn:?}");
    }
}
