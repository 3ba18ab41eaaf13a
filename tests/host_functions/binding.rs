//! Values of every type go to functions of the host and come back, and what does not fit is
//! refused, in one line, before it runs.

use sandpool::{CallContext, Error, FromValue, Imports, PoolBuilder, ToValue, Value, Verdict};

use super::guests::{self, BARE, CORE, DIVIDE, LOOKUP, POKE, RESOURCE, REVERSE, SHAPES, SUM};
use crate::support::{TestPool, open, pool, test};

const STORE: &str = "acme:kv/store@0.1.0";

/// A pool of one worker that gives these functions for the store.
fn giving(imports: Imports) -> TestPool {
    open(one().import("acme:kv/store", imports))
}

fn one() -> PoolBuilder {
    pool().processes(1)
}

fn store() -> Imports {
    Imports::new()
        .func("lookup", |key: String| -> Option<String> {
            (key != "nothing").then(|| key.to_uppercase())
        })
        .func("sum", |numbers: Vec<u32>| -> u64 {
            numbers.into_iter().map(u64::from).sum()
        })
        .func("divide", |a: u32, b: u32| -> Result<u32, String> {
            a.checked_div(b).ok_or_else(|| "division by zero".into())
        })
        .func("reverse", |mut bytes: Vec<u8>| -> Vec<u8> {
            bytes.reverse();
            bytes
        })
        .func("poke", || {})
}

#[test]
fn typed_functions_take_and_return_values() {
    let _test = test();
    let pool = giving(store());
    let all = [LOOKUP, SUM, DIVIDE, REVERSE, POKE];
    let module = pool.wat(&guests::passing(STORE, &all));
    let found: Option<String> = pool.apply(&module, "lookup", ("sky",)).expect("called");
    assert_eq!(found.as_deref(), Some("SKY"));
    let found: Option<String> = pool.apply(&module, "lookup", ("nothing",)).expect("called");
    assert_eq!(found, None);
    let sum: u64 = pool
        .apply(&module, "sum", (vec![1u32, 2, 3],))
        .expect("called");
    assert_eq!(sum, 6);
    let quotient: u32 = pool
        .apply(&module, "divide", (42u32, 2u32))
        .expect("called");
    assert_eq!(quotient, 21);
    let failed = pool.call(&module, "divide").args((1u32, 0u32)).outcome();
    let failed = failed.expect("sent");
    assert_eq!(failed.verdict, Verdict::Error, "{failed}");
    assert_eq!(failed.error.as_deref(), Some("division by zero"));
    let back: Vec<u8> = pool
        .apply(&module, "reverse", (vec![1u8, 2, 3],))
        .expect("called");
    assert_eq!(back, [3, 2, 1]);
    pool.apply::<()>(&module, "poke", ()).expect("called");
}

#[test]
fn bytes_and_texts_of_a_mebibyte_pass() {
    let _test = test();
    let pool = open(
        one()
            .host_call_arguments(4 * sandpool::MIB)
            .import(STORE, store()),
    );
    let module = pool.wat(&guests::passing(STORE, &[REVERSE, LOOKUP]));
    let bytes: Vec<u8> = (0..1 << 20).map(|n| n as u8).collect();
    let back: Vec<u8> = pool.apply(&module, "reverse", (&bytes,)).expect("called");
    assert!(bytes.iter().rev().eq(&back));
    let text = "x".repeat(1 << 20);
    let back: Option<String> = pool.apply(&module, "lookup", (&text,)).expect("called");
    assert!(back.is_some_and(|back| back.len() == text.len() && back.starts_with("XX")));
}

#[test]
fn dynamic_and_async_functions_are_called_as_typed_ones() {
    let _test = test();
    let pool = giving(
        Imports::new()
            .func_dynamic("lookup", |_, arguments| match arguments.as_slice() {
                [Value::String(key)] => Ok(Value::String(key.repeat(2))),
                _ => Err("no key".to_owned()),
            })
            .func_async("divide", |a: u32, b: u32| async move {
                std::future::ready(()).await;
                a.checked_div(b).ok_or_else(|| "by zero".to_owned())
            })
            .func_async(
                "sum",
                |context: CallContext, numbers: Vec<u32>| async move {
                    numbers.len() as u64 + context.index()
                },
            ),
    );
    let module = pool.wat(&guests::passing(STORE, &[LOOKUP, DIVIDE, SUM]));
    // A bare value is an option's.
    let twice: Option<String> = pool.apply(&module, "lookup", ("ab",)).expect("called");
    assert_eq!(twice.as_deref(), Some("abab"));
    let quotient: u32 = pool.apply(&module, "divide", (9u32, 3u32)).expect("called");
    assert_eq!(quotient, 3);
    let count: u64 = pool.apply(&module, "sum", (vec![7u32],)).expect("called");
    assert_eq!(count, 1);
}

#[test]
fn futures_run_within_the_runtime_that_was_there_when_they_were_given() {
    let _test = test();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let imports = runtime.block_on(async {
        Imports::new().func_async("poke", || async {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        })
    });
    let pool = giving(imports);
    let module = pool.wat(&guests::passing(STORE, &[POKE]));
    pool.apply::<()>(&module, "poke", ()).expect("called");
}

#[derive(Debug, PartialEq, FromValue)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, FromValue)]
enum Shape {
    Dot,
    Circle(u32),
}

#[test]
fn records_variants_enums_and_flags_reach_the_host() {
    let _test = test();
    let shapes = Imports::new().func(
        "draw",
        |at: Point, shape: Shape, color: String, style: Value| -> (i32, i32) {
            assert_eq!(
                (color.as_str(), style),
                ("green", Value::Flags(vec!["thin".into()]))
            );
            match shape {
                Shape::Dot => (at.x, at.y),
                Shape::Circle(radius) => (at.x + radius as i32, at.y),
            }
        },
    );
    let pool = open(one().import("acme:shapes/api@0.1.0", shapes));
    let module = pool.wat(SHAPES);
    let sum: i32 = pool.apply(&module, "draw", (1, 2, 30u32)).expect("called");
    assert_eq!(sum, 33);
}

#[test]
fn core_modules_import_numeric_functions() {
    let _test = test();
    let env = Imports::new()
        .func("add", |a: i32, b: i32| a.wrapping_add(b))
        .func("mix", |a: i64, b: f32, c: f64| a as f64 + f64::from(b) + c);
    let pool = open(one().import("env", env));
    let module = pool.wat(CORE);
    assert_eq!(
        pool.apply::<i32>(&module, "add", (40, 2)).expect("called"),
        42
    );
    let mixed: f64 = pool
        .apply(&module, "mix", (1i64, 0.5f32, 0.25f64))
        .expect("called");
    assert_eq!(mixed, 1.75);
    assert_eq!(
        pool.apply::<i32>(&module, "count", (100,)).expect("called"),
        100
    );
}

#[test]
fn integers_of_core_modules_are_unsigned_where_the_closure_takes_them_so() {
    let _test = test();
    let env = Imports::new()
        .func("add", |a: u32, b: u32| -> u32 { a.saturating_sub(b) })
        .func("mix", |a: u64, _: f32, _: f64| a as f64);
    let pool = open(one().import("env", env));
    let module = pool.wat(CORE);
    for n in [0, 1, 1 << 31, u32::MAX] {
        let back: i32 = pool.apply(&module, "add", (n, 0u32)).expect("called");
        assert_eq!(back.cast_unsigned(), n);
    }
    let mixed: f64 = pool
        .apply(&module, "mix", (-1i64, 0f32, 0f64))
        .expect("called");
    assert_eq!(mixed, u64::MAX as f64);
    // What comes is signed where nothing says otherwise.
    let dynamic = Imports::new().func_dynamic("add", |_, arguments| match arguments.as_slice() {
        [Value::S32(a), _] => Ok(Value::S32(*a)),
        other => Err(format!("{other:?}")),
    });
    let call = pool
        .call(&module, "add")
        .args((-7, 0))
        .import("env", dynamic);
    assert_eq!(call.apply::<i32>().expect("called"), -7);
}

#[test]
fn a_function_that_a_component_imports_by_itself_is_given_under_root() {
    let _test = test();
    let pool = open(one().import("$root", Imports::new().func("twice", |n: u32| n * 2)));
    let module = pool.wat(BARE);
    assert_eq!(
        pool.apply::<u32>(&module, "f", (21u32,)).expect("called"),
        42
    );
}

/// The line by which a module is refused.
fn refused(builder: PoolBuilder, module: &str) -> String {
    let pool = open(builder);
    let error = pool.load_bytes(module).expect_err("refused");
    let line = sandpool::value::with_causes(&error);
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn a_function_that_is_missing_or_of_another_type_is_one_line_with_both_types() {
    let _test = test();
    let component = guests::passing(STORE, &[LOOKUP]);
    for (imports, line) in [
        (
            Imports::new().func("lookup", |_: String| 7u32),
            "cannot load `module`: import `acme:kv/store@0.1.0#lookup`: the module wants \
             `func(key: string) -> option<string>`, the host gives `func(string) -> u32`",
        ),
        (
            Imports::new().func("lookup", |_: u64, _: String| None::<String>),
            "cannot load `module`: import `acme:kv/store@0.1.0#lookup`: the module wants \
             `func(key: string) -> option<string>`, the host gives \
             `func(u64, string) -> option<string>`",
        ),
        (
            Imports::new().func("look-up", |_: String| None::<String>),
            "cannot load `module`: import `acme:kv/store@0.1.0#lookup`: the module wants \
             `func(key: string) -> option<string>`, the host gives no function of this name, but \
             `look-up`",
        ),
        (
            store().exact(),
            "cannot load `module`: import `acme:kv/store#divide`: the module does not import it, \
             the host gives `func(u32, u32) -> result<u32, string>`",
        ),
    ] {
        let said = refused(one().import("acme:kv/store", imports), &component);
        assert_eq!(said, line);
    }
    // Others than those of this interface are no matter, nor are more than it wants.
    let more = one()
        .import(STORE, store())
        .import("acme:other/api", Imports::new());
    open(more).wat(&component);
}

#[test]
fn a_module_that_is_looked_at_says_why_its_imports_do_not_fit() {
    let _test = test();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("core.wat");
    std::fs::write(&path, CORE).expect("written");
    for (env, why) in [
        (
            Imports::new().func("add", |a: i32, b: i32| a + b),
            "import `env#mix`: the module wants `func(p0: i64, p1: f32, p2: f64) -> f64`, the \
             host gives no function of this name",
        ),
        (
            Imports::new().func("add", |a: i64, b: i64| a + b),
            "import `env#add`: the module wants `func(p0: i32, p1: i32) -> i32`, the host gives \
             `func(s64, s64) -> s64`",
        ),
    ] {
        let pool = open(one().import("env", env));
        let module = pool.inspect(&path).expect("a module");
        assert_eq!(module.unlinked(), Some(why));
        let error = pool.load(&path).expect_err("refused").to_string();
        assert!(error.ends_with(why), "{error}");
    }
}

#[test]
fn a_module_with_more_imports_than_a_worker_can_be_told_of_is_refused() {
    let _test = test();
    let (mut imports, mut module) = (Imports::new(), String::new());
    for n in 0..6000 {
        imports = imports.func(&format!("f{n}"), || {});
        module.push_str(&format!(r#"(import "env" "f{n}" (func))"#));
    }
    let module = format!(r#"(module {module} (func (export "f")))"#);
    let said = refused(one().import("env", imports), &module);
    let line = "cannot load `module`: the names of the 6000 imports that the host gives take 58892 \
                bytes, and the most is 49152";
    assert_eq!(said, line);
}

#[test]
fn an_import_whose_name_is_evil_is_refused_in_one_plain_line() {
    let _test = test();
    let evil = r#"(module (import "env" "a\n\1b[2J\1b[31mFAKE: ok" (func)) (func (export "f")))"#;
    let said = refused(one().import("env", Imports::new()), evil);
    let line = "cannot load `module`: import `env#a\\n\\u{1b}[2J\\u{1b}[31mFAKE: ok`: the module \
                wants `func()`, the host gives no function of this name";
    assert_eq!(said, line);
    let long = "x".repeat(50_000);
    let long = format!(r#"(module (import "env" "{long}" (func)) (func (export "f")))"#);
    let said = refused(one().import("env", Imports::new()), &long);
    assert!(said.len() < 400, "{}", said.len());
}

#[test]
fn an_import_with_a_resource_and_one_that_nobody_gives_are_refused_in_one_line() {
    let _test = test();
    let files = Imports::new().func("open", |_: String| 7u32);
    let said = refused(one().import("acme:files/api", files), RESOURCE);
    assert!(
        said.contains("no call of the host can carry `own<file>`"),
        "{said}"
    );
    let said = refused(
        one().import("acme:other/api", store()),
        &guests::passing(STORE, &[POKE]),
    );
    let line = "it imports functions that sandpool does not provide: `acme:kv/store@0.1.0`";
    assert!(said.ends_with(line), "{said}");
    // As it did before, when it is known from the cache.
    let given = giving(store());
    given.wat(&guests::passing(STORE, &[POKE]));
    let said = refused(one(), &guests::passing(STORE, &[POKE]));
    assert!(said.ends_with(line), "{said}");
}

#[test]
fn a_call_replaces_functions_or_is_denied_some() {
    let _test = test();
    let pool = giving(store());
    let module = pool.wat(&guests::passing(STORE, &[LOOKUP, DIVIDE, POKE]));
    let own = Imports::new().func("lookup", |_: String| Some("own".to_owned()));
    let call = pool
        .call(&module, "lookup")
        .arg("x")
        .import("acme:kv/store", own);
    let found: Option<String> = call.apply().expect("called");
    assert_eq!(found.as_deref(), Some("own"));
    let found: Option<String> = pool.apply(&module, "lookup", ("x",)).expect("called");
    assert_eq!(found.as_deref(), Some("X"));

    let denied = |function: &str| {
        let call = pool.call(&module, function);
        call.import("acme:kv/store", Imports::denied())
    };
    // A call that can fail does so in its own way, any other ends the task.
    let outcome = denied("divide").args((4u32, 2u32)).outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    let text = "`acme:kv/store@0.1.0#divide` is not granted";
    assert_eq!(outcome.error.as_deref(), Some(text));
    assert_eq!(outcome.refusals.len(), 1, "{outcome}");
    let outcome = denied("poke").outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Denied, "{outcome}");
    let error = outcome.error.as_deref().unwrap_or_default();
    assert!(error.contains("acme:kv/store@0.1.0#poke"), "{error}");

    let call = pool.call(&module, "poke").import("acme:other/api", store());
    let error = call.outcome().expect_err("not of the pool");
    assert!(matches!(error, Error::Import { .. }), "{error}");
    let misspelt = Imports::new().deny("Poke");
    let call = pool.call(&module, "poke").import("acme:kv/store", misspelt);
    let error = sandpool::value::with_causes(&call.outcome().expect_err("misspelt"));
    let line = "module `module` cannot be run: import `acme:kv/store#Poke`: the module imports no \
                function of this name, but `lookup`, `divide`, `poke`";
    assert_eq!(error, line);
    let wrong = Imports::new().func("poke", |n: u32| n);
    let call = pool.call(&module, "poke").import("acme:kv/store", wrong);
    let error = sandpool::value::with_causes(&call.outcome().expect_err("of another type"));
    let line = "module `module` cannot be run: import `acme:kv/store@0.1.0#poke`: the module wants \
                `func()`, the host gives `func(u32) -> u32`";
    assert_eq!(error, line);
}

#[derive(ToValue)]
struct Wrong {
    z: String,
}

#[test]
fn a_value_that_only_the_call_can_check_ends_the_task_with_error() {
    let _test = test();
    let shapes = Imports::new().func("draw", |_: Value, _: Value, _: Value, _: Value| Wrong {
        z: "z".into(),
    });
    let pool = open(one().import("acme:shapes/api", shapes));
    let module = pool.wat(SHAPES);
    let outcome = pool.call(&module, "draw").args((1, 2, 3u32)).outcome();
    let outcome = outcome.expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    let error = outcome.error.as_deref().unwrap_or_default();
    let start = "`acme:shapes/api@0.1.0#draw` returned what is no `tuple<s32, s32>`: ";
    assert!(error.starts_with(start), "{error}");
}
